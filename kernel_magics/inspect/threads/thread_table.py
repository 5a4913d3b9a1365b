"""The threads a guest has, as its own structures say, or the table it keeps for the lab.

Source: images/rumpkit/bmk/bmk.h, kern/process.h, include/lab_abi.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ctypes import sizeof
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import Any

from kernel_magics.boot import abi
from kernel_magics.boot.header import GuestHeader
from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.memory.program import DIRECT_BASE, has_types, program_of
from kernel_magics.inspect.threads.linked import MOST_THREADS, linked_threads
from kernel_magics.inspect.values.records import RecordReader

__all__ = ["FOREVER", "MOST_THREADS", "STACK_BYTES", "ThreadRecord", "ThreadTable"]

# The tables are the guest's and may lie; no guest of this lab has more.
MOST_PROCESSES = 4096
STACK_BYTES = 8 * 4096
"""Of a thread in the runtime: STACK_PAGES of images/rumpkit/bmk/thread.c."""

FOREVER = (1 << 63) - 1
_NO_VECTOR = 2**64 - 1
# What arch_switch of images/rumpkit/arch/x86_64/trap.S leaves on a stack it switches from.
_SAVED = Struct("<7Q")
_SAVED_NAMES = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")
_TICKS_A_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """What a guest says of one thread; addresses are virtual, 0 where it says nothing.

    `state` is "running", "runnable", "blocked" or "exited"; `stack_pointer` is that of its
    stack in the runtime, as of the last time it left the processor; `stack` that stack's
    lowest address; `owner` its struct kern_thread; `page_table` the physical address of
    its process's; `cpu_ns` is None in guests that do not count it.
    """

    number: int
    name: str
    state: str
    cpu_ns: int | None
    stack_pointer: int
    address: int = 0
    stack: int = 0
    waiting_on: int = 0
    deadline_ns: int = FOREVER
    fs_base: int = 0
    owner: int = 0
    tid: int = 0
    pid: int = 0
    command: str = ""
    page_table: int = 0
    stack_bytes: int = STACK_BYTES


class ThreadTable:
    """One look at a subject's threads."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self.problems: list[str] = []
        self.space = AddressSpace(subject)

    @cached_property
    def header(self) -> GuestHeader:
        """The lab header as it was at the first look."""
        found: GuestHeader = self._subject.header
        return found

    def records(self) -> list[ThreadRecord]:
        """Return the threads by number.

        Raises GuestError if not even the table for the lab can be read.
        """
        if not has_types(self._subject):
            self.problems.append(f"{self._subject.image.path.name} has no debugging information: "
                                 "what threads wait for and their processes are not known")
            return self._from_lab_table()
        found = list(self._from_structures())
        if self.problems or not found:
            known = {one.number for one in found}
            found += [one for one in self._from_lab_table() if one.number not in known]
        return sorted(found, key=lambda one: one.number)

    def is_unchanged(self, record: ThreadRecord) -> bool:
        """Whether a thread that was not running has not run since it was looked at."""
        if not record.address:
            return self.again(record) == record
        row = self._read("thread", record.address)
        lab = self._read("lab", row["record"]) if row is not None else None
        if row is None or lab is None or row["exited"] or lab["slice_tsc"]:
            return False
        state = "blocked" if lab["state"] == abi.ThreadState.BLOCKED else "runnable"
        return (row["number"], row["stack_pointer"], self._nanoseconds(lab["cpu_tsc"]), state) \
            == (record.number, record.stack_pointer, record.cpu_ns, record.state)

    def again(self, record: ThreadRecord) -> ThreadRecord | None:
        """Return what the guest says now of a thread seen before; None if it is gone."""
        if not record.address:
            return next((one for one in self._from_lab_table() if one.number == record.number),
                        None)
        row = self._read("thread", record.address)
        return self._record(record.address, row) \
            if row is not None and row["number"] == record.number else None

    def anew(self) -> ThreadTable:
        """Return the table for another look."""
        return type(self)(self._subject)

    def saved_registers(self, space: AddressSpace, stack_pointer: int,
                        _record: ThreadRecord) -> dict[str, int]:
        """Return the registers that the last switch left on a thread's stack.

        Raises GuestError where nothing is mapped.
        """
        values = _SAVED.unpack(space.read(stack_pointer, _SAVED.size))
        return {**dict(zip(_SAVED_NAMES, values, strict=True)),
                "rsp": stack_pointer + _SAVED.size}

    def panic_registers(self) -> tuple[dict[str, int], bool]:
        """Return the registers of the panic record, and whether rip is a return address."""
        record = abi.Panic.from_buffer_copy(
            self._subject.ram.read(self.header.panic_address, sizeof(abi.Panic)))
        return dict(zip(abi.REGISTERS, record.registers, strict=True)), \
            record.vector == _NO_VECTOR

    # From the structures

    @cached_property
    def _readers(self) -> dict[str, RecordReader]:
        known: dict[str, RecordReader] = self._subject.image.__dict__.setdefault(
            "_thread_readers", {})
        if not known:
            program = program_of(self._subject)
            known["thread"] = RecordReader(
                program, "struct bmk_thread", "stack_pointer", "waiting_on", "deadline_ns",
                "exited", "number", "record", "stack", "fs_base", "owner", "all_next")
            known["lab"] = RecordReader(program, "struct lab_thread", "number", "state",
                                        "cpu_tsc", "slice_tsc", "name")
            with suppress(LookupError):  # (a runtime without factions has no processes)
                known["owner"] = RecordReader(program, "struct kern_thread", "process", "tid")
                known["process"] = RecordReader(program, "struct kern_process", "next", "pid",
                                                "command", "vm")
                known["vm"] = RecordReader(program, "struct kern_vm", "space")
        return known

    def _read(self, kind: str, address: int) -> Mapping[str, Any] | None:
        try:
            return self._readers[kind].read(self.space.read, address)
        except (GuestError, KeyError):
            return None

    def _from_structures(self) -> Iterator[ThreadRecord]:
        # (drgn takes "all" of any file otherwise)
        first = program_of(self._subject).variable("all", "bmk/thread.c").address_
        for address, row in linked_threads(
                lambda address: self._read("thread", address), self.space.word(first) or 0,
                "all_next", self.problems):
            yield self._record(address, row)

    def _record(self, address: int, row: Mapping[str, Any]) -> ThreadRecord:
        lab = self._read("lab", row["record"]) or {}
        owner = self._read("owner", row["owner"]) if row["owner"] else None
        process = self._process(owner["process"]) if owner else {}
        return ThreadRecord(
            number=row["number"], name=str(lab.get("name", "")),
            state=self._state(row["number"], row["exited"], lab.get("state")),
            cpu_ns=self._nanoseconds(lab.get("cpu_tsc", 0)),
            stack_pointer=row["stack_pointer"], address=address, stack=row["stack"],
            waiting_on=row["waiting_on"], deadline_ns=row["deadline_ns"],
            fs_base=row["fs_base"], owner=row["owner"], tid=owner["tid"] if owner else 0,
            pid=process.get("pid", 0), command=process.get("command", ""),
            page_table=process.get("page_table", 0))

    def _process(self, address: int) -> dict[str, Any]:
        if address not in self._processes:
            row = dict(self._read("process", address) or {})
            vm = self._read("vm", row.get("vm", 0)) if row.get("vm") else None
            space = vm["space"] if vm else 0
            row["page_table"] = space - DIRECT_BASE if space >= DIRECT_BASE else space
            self._processes[address] = row
        return self._processes[address]

    @cached_property
    def _processes(self) -> dict[int, dict[str, Any]]:
        return {}

    def _state(self, number: int, exited: bool, state: int | None) -> str:
        if exited or state == abi.ThreadState.EXITED:
            return "exited"
        if number == self.header.thread_current:
            return "running"
        return "blocked" if state == abi.ThreadState.BLOCKED else "runnable" \
            if state == abi.ThreadState.RUNNABLE else f"unknown ({state})"

    def _nanoseconds(self, ticks: int) -> int:
        hz = self.header.tsc_hz
        return ticks * _TICKS_A_SECOND // hz if hz else 0

    # From the table for the lab

    def _from_lab_table(self) -> list[ThreadRecord]:
        header = self.header
        count = header.threads_capacity
        if count > MOST_THREADS:
            raise GuestError(f"the guest's thread table claims {count} slots, more than "
                             f"{MOST_THREADS}", next_step="the guest has overwritten its header")
        data = self._subject.ram.read(header.threads_address, count * sizeof(abi.Thread))
        table = (abi.Thread * count).from_buffer_copy(data)
        rows = [ThreadRecord(row.number, row.name.decode("utf-8", "replace"),
                             self._state(row.number, False, row.state),
                             self._nanoseconds(row.cpu_tsc), row.stack_pointer)
                for row in table if row.state != abi.ThreadState.FREE]
        return sorted(rows, key=lambda one: one.number)
