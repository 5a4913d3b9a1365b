"""The locks of a guest: who holds what, who waits for whom, and deadlocks: `guest.locks`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.threads.deadlocks import Deadlock, find_deadlocks
from kernel_magics.inspect.threads.lock_variables import held_variables
from kernel_magics.inspect.threads.thread import Thread
from kernel_magics.inspect.threads.threads import GuestThreads, Threads

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GuestLocks", "Lock", "Locks"]

_LOCK_KINDS = ("mutex", "rwlock", "kernel lock", "C library's lock")


@dataclass
class Lock:
    """A lock that is held or waited for.

    `kind`: "mutex", "rwlock" or "kernel lock"; `name`: the variable it is, or how a frame
    of a waiting thread reaches it, "" if neither is known; `holder`: the thread that has it,
    None if that is not known; `taken_at`: the source place where it took it, "" if unknown;
    `waiters`: threads in the order of their numbers.
    """

    kind: str
    address: int
    name: str
    holder: Thread | None
    taken_at: str = ""
    waiters: list[Thread] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Kind and name as a text."""
        return f"{self.kind} {self.name or hex(self.address)}"

    def __repr__(self) -> str:
        held = f"held by {self.holder.named}" if self.holder else "holder unknown"
        since = f" since {self.taken_at}" if self.taken_at and self.holder else ""
        waiting = ", ".join(one.named for one in self.waiters)
        return f"{self.title}: {held}{since}" + (f"; waited for by {waiting}" if waiting else "")


class Locks(Sequence[Lock]):
    """The locks of one look; `deadlocks` are the circles in which threads wait."""

    def __init__(self, locks: list[Lock], deadlocks: list[Deadlock],
                 problems: Sequence[str] = ()) -> None:
        self._locks = locks
        self.deadlocks = deadlocks
        self.problems = list(problems)

    @property
    def df(self) -> pd.DataFrame:
        """A row per lock: address (index), kind, name, holder (number of a thread, 0 if
        unknown), taken_at, waiters (numbers)."""
        import pandas as pd

        rows = [(one.kind, one.name, one.holder.number if one.holder else 0, one.taken_at,
                 tuple(thread.number for thread in one.waiters)) for one in self._locks]
        return pd.DataFrame(
            rows, columns=["kind", "name", "holder", "taken_at", "waiters"],
            index=pd.Index([one.address for one in self._locks], dtype="uint64",
                           name="address"))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self._named(index)
        return self._locks[index]

    def _named(self, name: str) -> Lock:
        for one in self._locks:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self._locks if one.name)
        raise UsageError(f"no lock {name!r} is held or waited for",
                         next_step=f"there are: {known or 'none with a name'}")

    def __iter__(self) -> Iterator[Lock]:
        return iter(self._locks)

    def __len__(self) -> int:
        return len(self._locks)

    def __repr__(self) -> str:
        parts = [*map(repr, self._locks)] or ["no lock is held or waited for"]
        parts += [repr(one) for one in self.deadlocks]
        return "\n".join([*parts, *(f"({text})" for text in self.problems)])


class GuestLocks:
    """The locks of a subject, looked at anew each time: iterate, `len`, `["name"]`, `df`,
    `deadlocks`; `read()` keeps one look.

    Known are all locks that a thread waits for (pthread mutexes and reader/writer locks of
    musl and glibc, the runtime's own), and of the program's global variables those that are
    held as well.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject

    def read(self) -> Locks:
        """Return the locks as they are now; raises GuestError if threads cannot be read."""
        return locks_of(self._subject, GuestThreads(self._subject).read())

    @property
    def deadlocks(self) -> list[Deadlock]:
        """Circles of threads that wait for each other."""
        return self.read().deadlocks

    @property
    def df(self) -> pd.DataFrame:
        """A row per lock; see Locks.df."""
        return self.read().df

    def __getitem__(self, index: Any) -> Any:
        return self.read()[index]

    def __iter__(self) -> Iterator[Lock]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def __repr__(self) -> str:
        return repr(self.read())


def locks_of(subject: Any, threads: Threads) -> Locks:
    """Return the locks of one look at a guest's threads."""
    numbers = {one.number: one for one in threads}
    found: dict[int, Lock] = {}
    for thread in threads:
        wait = thread.wait
        if wait is None or wait.kind not in _LOCK_KINDS:
            continue
        lock = found.setdefault(wait.address, Lock(wait.kind, wait.address, wait.name,
                                                   numbers.get(wait.holder),
                                                   _place(subject, wait.taken_at)))
        lock.waiters.append(thread)
    for one in held_variables(subject, threads):
        found.setdefault(one.address, Lock(one.kind, one.address, one.name,
                                           numbers.get(one.holder),
                                           _place(subject, one.taken_at)))
    return Locks(sorted(found.values(), key=lambda one: (not one.waiters, one.address)),
                 find_deadlocks(threads), threads.problems)


def _place(subject: Any, address: int) -> str:
    """Return the source place of the call before a return address."""
    line = subject.image.symbols.line(address - 1) if address else None
    return f"{line[0]}:{line[1]}" if line else ""
