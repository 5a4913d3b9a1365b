"""RAM: the least in which each packaged program runs, and what many idle guests take here."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import LabError

from .linux_guest import smallest_mib
from .measuring import Report
from .peer_devices import Hardware
from .peers import running
from .workloads import own_program, sides

__all__ = ["run", "pss_mib"]

# What a program says, or the port it answers at, when it works in the RAM it has.
_SERVERS: dict[str, str | int] = {"redis-server": "Ready to accept connections", "nginx": 80}
_PROGRAMS = {
    "busybox-static": ["busybox", "sh", "-c", "echo works"],
    "lua5.4": ["lua5.4", "-e", "print('works')"],
    "sqlite3": ["sqlite3", ":memory:", "select 'works'"],
    "python3-minimal": ["python3", "-c", "print('works')"],
    "php8.2-cli": ["php", "-r", "echo 'works';"],
}
_MOST_MIB = 256
_IDLE_MIB = 32
_LINUX_MIB = 128


def run(quick: bool) -> Report:
    """Find each program's smallest RAM by bisection; add up the PSS of idle guests."""
    report = Report("guest_memory", quick)
    report.note(f"{accelerator().name}, microvm; PSS: a page that several share counts in parts"
                " (proc(5), smaps_rollup), QEMU included")
    with Lab(driver="qemu") as lab:
        for name in ("lua5.4",) if quick else (*_PROGRAMS, *_SERVERS):
            least = smallest_mib(_works(lab, name), most=16 if quick else _MOST_MIB)
            report.measure(f"{name}: smallest RAM", "MiB", [least])
    _add_idle(report, *((4, 1) if quick else (50, 4)))
    return report


def _works(lab: Lab, name: str) -> Callable[[int], bool]:
    if name in _PROGRAMS:
        image = lab.package(name, name=f"{name}-least", argv=_PROGRAMS[name])
        return partial(_says, lab, image, "works")
    sign = _SERVERS[name]
    return partial(_says if isinstance(sign, str) else _answers, lab, lab.package(name), sign)


def _says(lab: Lab, image: object, text: str, memory_mib: int) -> bool:
    try:
        guest = lab.boot(image, memory_mib=memory_mib)
        try:
            guest.console.expect(text, timeout=30)
        finally:
            guest.stop()
    except LabError:
        return False
    return True


def _answers(lab: Lab, image: object, port: int, memory_mib: int) -> bool:
    try:
        guest = lab.boot(image, memory_mib=memory_mib, ports=[port])
        try:
            return guest.http("/", port=port, timeout=30).status == 200
        finally:
            guest.stop()
    except LabError:
        return False


def _add_idle(report: Report, count: int, linux_count: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as guests:
        workload = own_program(Path(name), "idle", [], {})
        rumpkit, linux = sides(workload, Hardware(), Path(name))
        found = []
        for side, number, mib in ((rumpkit, count, _IDLE_MIB), (linux, linux_count, _LINUX_MIB)):
            started = [guests.enter_context(running(side, Path(name), mib, "ready"))
                       for _ in range(number)]
            samples = [pss_mib(peer.process.pid) for peer in started]
            found.append(sum(samples) / number)
            report.measure(f"PSS of each of {number} idle guests: {side.name}, {mib} MiB", "MiB",
                           samples)
    mine = report.measure("PSS a guest: rumpkit", "MiB", [found[0]])
    peer = report.measure("PSS a guest: Linux", "MiB", [found[1]])
    report.ratio("PSS: rumpkit / Linux", mine, peer, at_most=1)


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines()
                if line.startswith("Pss:")) / 1024
