"""What is known of a Rumprun guest when the waits of its threads are put into words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.rumprun.structures import Structures
from kernel_magics.inspect.rumprun.thread_table import RumprunRecord, RumprunThreadTable
from kernel_magics.inspect.threads.wait_facts import WaitFacts

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread
    from kernel_magics.inspect.threads.wait_types import Wait

__all__ = ["RumprunFacts", "look_of", "running_thread"]


def look_of(subject: Any) -> tuple[RumprunThreadTable, RumprunFacts]:
    """Return the table of a Rumprun guest's threads, and what is known of their waits."""
    table = RumprunThreadTable(subject)
    return table, RumprunFacts(subject, table)


def running_thread(subject: Any, stack_pointer: int) -> tuple[int, str]:
    """Return number and name of the thread on whose stack the processor is; (0, "") if none."""
    try:
        records = RumprunThreadTable(subject).records()
    except LabError:
        return 0, ""
    found = next((one for one in records if one.stack
                  and 0 <= stack_pointer - one.stack < one.stack_bytes), None)
    return (found.number, found.name) if found else (0, "")


class RumprunFacts(WaitFacts):
    """Facts of one look at a Rumprun guest."""

    # A libpthread reader/writer lock: bits of its owner (pthread_int.h), what it begins with.
    WRITE_LOCKED, READERS_SHIFT, RWLOCK_MAGIC = 0x4, 4, 0x9999_0009

    @property
    def structures(self) -> Structures:
        """The guest's structures."""
        assert isinstance(self.table, RumprunThreadTable)
        return self.table.structures

    def wait_of(self, thread: Thread) -> Wait:
        """Return what a blocked thread waits for."""
        from kernel_magics.inspect.rumprun.waits import wait_of

        return wait_of(thread, thread.stack, self)

    @cached_property
    def registers(self) -> Mapping[str, int] | None:
        """The processor's registers while the guest stands still, or after it has halted."""
        if self.is_moving:
            return None
        found: Mapping[str, int] | None = self.subject.registers
        return found

    def by_pthread(self, address: int) -> Thread | None:
        """Return the thread whose libpthread structure lies at an address."""
        return next((one for one in self.threads if isinstance(one.record, RumprunRecord)
                     and address and one.record.pthread == address), None)

    def by_lwp(self, address: int) -> Thread | None:
        """Return the thread whose struct lwp lies at an address."""
        return next((one for one in self.threads if address and one.record.owner == address),
                    None)
