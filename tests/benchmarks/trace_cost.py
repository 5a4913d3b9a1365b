"""What a traced hypercall costs: off, on, against a gdb breakpoint on it, and uftrace.

One program makes the same loop of hypercalls on request, so that a side is a request to
one of three guests: built with the trace points, built without, and one that stops at a
breakpoint of gdb's (through QEMU's gdb stub) on every call.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.boot.hypervisor.qmp import command
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.build.kits import BuildRequest, Source
from kernel_magics.build.rumpkit import RumpkitKit
from kernel_magics.errors import HostError
from kernel_magics.places import images_dir, runtime_dir

from .measuring import Report, interleave
from .programs import CALLS

__all__ = ["run", "time_calls_ns"]

HYPERCALL = "rumpuser_clock_gettime"
_BATCHES, _BATCH_CALLS = 200, 500
_BREAKPOINT_CALLS = 100


def run(quick: bool) -> Report:
    """Measure nanoseconds a call; gdb's by the host's clock, which stops do not stop."""
    report = Report("trace_cost", quick)
    report.note(f"{accelerator().name}; {HYPERCALL} in a loop of system calls")
    report.note(f"ns a call by the guest's clock, the fastest of {_BATCHES} batches of"
                f" {_BATCH_CALLS}; gdb's by the host's clock, all of {_BREAKPOINT_CALLS}")
    with Lab(driver="qemu") as lab, tempfile.TemporaryDirectory() as folder:
        image = lab.build(CALLS, name="calls")
        guest = _ready(lab, image, "calls", trace_records=1 << 16, memory_mib=64)
        plain = _ready(lab, _image_without_points(Path(folder)), "without", memory_mib=64)
        slow = _ready(lab, image, "slow", memory_mib=64)
        with _breakpoint(slow, image.path):
            samples = interleave(
                3 if quick else 20,
                without=lambda: time_calls_ns(plain, _BATCHES, _BATCH_CALLS),
                off=lambda: time_calls_ns(guest, _BATCHES, _BATCH_CALLS),
                traced=lambda: _traced_ns(guest),
                gdb=lambda: _stopped_ns(slow))
    _add(report, samples)
    _add_uftrace(report, 3 if quick else 10)
    return report


# A loop of calls of a function that reads the clock, as the guest's hypercall does.
_LOOP = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
__attribute__((noinline)) long clock_ns(void) {
	struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}
__attribute__((noinline)) long batch(long calls) {
	long sum = 0, begun = clock_ns();
	for (long i = 0; i < calls; i++) sum ^= clock_ns();
	return clock_ns() - begun + (sum & 0);
}
int main(void) {
	long best = 1L << 60;
	for (int i = 0; i < 200; i++) { long took = batch(500); if (took < best) best = took; }
	printf("%ld\\n", best);
}
"""


def _add_uftrace(report: Report, rounds: int) -> None:
    """Compare with uftrace, which also keeps two records a call, in a program of this host."""
    if shutil.which("uftrace") is None:
        raise HostError("there is no uftrace", next_step="install it: sudo apt install uftrace")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "loop.c"
        source.write_text(_LOOP)
        plain, traced = Path(folder) / "plain", Path(folder) / "traced"
        subprocess.run(["gcc", "-O2", "-o", plain, source], check=True)
        subprocess.run(["gcc", "-O2", "-pg", "-o", traced, source], check=True)
        record = ["uftrace", "record", "--no-event", "-d", f"{folder}/data", str(traced)]
        samples = interleave(rounds, plain=lambda: _loop_ns([str(plain)]),
                             uftrace=lambda: _loop_ns(record))
    theirs = report.measure("uftrace's cost of one call, native", "ns", [
        on - off for on, off in zip(samples["uftrace"], samples["plain"], strict=True)])
    # Other work on the machine makes single pairs negative; the least of many is what remains.
    ours_ns = _least_apart(report["traced (enter and exit)"].samples,
                           report["trace points off"].samples)
    theirs_ns = _least_apart(samples["uftrace"], samples["plain"])
    if min(ours_ns, theirs_ns) <= 0:
        report.note("the machine was too busy to tell the cost of tracing apart: no ratio")
        return
    report.ratio("ours / uftrace's, least of each",
                 replace(report["cost of tracing one call"], samples=[ours_ns]),
                 replace(theirs, samples=[theirs_ns]))


def _least_apart(on: list[float], off: list[float]) -> float:
    return min(on) - min(off)


def _loop_ns(command: list[str]) -> float:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[0]) / 500


def _add(report: Report, samples: dict[str, list[float]]) -> None:
    without = report.measure("without trace points", "ns", samples["without"])
    off = report.measure("trace points off", "ns", samples["off"])
    traced = report.measure("traced (enter and exit)", "ns", samples["traced"])
    gdb = report.measure("gdb breakpoint", "ns", samples["gdb"])
    report.measure("cost of tracing one call", "ns",
                   [on - base for on, base in zip(traced.samples, off.samples, strict=True)],
                   at_most=100)
    report.ratio("off / without", off, without, at_most=1.05)
    report.ratio("traced / off", traced, off)
    report.ratio("traced / gdb", traced, gdb, at_most=0.01)


def _ready(lab: Any, image: Any, name: str, **spec: Any) -> Any:
    guest = lab.boot(image, name=f"bench-{name}", **spec)
    guest.console.expect("ready\n", timeout=20)
    return guest


def time_calls_ns(guest: Any, batches: int, calls: int, timeout_s: float = 60.0) -> float:
    """Let the guest make batches of calls; return nanoseconds a call in the fastest."""
    guest.console.send(f"{batches} {calls}\n")
    match = guest.console.expect(r"(\d+) calls took (\d+) ns", timeout=timeout_s)
    assert int(match[1]) == calls
    return int(match[2]) / calls


def _traced_ns(guest: Any) -> float:
    guest.trace.start(HYPERCALL)
    try:
        return time_calls_ns(guest, _BATCHES, _BATCH_CALLS)
    finally:
        guest.trace.stop()
        guest.trace.clear()


def _stopped_ns(guest: Any) -> float:
    begun_ns = time.monotonic_ns()
    time_calls_ns(guest, 1, _BREAKPOINT_CALLS, timeout_s=120)
    return (time.monotonic_ns() - begun_ns) / _BREAKPOINT_CALLS


def _image_without_points(folder: Path) -> Any:
    """Build the program with a runtime whose trace points are compiled out."""
    sources = folder / "rumpkit"
    shutil.copytree(images_dir() / "rumpkit", sources)
    # make prefers this file; so the runtime's own hash differs too.
    (sources / "GNUmakefile").write_text("TRACE := 0\ninclude Makefile\n")
    source = Source(CALLS, "calls.c", 1)
    return RumpkitKit(sources=sources).build(BuildRequest("without", (source,)))


@contextmanager
def _breakpoint(guest: Any, symbols: Path) -> Iterator[None]:
    """Let gdb stop the guest at every HYPERCALL and go on at once."""
    if shutil.which("gdb") is None:
        raise HostError("there is no gdb", next_step="install it: sudo apt install gdb")
    stub = runtime_dir() / "bench-gdb.sock"
    files = GuestFiles(runtime_dir() / "guests" / guest.name)
    command(files.qmp_socket, "human-monitor-command",
            **{"command-line": f"gdbserver unix:{stub},server=on,wait=off"})
    script = stub.with_suffix(".gdb")
    script.write_text(f"target remote {stub}\nhbreak {HYPERCALL}\ncommands\nsilent\ncontinue\n"
                      "end\necho attached\\n\ncontinue\n")
    process = subprocess.Popen(["gdb", "-nx", "-q", "-batch", "-x", script, symbols],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        _until_attached(process)
        yield
    finally:
        process.kill()
        process.communicate()
        script.unlink()
        stub.unlink(missing_ok=True)


def _until_attached(process: subprocess.Popen) -> None:
    said = ""
    assert process.stdout is not None
    while "attached" not in said:
        line = process.stdout.readline()
        said += line
        if not line:
            raise HostError(f"gdb did not attach: {' '.join(said.split())[-300:]}",
                            next_step="run the benchmark's gdb script by hand")
