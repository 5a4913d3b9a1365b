"""What waits are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

__all__ = ["SystemCall", "Wait"]


@dataclass(frozen=True, slots=True)
class SystemCall:
    """A system call that is going on: Linux's number and the six arguments."""

    number: int
    arguments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a thread waits for.

    `kind`: "mutex", "rwlock", "condition", "join", "semaphore", "barrier", "futex",
    "kernel lock", "file", "poll", "sleep", "child", "signal", "call", "runtime" or
    "unknown"; `text`: the same in words; `address` and `name` are the lock's; `holder`:
    number of the thread that must act first, 0 if unknown; `taken_at`: the code address
    from which the holder took it, 0 if unknown; `descriptor`: a file's, -1 if none;
    `deadline_ns`: when it ends by itself, nanoseconds after boot, 0 for never.
    """

    kind: str
    text: str
    address: int = 0
    name: str = ""
    holder: int = 0
    taken_at: int = 0
    descriptor: int = -1
    deadline_ns: int = 0

    def changed(self, **fields: Any) -> Wait:
        """Return it with other fields."""
        return replace(self, **fields)

    def __repr__(self) -> str:
        return self.text
