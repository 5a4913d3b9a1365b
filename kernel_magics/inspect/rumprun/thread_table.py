"""The threads of a Rumprun guest, from bmk's scheduler and what hangs on its threads.

A thread of bmk's is all there is to the scheduler.  On it hang, where there are any, the
rump kernel's lwp (through a thread-local variable) with its process, libpthread's thread
(through the thread pointer) and the cookie that joins the two.

Source: lib/libbmk_core/sched.c and arch/x86_64/cpu_sched_switch.S,
lib/libbmk_rumpuser/rumpuser_synch.c of github.com/rumpkernel/rumprun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kernel_magics.boot.thread_numbers import NumberedThread, numbered_threads
from kernel_magics.build.elf import ElfFile, align
from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.rumprun.structures import Structures
from kernel_magics.inspect.threads.linked import linked_threads
from kernel_magics.inspect.threads.thread_table import (
    FOREVER,
    MOST_THREADS,
    ThreadRecord,
    ThreadTable,
)

__all__ = ["RumprunRecord", "RumprunThreadTable"]

SCHEDULER = "libbmk_core/sched.c"
PT_TLS = 7
MOST_STACK_BYTES = 64 << 20
_RUNQ, _TIMEQ, _BLOCKQ, _RUNNING, _DEAD = 0x1, 0x2, 0x4, 0x8, 0x200
_JOINED, _EXTERNAL_STACK = 0x40, 0x100
# bmk's name for all threads of programs: their own names are elsewhere.  The first thread of
# each program begins in librumprun_base.
_UNNAMED, _FIRST = "lwp", "mainbouncer"


@dataclass(frozen=True, slots=True)
class RumprunRecord(ThreadRecord):
    """What a Rumprun guest says of one thread: see ThreadRecord.

    `owner` is the rump kernel's struct lwp, `pthread` libpthread's structure, both 0 where
    the thread has none; `instruction_pointer` is where it goes on; `flags` are bmk's;
    `wait_message` and `wait_channel` what the rump kernel's lwp sleeps on, and
    `sleeps_on` the object that libpthread's thread does.
    """

    instruction_pointer: int = 0
    flags: int = 0
    pthread: int = 0
    wait_message: str = ""
    wait_channel: int = 0
    sleeps_on: int = 0


class RumprunThreadTable(ThreadTable):
    """One look at a Rumprun guest's threads.

    bmk's threads have no numbers.  They are numbered in the order in which they were made,
    at the first look; a number once given is kept by the subject.  Those of a traced guest have
    the numbers of its trace.
    """

    def __init__(self, subject: Any) -> None:
        super().__init__(subject)
        self.structures = Structures(subject)
        self._numbers: dict[tuple[int, int], int] = \
            vars(subject).setdefault("_rumprun_thread_numbers", {})

    def records(self) -> list[ThreadRecord]:
        """Return the threads by number; raises GuestError if the image has no symbols."""
        head = self.structures.address("threadq", SCHEDULER)
        if not head:
            raise GuestError(f"{self._subject.image.name} has no symbols: where the scheduler "
                             "keeps its threads is not known", name=self._subject.name,
                             next_step="boot the image from before stripping; "
                                       "guest.debugger.backtrace() still follows the stack")
        if not self.structures.has_types:
            self.problems.append(f"{self._subject.image.path.name} has no debugging information: "
                                 "bmk's threads are read as they were published in 2015, and "
                                 "their processes and waits are not known")
        return sorted(self._walk(head), key=lambda one: one.number)

    def _walk(self, head: int) -> Iterator[RumprunRecord]:
        for address, row in linked_threads(
                lambda address: self.structures.read("thread", address),
                self.space.word(head) or 0, "tqe_next", self.problems):
            yield self._of(address, row)

    def _of(self, address: int, row: Mapping[str, Any]) -> RumprunRecord:
        read = self.structures.read
        pointer = row["btcb_tp"]
        cookie = read("cookie", row["bt_cookie"]) or {}
        if cookie.get("rl_thread") != address:
            cookie = {}
        # (bmk does not clear the words that lead to libpthread's: only a program's are set)
        tcb = (read("tcb", pointer) if cookie else None) or {}
        pthread = read("pthread", tcb.get("tcb_pthread", 0)) or {}
        if pthread.get("pt_self") != tcb.get("tcb_pthread"):
            pthread = {}
        # (one that waits to be joined has given its lwp back, and still points to it)
        owner = 0 if row["bt_flags"] & _JOINED else self._lwp(pointer)
        lwp = (read("lwp", owner) if owner in self._living else None) or {}
        process = read("proc", lwp.get("l_proc", 0)) or {}
        state = _state(row["bt_flags"])
        return RumprunRecord(
            number=self._number(address, row["bt_stackbase"]),
            name=self._name(row, cookie, pthread, lwp), state=state,
            cpu_ns=self._used_ns.get(address),
            # (the thread that ran last has the processor, also while there is nothing to do)
            stack_pointer=0 if row["bt_flags"] & _RUNNING else row["btcb_sp"],
            address=address, stack=row["bt_stackbase"],
            waiting_on=lwp.get("l_wchan", 0) or pthread.get("pt_sleepobj", 0),
            deadline_ns=row["bt_wakeup_time"] if row["bt_flags"] & _TIMEQ else FOREVER,
            fs_base=pointer, owner=owner, tid=cookie.get("rl_lwpid", 0) or lwp.get("l_lid", 0),
            pid=process.get("p_pid", 0), command=_UNNAMED,
            stack_bytes=self._stack_bytes(row, pthread),
            instruction_pointer=row["btcb_ip"], flags=row["bt_flags"],
            pthread=tcb.get("tcb_pthread", 0) if pthread else 0,
            wait_message=self.structures.text(lwp.get("l_wmesg", 0)),
            wait_channel=lwp.get("l_wchan", 0), sleeps_on=pthread.get("pt_sleepobj", 0))

    @cached_property
    def _given(self) -> dict[int, int]:
        """The numbers that whoever traces the guest gave its threads, by address."""
        return {one.address: one.number for one in self._traced}

    @cached_property
    def _used_ns(self) -> dict[int, int]:
        """How long each thread has had the processor, by address; only who traces counts that."""
        return {one.address: one.cpu_ns for one in self._traced}

    @cached_property
    def _traced(self) -> list[NumberedThread]:
        return sorted(numbered_threads(self._subject))

    def _number(self, address: int, stack: int) -> int:
        if self._given:  # (one that has not run yet has none: it comes behind the others)
            return self._given.setdefault(address, max(self._given.values()) + 1)
        return self._numbers.setdefault((address, stack), len(self._numbers) + 1)

    def _name(self, row: Mapping[str, Any], *others: Mapping[str, Any]) -> str:
        """Return the name that a thread was given, the most particular one."""
        cookie, pthread, lwp = others
        given = self.structures.text(pthread.get("pt_name", 0)) or cookie.get("rl_name", "") \
            or self.structures.text(lwp.get("l_name", 0))
        if not given and row["bt_name"] == _UNNAMED and pthread:
            given = self._function(pthread)
        return str(given or row["bt_name"])

    def _function(self, pthread: Mapping[str, Any]) -> str:
        """Return the function that a program's thread began with; of the first one, the
        program's name."""
        found = self._subject.image.symbols.at(pthread["pt_func"])
        if found is None or found[1]:
            return ""
        if found[0].name == _FIRST:
            runner = self.structures.read("runner", pthread["pt_arg"]) or {}
            return self.structures.text(self.space.word(runner.get("rr_argv", 0)) or 0)
        return str(found[0].name)

    def _lwp(self, pointer: int) -> int:
        """Return the rump kernel's lwp of the thread with this thread pointer, 0 if none."""
        place = self.structures.thread_local("current_lwp")
        if place is None or not pointer or not self.structures.has_types:
            return 0
        return self.space.word(pointer - self.block_bytes + place) or 0

    @cached_property
    def _living(self) -> set[int]:
        """The rump kernel's lwps: a pointer to one that is gone says nothing."""
        address = self.structures.number("rumpns_alllwp") or 0
        found: set[int] = set()
        while address and address not in found and len(found) < MOST_THREADS:
            found.add(address)
            row = self.structures.read("lwp", address)
            address = row["le_next"] if row else 0
        return found

    @cached_property
    def block_bytes(self) -> int:
        """The size of a thread's block of thread-local variables, below its thread pointer."""
        return next((align(one.memory_bytes, max(one.alignment, 8))
                     for one in ElfFile.read(self._subject.image.path).segments
                     if one.type == PT_TLS), 0)

    def _stack_bytes(self, row: Mapping[str, Any], pthread: Mapping[str, Any]) -> int:
        base = row["bt_stackbase"]
        if not row["bt_flags"] & _EXTERNAL_STACK:
            size = self.structures.number("bmk_stacksize") or 0
        elif base == self.structures.number("bmk_mainstackbase"):
            size = self.structures.number("bmk_mainstacksize") or 0
        else:
            size = pthread.get("ss_size", 0) if pthread.get("ss_sp") == base else 0
        return size if 0 < size <= MOST_STACK_BYTES else 0

    # A thread again

    def is_unchanged(self, record: ThreadRecord) -> bool:
        """Whether a thread that was not running has not run since it was looked at."""
        row = self.structures.read("thread", record.address)
        return row is not None and isinstance(record, RumprunRecord) and \
            (row["bt_flags"], row["btcb_sp"], row["btcb_ip"]) == \
            (record.flags, record.stack_pointer, record.instruction_pointer)

    def again(self, record: ThreadRecord) -> ThreadRecord | None:
        """Return what the guest says now of a thread seen before; None if it is gone."""
        row = self.structures.read("thread", record.address)
        if row is None or row["bt_stackbase"] != record.stack or row["bt_flags"] & _DEAD:
            return None
        return self._of(record.address, row)

    def saved_registers(self, space: AddressSpace, stack_pointer: int,
                        record: ThreadRecord) -> dict[str, int]:
        """Return the registers that the last switch left on a thread's stack.

        Those of a thread that has not run yet are of its very beginning.
        """
        place = getattr(record, "instruction_pointer", 0)
        if place and place == self.structures.address("bmk_cpu_sched_bouncer"):
            return {"rip": place, "rsp": stack_pointer, "rbp": 0}
        return super().saved_registers(space, stack_pointer, record)

    def panic_registers(self) -> tuple[dict[str, int], bool]:
        """Return the processor's registers: a Rumprun guest stays where it crashed."""
        return dict(self._subject.registers or {}), False


def _state(flags: int) -> str:
    if flags & _DEAD:
        return "exited"
    if flags & (_TIMEQ | _BLOCKQ):
        return "blocked"
    return "runnable" if flags & _RUNQ else "running" if flags & _RUNNING else \
        f"unknown ({flags:#x})"
