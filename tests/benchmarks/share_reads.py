"""Reads of a host folder over 9p: against a Linux guest (9P2000.L over virtio) and dd here."""

import tempfile
from pathlib import Path

from kernel_magics.boot.hypervisor.accel import accelerator

from .device_files import Task, ask, content_files, dd_mib_s
from .measuring import Report, interleave
from .peer_devices import SHARE_FOLDER, Hardware
from .peers import PEER_MIB, peers

__all__ = ["run"]


def run(quick: bool) -> Report:
    """Measure files read from beginning to end, each for the first time."""
    report = Report("share_reads", quick)
    rounds, size = (2, 2 << 20) if quick else (10, 16 << 20)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-9p, local, no xattrs;"
                f" files of {size >> 20} MiB, 64 KiB a call; Linux with msize=512000")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sums = content_files(folder, "read", rounds + 1, size)
        turns = {side: iter(range(rounds + 1)) for side in ("rumpkit", "linux", "host")}
        with peers("file_speed", hardware=Hardware(share=folder)) as both:
            def read(side: str) -> float:
                number = next(turns[side])
                peer = both.rumpkit if side == "rumpkit" else both.linux
                return ask(peer, Task("read", "read"), SHARE_FOLDER, number, sums[number])

            samples = interleave(
                rounds, rumpkit=lambda: read("rumpkit"), linux=lambda: read("linux"),
                host=lambda: dd_mib_s(size, source=folder / f"read-{next(turns['host'])}"))
    mine = report.measure("read: rumpkit", "MiB/s", samples["rumpkit"])
    peer = report.measure("read: Linux", "MiB/s", samples["linux"])
    host = report.measure("read: dd on the host, O_DIRECT", "MiB/s", samples["host"])
    report.ratio("read: Linux / rumpkit", peer, mine, at_most=1)
    report.ratio("read: dd / rumpkit", host, mine)
    return report
