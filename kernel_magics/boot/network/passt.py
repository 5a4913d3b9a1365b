"""passt: a user-mode network in a process of its own, which ends with its guest's QEMU.

Source: passt(1).  With --one-off it serves one QEMU and leaves when that does.
"""

import os
import re
import shutil
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kernel_magics.boot.hypervisor.qemu import spawn
from kernel_magics.boot.hypervisor.refusals import port_error
from kernel_magics.boot.network.network import LOOPBACK, Forward, Network
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.errors import BootError, HostError, LabError

__all__ = ["find_passt", "start_passt"]

PATIENCE_S = 20.0
LOOK_S = 0.002
_BUSY = re.compile(r"Failed to bind any port for '-[tu] ([^']*)'")
_UNIX_SOCKETS = Path("/proc/net/unix")
_ACCEPTS = 0x10000   # linux/net.h: __SO_ACCEPTCON
TRIES = 10   # for a free port: another program may be quicker


def find_passt() -> str:
    """Return the path of passt; raises HostError if it is not installed."""
    found = shutil.which("passt")
    if not found:
        raise HostError("passt was not found",
                        next_step='install it: sudo apt install passt; or give net="user"')
    return found


def start_passt(network: Network, files: GuestFiles) -> tuple[ProcessId, Network]:
    """Start passt for one guest; return its process and the network with its host ports.

    Raises HostError if there is none, BootError (attribute `log`) if it refuses.
    """
    binary = find_passt()
    for last in [False] * (TRIES - 1) + [True]:
        chosen = replace(network, forwards=tuple(map(_with_port, network.forwards)))
        log = files.folder / "passt.log"
        files.passt_socket.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        pid = spawn([binary, "--foreground", "--one-off", *_same_user(),
                     "--socket", str(files.passt_socket),
                     *_forwards("--tcp-ports", "tcp", chosen),
                     *_forwards("--udp-ports", "udp", chosen)], log)
        process = ProcessId.of(pid)
        threading.Thread(target=_reap, args=(pid,), name="passt", daemon=True).start()
        if _listens(process, files):
            return process, chosen
        process.terminate()
        if last or chosen == network:
            raise _refused(log, chosen)
    raise AssertionError("the last try returns or raises")


def _same_user() -> list[str]:
    """Root's passt would become nobody, who cannot enter a guest's folder."""
    return [] if os.geteuid() else ["--runas", "0:0"]


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _refused(log: Path, network: Network) -> LabError:
    lines = [line for line in log.read_text(errors="replace").splitlines()
             if line and not line.endswith("bytes to syslog")]
    taken = next((found for line in lines if (found := _BUSY.search(line))), None)
    for forward in network.forwards:
        if taken and f"/{forward.host_port}:" in taken[1] + ":":
            return port_error(forward)
    return BootError(f"passt refuses: {lines[-1] if lines else 'it says nothing'}",
                     log="\n".join(lines), next_step='see passt(1); or give net="user"')


def _listens(process: ProcessId, files: GuestFiles) -> bool:
    """Wait until QEMU can connect: the socket is there earlier, and the ports are by then."""
    deadline = time.monotonic() + PATIENCE_S
    while process.is_alive() and time.monotonic() < deadline:
        if _is_listening(files.passt_socket):
            return process.is_alive()
        time.sleep(LOOK_S)
    return False


def _is_listening(path: Path) -> bool:
    """Whether a process listens at a Unix socket: unix(7), /proc/net/unix."""
    for line in _UNIX_SOCKETS.read_text(errors="replace").splitlines():
        fields = line.split(maxsplit=7)
        if fields[-1] == str(path) and int(fields[3], 16) & _ACCEPTS:
            return True
    return False


def _with_port(forward: Forward) -> Forward:
    if forward.host_port:
        return forward
    kind = socket.SOCK_STREAM if forward.protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        return replace(forward, host_port=probe.getsockname()[1])


def _forwards(option: str, protocol: str, network: Network) -> list[str]:
    ports = [f"{forward.host_port}:{forward.guest_port}" for forward in network.forwards
             if forward.protocol == protocol]
    return [option, f"{LOOPBACK}/{','.join(ports)}" if ports else "none"]
