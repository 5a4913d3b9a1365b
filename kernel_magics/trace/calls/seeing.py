"""The processes of a guest as they are now, for a trace that cannot have been told of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernel_magics.boot.thread_numbers import numbered_threads
from kernel_magics.errors import LabError
from kernel_magics.trace.calls.processes import MappedCode, ProcessesSeen, TraceProcesses
from kernel_magics.trace.records.attached import split

__all__ = ["ProcessesSoFar", "numbered_names", "processes_seen", "thread_names"]


def thread_names(guest: Any) -> dict[int, str]:
    """Return names of the threads there are now, by number; a damaged table has none."""
    if guest is None:
        return {}
    try:
        return {int(one.number): str(one.name) for one in guest.threads.read()}
    except LabError:
        return {}


def numbered_names(guest: Any) -> dict[int, str]:
    """Return names of the threads that were numbered by whoever traces them, those that have
    exited too; of those that live, the names that guest.threads knows."""
    given = {one.number: one.name for one in numbered_threads(guest)}
    return {**given, **thread_names(guest)}


def processes_seen(guest: Any) -> ProcessesSeen | None:
    """Return the processes of a guest as they are now; None if it has none to look at.

    Reads memory only, which may be changing: what makes no sense is left out.
    """
    if guest is None:
        return None
    from kernel_magics.inspect.stacks.mapped_files import regions_by_process

    try:
        threads = [one for one in guest.threads.read() if getattr(one, "process", 0)]
        found = regions_by_process(guest)
    except LabError:
        return None
    return ProcessesSeen(
        {int(one.number): int(one.process) for one in threads},
        {int(one.process): str(getattr(one.record, "command", "")) for one in threads},
        {pid: tuple(MappedCode(*region) for region in regions)
         for pid, regions in found.items() if regions})


class ProcessesSoFar:
    """The processes that one reader of a live trace knows of, from the rows it was given.

    before: what was seen when the trace began.
    """

    def __init__(self, before: Callable[[], ProcessesSeen | None]) -> None:
        self._before = before
        self._seen: ProcessesSeen | None = None
        self._facts = np.empty((0, 8), "<u8")
        self._known: TraceProcesses | None = None

    def __call__(self, rows: np.ndarray) -> TraceProcesses:
        facts, seen = split(rows)[2], self._before()
        if self._known is None or len(facts) or seen is not self._seen:
            self._facts = np.concatenate([self._facts, facts])
            self._seen = seen
            self._known = TraceProcesses(self._facts, seen)
        return self._known
