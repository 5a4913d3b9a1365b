"""Bulk TCP both ways through QEMU's user network: against a Linux guest, and the host alone.

The host's side is the same program over the host's own loopback: what neither guest nor
forwarder has a part in.  Of a guest it is said how busy QEMU's main thread was, in which
the forwarder works: near 1, the forwarder is what bounds it.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import BootError

from .measuring import Report, interleave
from .peer_devices import Hardware, free_ports
from .peers import PEER_MIB, Peer, peers
from .programs import linux_program

__all__ = ["run", "transfer_mib_s"]

PORT = 5000
_PIECE = bytes(1 << 16)


def run(quick: bool) -> Report:
    """Measure MiB/s out of the guest ("send") and into it ("take")."""
    report = Report("bulk_tcp", quick)
    size = (8 if quick else 64) << 20
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-net, QEMU's user network;"
                f" one connection, {size >> 20} MiB at a time; no checksum by the programs")
    with peers("bulk_server", [str(PORT)], hardware=Hardware(ports=[PORT])) as both, \
            _on_the_host() as host_port:
        for way in ("send", "take"):
            busy: dict[str, list[float]] = {peer.name: [] for peer in both}

            def guest(peer: Peer, way: str = way, busy: dict = busy) -> float:
                return _with_share(peer, busy, lambda: transfer_mib_s(peer.ports[PORT], way, size))

            samples = interleave(2 if quick else 10,
                                 rumpkit=lambda g=guest: g(both.rumpkit),
                                 linux=lambda g=guest: g(both.linux),
                                 host=lambda w=way: transfer_mib_s(host_port, w, size))
            _add(report, "out of" if way == "send" else "into", samples, busy)
    return report


def _add(report: Report, way: str, samples: dict[str, list[float]],
         busy: dict[str, list[float]]) -> None:
    mine = report.measure(f"{way} the guest: rumpkit", "MiB/s", samples["rumpkit"])
    peer = report.measure(f"{way} the guest: Linux", "MiB/s", samples["linux"])
    host = report.measure(f"{way} the program: the host's loopback", "MiB/s", samples["host"])
    report.ratio(f"{way}: Linux / rumpkit", peer, mine, at_most=1)
    report.ratio(f"{way}: host / rumpkit", host, mine)
    for name, shares in busy.items():
        report.measure(f"{way}: forwarder's thread busy, {name}", "of 1", shares[1:])


def _with_share(peer: Peer, busy: dict[str, list[float]], run: Callable[[], float]) -> float:
    """Run, and note what share of the time QEMU's main thread was running."""
    begun_ns, used_ns = time.monotonic_ns(), peer.main_thread_ns()
    result = run()
    busy[peer.name].append((peer.main_thread_ns() - used_ns) / (time.monotonic_ns() - begun_ns))
    return result


def transfer_mib_s(port: int, way: str, size: int) -> float:
    """Move `size` bytes from ("send") or to ("take") the server at a port of the host."""
    begun_ns = time.monotonic_ns()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"{way} {size}\n".encode())
        if way == "take":
            for _ in range(size // len(_PIECE)):
                connection.sendall(_PIECE)
        else:
            _take(connection, size)
        answer = connection.makefile("rb").readline()
    if not answer.startswith(b"%d " % size):
        raise BootError(f"the server moved {answer!r} instead of {size} bytes",
                        next_step="look at the guest's console and at a capture of its traffic")
    return size / (1 << 20) / ((time.monotonic_ns() - begun_ns) / 1e9)


def _take(connection: socket.socket, size: int) -> None:
    buffer = memoryview(bytearray(1 << 18))
    while size:
        got = connection.recv_into(buffer[:min(size, len(buffer))])
        if not got:
            raise BootError("the server closed the connection", next_step="look at its console")
        size -= got


@contextmanager
def _on_the_host() -> Iterator[int]:
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as folder:
        program = linux_program("bulk_server", Path(folder) / "bulk_server")
        process = subprocess.Popen([program, str(port)], stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield port
        finally:
            process.kill()
            process.communicate()
