"""How long a cell waits for its image in each kit, and how much the image weighs."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from kernel_magics import Lab
from kernel_magics.build.rumprun import RumprunToolchain, find_rumprun
from kernel_magics.build.rumprun.toolchain import QUIET

from .kits_sides import POLL_SERVER, images, kits_report
from .measuring import Report, interleave
from .programs import HELLO

__all__ = ["run"]


def run(quick: bool) -> Report:
    """Compare builds of a changed hello, then the images of hello and of an HTTP server."""
    report = kits_report("kits_build", quick)
    report.note("warm: files are cached and rumpkit's runtime is built; the source changes"
                " each time; by hand: Rumprun's compiler and rumprun-bake without the lab")
    serial = count(time.time_ns())
    with Lab(driver="qemu") as lab, tempfile.TemporaryDirectory() as folder:
        samples = interleave(
            3 if quick else 15,
            hand=lambda: _timed_ms(lambda: _by_hand(Path(folder), find_rumprun(),
                                                    _changed(next(serial)))),
            rumprun=lambda: _timed_ms(lambda: lab.build(_changed(next(serial)), "hello",
                                                        kit="rumprun")),
            rumpkit=lambda: _timed_ms(lambda: lab.build(_changed(next(serial)), "hello")))
        _add_times(report, samples)
        _add_again(report, lab, 3 if quick else 15)
        for name, source in (("hello", HELLO), ("HTTP server", POLL_SERVER)):
            _add_sizes(report, lab, name, source)
    return report


def _changed(serial: int) -> str:
    return f"{HELLO}int changed_{serial};\n"


def _timed_ms(work: Callable[[], object]) -> float:
    begun_ns = time.monotonic_ns()
    work()
    return (time.monotonic_ns() - begun_ns) / 1e6


def _by_hand(folder: Path, toolchain: RumprunToolchain, text: str) -> None:
    (folder / "hello.c").write_text(text)
    for command in ([toolchain.compiler, "-O2", "-g", "-o", "hello", "hello.c"],
                    [toolchain.bake, "hw_virtio", "hello.bin", "hello"]):
        subprocess.run(list(map(str, command)), cwd=folder, check=True, capture_output=True,
                       env={"PATH": "/usr/bin:/bin", **QUIET})


def _add_times(report: Report, samples: dict[str, list[float]]) -> None:
    hand = report.measure("Rumprun by hand, changed hello", "ms", samples["hand"])
    theirs = report.measure("lab.build with rumprun, changed hello", "ms", samples["rumprun"])
    ours = report.measure("lab.build with rumpkit, changed hello", "ms", samples["rumpkit"])
    report.ratio("lab.build with rumprun / by hand", theirs, hand)
    report.ratio("rumpkit / rumprun, changed hello", ours, theirs)


def _add_again(report: Report, lab: Lab, rounds: int) -> None:
    samples = interleave(
        rounds, rumprun=lambda: _timed_ms(lambda: lab.build(HELLO, "hello", kit="rumprun")),
        rumpkit=lambda: _timed_ms(lambda: lab.build(HELLO, "hello")))
    for kit, found in samples.items():
        report.measure(f"lab.build with {kit}, unchanged hello", "ms", found)


def _add_sizes(report: Report, lab: Lab, name: str, source: str | Path) -> None:
    built = images(lab, source, name.split()[-1])
    for what, bytes_of in (("stripped", lambda image: image.size_bytes),
                           ("in RAM", lambda image: image.sizes.total_bytes)):
        theirs, ours = (report.measure(f"{name}, {what}: {kit}", "KiB",
                                       [bytes_of(built[kit]) / 1024])
                        for kit in ("rumprun", "rumpkit"))
        report.ratio(f"{name}, {what}: rumpkit / Rumprun", ours, theirs)
