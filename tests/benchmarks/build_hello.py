"""How long a cell waits for its image: a warm build against a bare musl-gcc."""

import tempfile
import time
from itertools import count
from pathlib import Path

from kernel_magics import Lab

from .measuring import Report, interleave
from .programs import HELLO, musl_static

__all__ = ["run"]


def run(quick: bool) -> Report:
    """Compare lab.build of changed source with `musl-gcc -O2 -static` of the same text."""
    report = Report("build_hello", quick)
    report.note("warm: the runtime is built and files are cached; the source changes each time")
    serial = count(time.time_ns())
    with Lab(driver="qemu") as lab, tempfile.TemporaryDirectory() as folder:
        samples = interleave(
            4 if quick else 20,
            bare=lambda: _bare_ms(Path(folder), next(serial)),
            build=lambda: _timed_ms(lambda: lab.build(_changed(next(serial)), name="hello")),
            again=lambda: _timed_ms(lambda: lab.build(HELLO, name="hello")))
    bare = report.measure("musl-gcc -O2 -static hello.c", "ms", samples["bare"])
    build = report.measure("lab.build, changed source", "ms", samples["build"])
    report.ratio("lab.build / musl-gcc", build, bare, at_most=2.0)
    again = report.measure("lab.build, unchanged source", "ms", samples["again"], at_most=30)
    report.ratio("unchanged / musl-gcc", again, bare)
    return report


def _changed(serial: int) -> str:
    return f"{HELLO}int changed_{serial};\n"


def _timed_ms(work) -> float:  # type: ignore[no-untyped-def]
    begun_ns = time.monotonic_ns()
    work()
    return (time.monotonic_ns() - begun_ns) / 1e6


def _bare_ms(folder: Path, serial: int) -> float:
    source = folder / "hello.c"
    source.write_text(_changed(serial))
    return _timed_ms(lambda: musl_static(source, folder / "hello"))
