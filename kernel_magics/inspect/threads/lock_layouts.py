"""Where the C libraries keep a lock's state: who holds it, and which word is waited at.

Source: musl 1.2.3, src/internal/pthread_impl.h and src/thread; glibc 2.36,
sysdeps/x86/nptl/bits/struct_mutex.h, struct_rwlock.h, nptl/pthread_cond_wait.c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.stack import StackFrame

__all__ = ["GLIBC", "MUSL", "NETBSD", "Holder", "Layouts"]

Word = Callable[[int, int], "int | None"]

_TID_BITS = 0x3FFF_FFFF
_KEPT = ("rbx", "rbp", "r12", "r13", "r14", "r15")
MOST_WAITERS = 1000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: `tid` is the program's number of the thread, 0 if it is not known
    or nobody does; `is_held` whether anybody does; `readers` how many share it; `taken_at`
    the return address of the call that took it, 0 if unknown."""

    is_held: bool = False
    tid: int = 0
    readers: int = 0
    taken_at: int = 0


class Layouts(Protocol):
    """What one C library's structures look like."""

    def start(self, kind: str, word_address: int) -> int:
        """Return where the lock begins whose word is waited at."""
        ...

    def holder(self, kind: str, address: int, word: Word) -> Holder:
        """Return who holds the "mutex" or "rwlock" at an address."""
        ...

    def condition(self, word_address: int, frame: StackFrame, word: Word) -> int:
        """Return where the condition variable lies, 0 if that cannot be told."""
        ...


class _Musl:
    """musl: a mutex is type, lock, waiters; the rest of it is used by few types.

    A plain mutex says only that it is locked.  Programs that the lab builds note in two
    unused words who took it and where: images/rumpkit/libc/locks.c.
    """

    TYPE, LOCK, NOTED_TID, NOTED_PLACE = 0, 4, 12, 16
    RW_LOCK, RW_NOTED_TID, RW_NOTED_PLACE = 0, 12, 16
    WAITER_BARRIER, WAITER_NEXT, COND_HEAD, COND_LOCK, COND_TAIL = 20, 8, 8, 32, 40
    WRITER = 0x7FFF_FFFF

    def start(self, kind: str, word_address: int) -> int:
        return word_address - self.LOCK if kind == "mutex" else word_address

    def holder(self, kind: str, address: int, word: Word) -> Holder:
        if kind == "rwlock":
            return self._rwlock(address, word)
        kind_of, lock = word(address + self.TYPE, 4), word(address + self.LOCK, 4)
        if kind_of is None or not lock or lock == _TID_BITS:
            return Holder()
        noted, place = word(address + self.NOTED_TID, 4), word(address + self.NOTED_PLACE, 4)
        tid = (noted if not kind_of & 15 else lock & _TID_BITS) or 0
        return Holder(True, tid, 0, (place or 0) if noted == tid else 0)

    def _rwlock(self, address: int, word: Word) -> Holder:
        count = (word(address + self.RW_LOCK, 4) or 0) & 0x7FFF_FFFF
        if not count:
            return Holder()
        if count != self.WRITER:
            return Holder(True, readers=count)
        return Holder(True, word(address + self.RW_NOTED_TID, 4) or 0, 0,
                      word(address + self.RW_NOTED_PLACE, 4) or 0)

    def condition(self, word_address: int, frame: StackFrame, word: Word) -> int:
        # The word is in a list item on the waiter's stack; the head of that list is in the
        # condition variable, which some register of the waiting function leads to.
        known = frame.registers
        for name in _KEPT:
            for address in (known[name], known[name] - self.COND_LOCK) if name in known else ():
                if self._queues(address, word_address - self.WAITER_BARRIER, word):
                    return address
        return 0

    def _queues(self, condition: int, node: int, word: Word) -> bool:
        """Whether the list from head to tail of a condition variable has the item."""
        item, tail = word(condition + self.COND_HEAD, 8), word(condition + self.COND_TAIL, 8)
        has_node = False
        for _ in range(MOST_WAITERS):
            if not item:
                break
            has_node = has_node or item == node
            if item == tail:
                return has_node
            item = word(item + self.WAITER_NEXT, 8)
        return False


class _Glibc:
    """glibc: a mutex begins with the word that is waited at, and says its owner."""

    OWNER, RW_WRITER = 8, 24
    COND_SIGNALS = 40

    def start(self, kind: str, word_address: int) -> int:
        # (struct pthread_rwlock_t: readers, writers, two words that are waited at)
        return word_address - (8 + word_address % 8) if kind == "rwlock" else word_address

    def holder(self, kind: str, address: int, word: Word) -> Holder:
        if kind == "rwlock":
            writer = word(address + self.RW_WRITER, 4) or 0
            readers = (word(address, 4) or 0) >> 3
            return Holder(bool(writer or readers), writer, 0 if writer else readers)
        lock, owner = word(address, 4), word(address + self.OWNER, 4)
        return Holder(True, owner or 0) if lock else Holder()

    def condition(self, word_address: int, frame: StackFrame, word: Word) -> int:
        return word_address - self.COND_SIGNALS - word_address % 8


class _NetBSD:
    """NetBSD's libpthread: a lock says its owner, the address of that thread's structure.

    Source: NetBSD 7, lib/libpthread/pthread_types.h and pthread_int.h.
    """

    MUTEX_OWNER, RW_OWNER = 16, 48
    FLAGS, WRITE_LOCKED, READERS_SHIFT = 0xF, 0x4, 4

    def start(self, kind: str, word_address: int) -> int:
        return word_address

    def holder(self, kind: str, address: int, word: Word) -> Holder:
        owner = word(address + (self.RW_OWNER if kind == "rwlock" else self.MUTEX_OWNER), 8) or 0
        if kind == "rwlock" and not owner & self.WRITE_LOCKED:
            readers = owner >> self.READERS_SHIFT
            return Holder(bool(readers), readers=readers)
        return Holder(bool(owner & ~self.FLAGS), owner & ~self.FLAGS)

    def condition(self, word_address: int, frame: StackFrame, word: Word) -> int:
        return word_address


MUSL: Layouts = _Musl()
NETBSD: Layouts = _NetBSD()
GLIBC: Layouts = _Glibc()
