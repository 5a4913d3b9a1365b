"""What a guest will do at a time: `guest.timers`.

Source: images/rumpkit/kern/timer.c, bmk/schedule.c; lwIP's timeouts.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.processes import processes_of
from kernel_magics.inspect.probes.slots import kind_of_file, slots_of, symbol_name
from kernel_magics.inspect.values.walking import read_text, walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Timer", "Timers"]

MOST_TIMERS = 65_536
_SETITIMER = {-1: "real", -2: "virtual", -3: "profiling"}
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Timer:
    """Something that is due.

    `kind` is "sleep" (a thread's), "setitimer", "timer" (timer_create's), "timerfd",
    "network" (lwIP's) or "runtime"; `owner` says whose; `due_ns` is when, on the guest's
    monotonic clock; `interval_ns` 0: once; `signal` 0: none.
    """

    kind: str
    owner: str
    due_ns: int
    interval_ns: int
    expirations: int
    signal: int
    calls: str


class Timers(Probe[Timer]):
    """Every timer that is set, by when it is due."""

    title = "timers"
    row = Timer

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
        found = [*_of_runtime(program, problems), *_sleepers(program, problems),
                 *_of_network(program, problems)]
        yield from sorted(found, key=lambda timer: timer.due_ns)


def _of_runtime(program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
    owners = _timer_files(program, problems)
    for timer in walk_list(program.variable("timers", "timer.c"), "next", problems,
                           most=MOST_TIMERS, what="the list of timers"):
        called = symbol_name(program, int(timer.expired))
        times = (int(timer.deadline_ns), int(timer.interval_ns), int(timer.expirations))
        if called == "expired":
            yield _of_process(timer, times, problems)
        elif called == "timer_file_expired":
            yield Timer("timerfd", owners.get(int(timer), "closed"), *times, 0, called)
        else:
            yield Timer("runtime", "", *times, 0, called)


def _of_process(timer: Any, times: tuple[int, int, int], problems: list[str]) -> Timer:
    import drgn

    own = drgn.cast("struct kern_process_timer *", timer)
    number = int(own.id)
    try:
        owner = f"process {int(own.process.pid)}"
    except drgn.FaultError as error:
        problems.append(f"a timer's process would be at {error.address:#x}, which is not mapped")
        owner = "damaged"
    kind = "setitimer" if number < 0 else "timer"
    which = _SETITIMER.get(number, str(number))
    return Timer(kind, f"{owner}, {which}", *times, int(own.signal), "expired")


def _timer_files(program: drgn.Program, problems: list[str]) -> dict[int, str]:
    """Return by the address of a timer the descriptor it belongs to."""
    found: dict[int, str] = {}
    for process in processes_of(program, problems):
        for descriptor, file, _ in slots_of(process.files, []):
            if kind_of_file(file) == "timerfd":
                found[int(file.data)] = f"process {int(process.pid)}, descriptor {descriptor}"
    return found


def _sleepers(program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
    first = program.variable("sleepers", "schedule.c")
    for thread in walk_list(first, "timer_next", problems, most=MOST_TIMERS,
                            what="the list of sleeping threads"):
        name = read_text(thread.record.name)
        yield Timer("sleep", f"thread {int(thread.number)} ({name})", int(thread.deadline_ns),
                    0, 0, 0, "")


def _of_network(program: drgn.Program, problems: list[str]) -> Iterator[Timer]:
    import drgn

    try:
        first = program.variable("next_timeout", "timeouts.c")
    except LookupError:  # a runtime without lwIP
        return
    for timeout in walk_list(first, "next", problems, most=MOST_TIMERS,
                             what="lwIP's list of timeouts"):
        called, interval_ns = symbol_name(program, int(timeout.h)), 0
        if called == "lwip_cyclic_timer":
            cyclic = drgn.cast("struct lwip_cyclic_timer *", timeout.arg)
            called = symbol_name(program, int(cyclic.handler))
            interval_ns = int(cyclic.interval_ms) * _NS_PER_MS
        yield Timer("network", "lwIP", int(timeout.time) * _NS_PER_MS, interval_ns, 0, 0, called)
