"""Asks a name server of its own for names: on this machine, and in guests.  Prints JSON.

To be run by unshare(1), as root of user, mount and network namespaces: the loopback and its
port 53 are this process's own there, and so is what QEMU's user network finds in
/etc/resolv.conf when a guest asks 10.0.2.3.

Its argument is JSON: one entry a session, with the program "here" in "root",
the "image", what it is to "boot" with, the "words" to ask for, and what the two get as
/etc/resolv.conf, "server_here" and "server".
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from name_server import ADDRESS, NameServer
from packaged_roots import enter

from kernel_magics import Lab

__all__ = ["main"]

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
HERE = f"nameserver {ADDRESS[0]}\n"
WAIT_S = 60


def main() -> None:
    """Do what the command line says, and print what was said and who was asked for it."""
    sessions: dict[str, dict[str, Any]] = json.loads(sys.argv[1])
    _loopback_up()
    server = NameServer()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolver, Lab(driver="qemu") as lab:
        resolver.write(HERE)
        resolver.flush()
        subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)
        print(json.dumps({name: _both(lab, server, session)
                          for name, session in sessions.items()}))


def _loopback_up() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _both(lab: Lab, server: NameServer, session: dict[str, Any]) -> dict[str, Any]:
    return {"here": _noted(server, lambda: _here(session)),
            "guest": _noted(server, lambda: _guest(lab, session))}


def _noted(server: NameServer, run: Any) -> dict[str, Any]:
    server.forget()
    return {"said": run().splitlines(), "asked": server.asked}


def _here(session: dict[str, Any]) -> str:
    """Run the program on this machine, in the root that a guest has too."""
    root = Path(session["root"])
    (root / "etc/resolv.conf").write_text(HERE)
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    return subprocess.run([session["here"], session["server_here"], *session["words"]],
                          capture_output=True, text=True, timeout=WAIT_S,
                          preexec_fn=lambda: enter(root)).stdout


def _guest(lab: Lab, session: dict[str, Any]) -> str:
    guest = lab.boot(session["image"], net="user", **session["boot"],
                     argv=[session["here"], session["server"], *session["words"]])
    try:
        guest.wait(timeout=WAIT_S)
        return guest.console.text
    finally:
        guest.stop()


if __name__ == "__main__":
    main()
