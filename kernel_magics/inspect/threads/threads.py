"""The threads of a guest: what they do, what they wait for, and how they got there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.stacks.code_objects import CodeObjects, objects_of
from kernel_magics.inspect.threads.kits import look_of
from kernel_magics.inspect.threads.thread import Thread
from kernel_magics.inspect.threads.thread_groups import ThreadGroups
from kernel_magics.inspect.threads.thread_table import ThreadRecord

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GuestThreads", "Threads"]

SHOWN_THREADS = 60


class Threads(list[Thread]):
    """The threads of one look at a guest, by number; `problems` is what was wrong there."""

    def __init__(self, threads: list[Thread], problems: list[str]) -> None:
        super().__init__(threads)
        self.problems = problems

    @property
    def df(self) -> pd.DataFrame:
        """A row per thread: thread (its number, the index), name, state, process, cpu_ns
        (without the slice that is running; missing where the guest does not count it),
        waits_for, stack_pointer, current."""
        import pandas as pd

        return pd.DataFrame({
            "name": [one.name for one in self],
            "state": [one.state for one in self],
            "process": [one.process for one in self],
            "cpu_ns": _numbers([one.cpu_ns for one in self]),
            "waits_for": [one.wait.text if one.wait else "" for one in self],
            "stack_pointer": pd.array([one.record.stack_pointer for one in self], "UInt64"),
            "current": [one.state == "running" for one in self],
        }, index=pd.Index([one.number for one in self], name="thread"))

    def __repr__(self) -> str:
        lines = [one.line() for one in self[:SHOWN_THREADS]]
        if len(self) > SHOWN_THREADS:
            lines.append(f"… {len(self) - SHOWN_THREADS} more: list(guest.threads), or .df")
        return "\n".join([*(lines or ["no threads"]), *(f"({text})" for text in self.problems)])


def _numbers(values: list[int | None]) -> Any:
    """Return a column of whole numbers, of pandas' own kind where some are missing."""
    import pandas as pd

    return pd.array(values, "Int64") if None in values else values


class GuestThreads:
    """The threads of a subject: a running, paused, panicked or ended guest, or a dump.

    Iterating, `len`, `df` and the text look at the guest anew each time; `read()` keeps
    one look.  `guest.threads[3]` is thread number 3, `guest.threads["worker"]` the one of
    that name.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject

    def read(self) -> Threads:
        """Return the threads as they are now, by number.

        Raises GuestError if the guest's tables cannot be read.
        """
        table, facts = look_of(self._subject)
        records = table.records()
        spaces = _Spaces(self._subject, records)
        facts.threads = [Thread(self._subject, record, spaces.of(record), spaces.objects_of,
                                facts) for record in records]
        return Threads(facts.threads, table.problems)

    def backtraces(self) -> ThreadGroups:
        """Return the backtraces of all threads, those that are alike together."""
        found = self.read()
        return ThreadGroups([(thread, thread.stack) for thread in found
                             if thread.state != "exited"], found.problems)

    @property
    def df(self) -> pd.DataFrame:
        """A row per thread; see Threads.df."""
        return self.read().df

    def __getitem__(self, which: int | str) -> Thread:
        threads = self.read()
        found = [one for one in threads if which in (one.number, one.name)]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(str(one.number) for one in found)
            raise UsageError(f"{len(found)} threads are called {which!r}",
                             next_step=f"give a number: {numbers}")
        known = ", ".join(f"{one.number} ({one.name})" for one in threads[:SHOWN_THREADS])
        raise UsageError(f"no thread {which!r}", next_step=f"there are: {known or 'none'}")

    def __iter__(self) -> Iterator[Thread]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def _ipython_key_completions_(self) -> list[str]:
        return [one.name for one in self.read()]

    def __repr__(self) -> str:
        return repr(self.read())


class _Spaces:
    """The address spaces of one look, shared by the threads of a process."""

    def __init__(self, subject: Any, records: list[ThreadRecord]) -> None:
        self._subject = subject
        tables = {one.page_table for one in records if one.page_table}
        self._is_one = len(tables) < 2
        self._spaces: dict[int, AddressSpace] = {}
        self._objects: dict[int, CodeObjects] = {}

    def of(self, record: ThreadRecord) -> AddressSpace:
        table = 0 if self._is_one else record.page_table
        if table not in self._spaces:
            self._spaces[table] = AddressSpace(self._subject, table)
        return self._spaces[table]

    def objects_of(self, space: AddressSpace) -> CodeObjects:
        if space.page_table not in self._objects:
            self._objects[space.page_table] = objects_of(self._subject, space)
        return self._objects[space.page_table]
