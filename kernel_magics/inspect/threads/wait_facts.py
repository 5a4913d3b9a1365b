"""What is known of a guest when the waits of its threads are put into words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.stacks.module_types import name_in_module
from kernel_magics.inspect.values.object_names import ObjectNames
from kernel_magics.inspect.values.records import RecordReader

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread
    from kernel_magics.inspect.threads.thread_table import ThreadTable
    from kernel_magics.inspect.threads.wait_types import Wait

__all__ = ["WaitFacts"]

# Thread structures of C libraries lie at the thread pointer; none is larger.
_THREAD_STRUCTURE_BYTES = 4096


class WaitFacts:
    """Facts of one look, read when they are needed and once: threads, files, names."""

    def __init__(self, subject: Any, table: ThreadTable) -> None:
        self.subject, self.table = subject, table
        self.threads: list[Thread] = []
        self._readers: dict[tuple[str, str], RecordReader] = {}

    def wait_of(self, thread: Thread) -> Wait:
        """Return what a blocked thread waits for."""
        from kernel_magics.inspect.threads.waits import wait_of

        return wait_of(thread, thread.stack, self)

    @cached_property
    def names(self) -> ObjectNames:
        """Names of what lies at an address."""
        return ObjectNames(self.subject)

    @property
    def is_moving(self) -> bool:
        """Whether the guest runs now: what was dumped while it ran stands still."""
        return self.subject.state == "running" and hasattr(self.subject, "pause")

    @cached_property
    def registers(self) -> Mapping[str, int] | None:
        """The processor's registers while the guest stands still, else None."""
        if self.subject.state == "panicked" or self.is_moving:
            return None
        found: Mapping[str, int] | None = self.subject.registers
        return found

    def by_stack(self, address: int) -> Thread | None:
        """Return the thread on whose stack in the runtime an address lies."""
        return next((one for one in self.threads if one.record.stack
                     and 0 <= address - one.record.stack < one.record.stack_bytes), None)

    def name_at(self, address: int, thread: Thread) -> str:
        """Return the name of a variable at an address of a thread's process, "" if none."""
        code = thread.objects.around(address)
        if code is None:
            return ""
        return name_in_module(self.subject, thread.space, code, address) if code.module \
            else self.names.at(address)

    def by_number(self, number: int) -> Thread | None:
        """Return a thread by its number."""
        return self._numbers.get(number)

    @cached_property
    def _numbers(self) -> dict[int, Thread]:
        return {one.number: one for one in self.threads}

    def by_address(self, address: int) -> Thread | None:
        """Return the thread whose struct bmk_thread lies at an address."""
        return self._addresses.get(address)

    @cached_property
    def _addresses(self) -> dict[int, Thread]:
        return {one.record.address: one for one in self.threads if one.record.address}

    def by_tid(self, tid: int, process: int) -> Thread | None:
        """Return a process's thread by the number the program knows."""
        found = next((one for one in self.threads
                      if (one.record.tid, one.process) == (tid, process)), None)
        # (they are the same number but for a process's first thread)
        return found or self.by_number(tid)

    def by_structure(self, address: int, process: int) -> Thread | None:
        """Return the thread in whose C library's structure an address lies."""
        near = [one for one in self.threads if one.process == process
                and 0 <= address - one.record.fs_base < _THREAD_STRUCTURE_BYTES]
        return max(near, key=lambda one: one.record.fs_base, default=None)

    def number_at(self, type_name: str, member: str, address: int) -> int:
        """Return a member of a structure at an address, 0 if it cannot be read."""
        try:
            key = (type_name, member)
            if key not in self._readers:
                self._readers[key] = RecordReader(program_of(self.subject), type_name, member)
            row = self._readers[key].read(self.threads[0].space.read, address)
            return int(row[member.rpartition(".")[2]])
        except (LabError, LookupError):
            return 0

    def descriptor(self, process: int, number: int) -> str:
        """Return a descriptor in words: "fd 3 (pipe)"."""
        row = self._files.get((process, number))
        if row is None:
            return f"fd {number}"
        said = ", ".join(text for text in (row.kind, row.path, row.detail) if text)
        return f"fd {number} ({said})"

    @cached_property
    def _files(self) -> dict[tuple[int, int], Any]:
        try:
            return {(row.pid, row.descriptor): row for row in self.subject.files.rows()}
        except (LabError, AttributeError, LookupError):
            return {}
