"""passt: a user-mode network in a process of its own, which ends with its guest's QEMU.

Source: passt(1).  With --one-off it serves one QEMU and leaves when that does.
"""

import shutil
import socket
import time
from dataclasses import replace

from kernel_magics.boot.network import LOOPBACK, Forward, Network
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.qemu import spawn
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.errors import BootError, HostError

__all__ = ["find_passt", "start_passt"]

PATIENCE_S = 5.0
LOOK_S = 0.002
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
        process = ProcessId.of(spawn([binary, "--foreground", "--one-off", "--quiet",
                                      "--socket", str(files.passt_socket),
                                      *_forwards("--tcp-ports", "tcp", chosen),
                                      *_forwards("--udp-ports", "udp", chosen)], log))
        if _listens(process, files):
            return process, chosen
        process.terminate()
        said = log.read_text(errors="replace").strip()
        if last or chosen == network:
            raise BootError(f"passt refuses: {said or 'it says nothing'}", log=said,
                            next_step='see passt(1); or give net="user"')
    raise AssertionError("the last try returns or raises")


def _listens(process: ProcessId, files: GuestFiles) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while process.is_alive() and time.monotonic() < deadline:
        if files.passt_socket.exists():
            time.sleep(LOOK_S)  # the ports come after the socket
            return process.is_alive()
        time.sleep(LOOK_S)
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
