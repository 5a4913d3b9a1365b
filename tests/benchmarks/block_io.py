"""Files on an ext2 disk (virtio-blk, raw, O_DIRECT): against a Linux guest and dd here."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import HostError

from .device_files import Task, ask, content_files, dd_mib_s
from .measuring import Report, interleave
from .peer_devices import DISK_FOLDER, Hardware
from .peers import PEER_MIB, Peer, Peers, peers

__all__ = ["run"]

_PAGES = 256  # of a random read
_WORDS = {"read": "read", "random": "random reads of 4 KiB", "write": "write and fsync"}


def run(quick: bool) -> Report:
    """Measure sequential and random reads, and writes with fsync."""
    report = Report("block_io", quick)
    rounds, size = (2, 2 << 20) if quick else (10, 8 << 20)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-blk, cache=none;"
                f" files of {size >> 20} MiB, each read for the first time, 64 KiB a call")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sums, disk = _disk(folder, rounds + 1, size)
        with peers("file_speed", hardware=Hardware(disk=disk)) as both:
            _measure(report, both, Task("read", "read"), rounds, sums,
                     host=lambda number: dd_mib_s(size, source=folder / "root" / f"read-{number}"))
            _measure(report, both, Task("random", "random", _PAGES), rounds, None, None)
            _measure(report, both, Task("write", "write", size), rounds, None,
                     host=lambda number: dd_mib_s(size, target=folder / f"write-{number}"))
    return report


def _disk(folder: Path, files: int, size: int) -> tuple[list[int], Path]:
    """Make an ext2 image of files to read and as much room to write."""
    if shutil.which("mke2fs") is None:
        raise HostError("there is no mke2fs", next_step="install it: sudo apt install e2fsprogs")
    root, disk = folder / "root", folder / "disk.img"
    root.mkdir()
    sums = content_files(root, "read", files, size)
    content_files(root, "random", files, size)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", root, disk,
                    f"{(files * size * 3 >> 10) + 16384}k"], check=True, stdout=subprocess.DEVNULL)
    return sums, disk


def _measure(report: Report, both: Peers, task: Task, rounds: int, sums: list[int] | None,
             host: Callable[[int], float] | None) -> None:
    """Add one task of both guests, and of the host if it has one, by turns."""
    def guest(peer: Peer) -> Callable[[int], float]:
        return lambda number: ask(peer, task, DISK_FOLDER, number, sums[number] if sums else None)

    sides = {"rumpkit": guest(both.rumpkit), "linux": guest(both.linux)}
    if host:
        sides["host"] = host
    numbers = {side: count() for side in sides}
    samples = interleave(rounds, **{side: partial(_next, one, numbers[side])
                                    for side, one in sides.items()})
    what = _WORDS[task.word]
    mine = report.measure(f"{what}: rumpkit", "MiB/s", samples["rumpkit"])
    peer = report.measure(f"{what}: Linux", "MiB/s", samples["linux"])
    report.ratio(f"{what}: Linux / rumpkit", peer, mine, at_most=1)
    if host:
        dd = report.measure(f"{what}: dd on the host, O_DIRECT", "MiB/s", samples["host"])
        report.ratio(f"{what}: dd / rumpkit", dd, mine)


def _next(side: Callable[[int], float], numbers: Iterator[int]) -> float:
    return side(next(numbers))
