"""Circles of threads that wait for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread

__all__ = ["Deadlock", "find_deadlocks"]


@dataclass(frozen=True)
class Deadlock:
    """Threads of which each waits for the next, and the last for the first.

    `stuck` are the others, that wait for one of these, directly or not.
    """

    threads: tuple[Thread, ...]
    stuck: tuple[Thread, ...] = ()

    def text(self) -> str:
        """Return it as a sentence: who waits for what, held by whom."""
        said = "; ".join(_link(one, after) for one, after in
                         zip(self.threads, (*self.threads[1:], self.threads[0]), strict=True))
        others = ", ".join(one.named for one in self.stuck)
        return f"deadlock: {said}" + (f"; stuck behind it: {others}" if others else "")

    def __repr__(self) -> str:
        return self.text()


def _link(thread: Thread, holder: Thread) -> str:
    wait = thread.wait
    if wait is None:
        return thread.named
    if wait.kind == "join":
        return f"{thread.named} waits for the end of {holder.named}"
    who = "itself" if holder is thread else holder.named
    return f"{thread.named} waits for {wait.kind} {wait.name or hex(wait.address)}, held by {who}"


def find_deadlocks(threads: Sequence[Thread]) -> list[Deadlock]:
    """Return the circles among threads of one look.

    A thread waits for at most one other, so that each chain ends or comes back to itself.
    One that waits with a deadline is in no deadlock.
    """
    numbers = {one.number: one for one in threads}
    behind = {one.number: one.wait.holder for one in threads
              if one.wait is not None and one.wait.holder in numbers
              and not one.wait.deadline_ns}
    circles: dict[frozenset[int], list[int]] = {}
    leads_to: dict[int, frozenset[int]] = {}
    for start in behind:
        path: list[int] = []
        number = start
        while number in behind and number not in path:
            path.append(number)
            number = behind[number]
        if number in path:
            circle = path[path.index(number):]
            key = frozenset(circle)
            least = circle.index(min(circle))
            circles.setdefault(key, circle[least:] + circle[:least])
            leads_to[start] = key
    return [Deadlock(tuple(numbers[one] for one in circle),
                     tuple(numbers[one] for one in sorted(leads_to)
                           if leads_to[one] == key and one not in key))
            for key, circle in circles.items()]
