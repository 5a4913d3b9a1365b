"""One thread of a guest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.stacks.code_objects import CodeObjects
from kernel_magics.inspect.stacks.stack import Backtrace, walk_stack
from kernel_magics.inspect.threads.thread_table import ThreadRecord
from kernel_magics.inspect.threads.wait_facts import WaitFacts
from kernel_magics.inspect.threads.wait_types import Wait

__all__ = ["Thread"]

# A blocked thread of a running guest may wake up during the walk: so often it is done anew.
TRIES = 4


class Thread:
    """A thread as it was when guest.threads was read.

    `number`; `name`; `state`: "running", "runnable" (it waits for the processor only),
    "blocked" or "exited"; `process`: its process's number, 0 for the runtime's own threads;
    `cpu_ns`: time on the processor, without the slice that is running, None if the guest does
    not count it; `wait`: what it waits for, None if it does not; `record`: the rest that the
    guest says.
    """

    def __init__(self, subject: Any, record: ThreadRecord, space: AddressSpace,
                 objects: Callable[[AddressSpace], CodeObjects], facts: WaitFacts) -> None:
        self._subject, self.space, self._objects = subject, space, objects
        self._facts = facts
        self.record = record
        self.number, self.name, self.state = record.number, record.name, record.state
        self.process, self.cpu_ns = record.pid, record.cpu_ns

    def backtrace(self) -> Backtrace:
        """Return the calls that are going on in the thread, as they are now.

        From the program through its system call, or the interrupt, down to where it left
        the processor.  Looking at a blocked thread stops nothing; a running guest is paused
        for a moment when it is the running thread's turn.  `notes` of the result says what
        could not be had; frames may be none.
        """
        found = self._look()
        return Backtrace(found.frames, found.notes, self.title())

    @cached_property
    def stack(self) -> Backtrace:
        """The backtrace of when it was first asked for."""
        return self._look()

    @cached_property
    def wait(self) -> Wait | None:
        """What it waits for, None if it is running or ready to, or has ended."""
        return self._facts.wait_of(self) if self.state == "blocked" else None

    @cached_property
    def label(self) -> str:
        """Its name; where that is only the program's, the function it began with."""
        if self.name != self.record.command:
            return self.name
        own = [one.function for one in self.stack if one.layer == "app" and one.function]
        return own[-1] if own else self.name

    @property
    def named(self) -> str:
        """Number and label, as a sentence names it."""
        return f"thread {self.number} ({self.label})"

    @property
    def objects(self) -> CodeObjects:
        """The code in its process's memory."""
        return self._objects(self.space)

    # Where the registers are

    def _look(self) -> Backtrace:
        if self.state == "exited":
            return Backtrace([], ["the thread has ended"])
        registers = self._facts.registers
        if registers and self._has_processor(self.record, registers):
            return self._from_processor(registers)
        if self.state == "running" and not registers:
            return self._running()
        return self._waiting()

    def _has_processor(self, record: ThreadRecord, registers: Mapping[str, int]) -> bool:
        """Whether the processor is in this thread: a switch may be half done."""
        stack = registers["rsp"]
        if record.stack and 0 <= stack - record.stack < record.stack_bytes:
            return True
        return record.state == "running" and self._facts.by_stack(stack) is None

    def _waiting(self) -> Backtrace:
        """Walk from the registers that the last switch saved on the thread's stack."""
        record = self.record
        for _ in range(TRIES):
            if not record.stack_pointer:  # it is just being switched to, or away from
                return self._running()
            found = self._walk_saved(record.stack_pointer)
            if self._facts.table.is_unchanged(record):
                return found
            now = self._record_now()
            if now is None or now.state == "exited":
                return Backtrace([], ["the thread ended during the look"])
            if now.state == "running":
                return self._running()
            record, self.space = now, AddressSpace(
                self._subject, 0 if self.space.is_default else self.space.page_table)
        return self._running()  # it is too quick to be looked at on the way

    def _walk_saved(self, stack_pointer: int) -> Backtrace:
        try:
            registers = self._facts.table.saved_registers(self.space, stack_pointer, self.record)
        except LabError:
            return Backtrace([], [f"its stack at {stack_pointer:#x} is not mapped"])
        objects = self.objects
        code = objects.at(registers["rip"] - 1)
        is_return = code is not None and code.called(registers["rip"]) is not None
        return walk_stack(self._subject, registers, after_call=is_return, space=self.space,
                          objects=objects)

    def _record_now(self) -> ThreadRecord | None:
        return self._facts.table.anew().again(self.record)

    def _running(self) -> Backtrace:
        """Walk from the processor's own registers."""
        subject = self._subject
        state = subject.state
        if state == "panicked":
            return self._panicked()
        if state != "running":
            return self._from_processor(subject.registers)
        try:
            subject.pause()
        except (LabError, AttributeError):
            return Backtrace([], ["it is running, and the guest could not be paused"])
        try:
            now, registers = self._record_now(), subject.registers
            if now is None or now.state == "exited":
                return Backtrace([], ["the thread ended during the look"])
            self.space = AddressSpace(
                subject, 0 if self.space.is_default else self.space.page_table)
            if registers and self._has_processor(now, registers):
                return self._from_processor(registers)
            if not now.stack_pointer:
                return Backtrace([], ["its stack pointer is not known"])
            return self._walk_saved(now.stack_pointer)
        finally:
            subject.resume()

    def _from_processor(self, registers: Mapping[str, int] | None) -> Backtrace:
        if not registers:
            return Backtrace([], ["it was running, and its registers are gone with the "
                                  "processor"])
        return walk_stack(self._subject, registers, space=self.space,
                          objects=self.objects)

    def _panicked(self) -> Backtrace:
        registers, after_call = self._facts.table.panic_registers()
        return walk_stack(self._subject, registers, space=self.space, objects=self.objects,
                          after_call=after_call)

    # Text

    def title(self) -> str:
        """Return number, name and state as a line."""
        process = f", process {self.process}" if self.process else ""
        return f"thread {self.number} ({self.label}{process}): {self.state}"

    def line(self) -> str:
        """Return the thread as a line of a list."""
        waits = f", waits for {self.wait.text}" if self.wait else ""
        used = f", {self.cpu_ns / 1e6:.3f} ms" if self.cpu_ns is not None else ""
        return f"{self.title()}{used}{waits}"

    def __repr__(self) -> str:
        return self.line()
