"""Backtraces of a hundred threads of a running guest, beside gdb's of the same program here."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import HostError
from kernel_magics.inspect.threads.threads import GuestThreads

from .measuring import Report, interleave

__all__ = ["run"]

THREADS = 100
TARGET_MS = 100
_SOURCE = Path(__file__).parent / "programs" / "hundred_threads" / "threads.c"
_GDB = ("python import time; begun = time.monotonic(); text = gdb.execute('thread apply all bt',"
        " to_string=True); print('took', time.monotonic() - begun, 'frames', text.count('#'))")


def run(quick: bool) -> Report:
    """Look at all threads again and again, in turn with gdb attached to a process."""
    report = Report("thread_backtraces", quick)
    report.note(f"{accelerator().name}; {THREADS} threads and main; the guest goes on meanwhile,"
                " gdb stops the process; gdb's own start and attaching are not counted")
    processor: list[float] = []
    with tempfile.TemporaryDirectory() as folder, Lab(driver="qemu") as lab:
        program = Path(folder) / "threads"
        subprocess.run(["gcc", "-O2", "-g", "-pthread", "-o", program, _SOURCE], check=True)
        guest = lab.boot(lab.build(_SOURCE.read_text(), name="hundred"), memory_mib=64)
        guest.console.expect("ready", timeout=60)
        begun_ns = time.monotonic_ns()
        frames = _look(guest)
        first_ms = (time.monotonic_ns() - begun_ns) / 1e6
        with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                sides = interleave(3 if quick else 15, ours=lambda: _timed_ms(guest, processor),
                                   gdb=lambda: _gdb_ms(process.pid))
            finally:
                process.kill()
        report.note(f"{frames} frames with function, layer and source line")
        whole = report.measure("all backtraces", "ms", sides["ours"], at_most=TARGET_MS)
        report.measure("of it on the processor", "ms", processor[1:], at_most=TARGET_MS)
        report.measure("the first time, with symbols", "ms", [first_ms])
        report.measure("what all wait for, in words", "ms", [_waits_ms(guest)])
        report.ratio("all backtraces / gdb's", whole,
                     report.measure("gdb: thread apply all bt", "ms", sides["gdb"]))
    return report


def _look(guest: Any) -> int:
    """Take a fresh look at every thread; return the number of frames."""
    groups = GuestThreads(guest).backtraces()
    assert len(groups) == THREADS + 1
    return sum(len(trace) for _, trace in groups)


def _timed_ms(guest: Any, processor: list[float]) -> float:
    begun_ns, begun_s = time.monotonic_ns(), time.process_time()
    _look(guest)
    processor.append((time.process_time() - begun_s) * 1e3)
    return (time.monotonic_ns() - begun_ns) / 1e6


def _waits_ms(guest: Any) -> float:
    begun_ns = time.monotonic_ns()
    waits = [thread.wait for thread in GuestThreads(guest) if thread.wait]
    assert len(waits) == THREADS + 1
    return (time.monotonic_ns() - begun_ns) / 1e6


def _gdb_ms(pid: int) -> float:
    if shutil.which("gdb") is None:
        raise HostError("gdb is not installed", next_step="sudo apt-get install gdb")
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-ex", _GDB],
                          capture_output=True, text=True, timeout=120)
    found = re.search(r"^took ([\d.]+) frames (\d+)", done.stdout, re.MULTILINE)
    if found is None or int(found[2]) < THREADS:
        raise HostError("gdb cannot look into a process here",
                        next_step=f"it said: {(done.stderr or done.stdout)[-300:]}")
    return float(found[1]) * 1e3
