"""Which kit's structures the threads of a guest are read from."""

from __future__ import annotations

from ctypes import sizeof
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kernel_magics.boot import abi
from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.mapping import kit_of
from kernel_magics.inspect.threads.thread_table import MOST_THREADS, ThreadTable
from kernel_magics.inspect.threads.wait_facts import WaitFacts

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["look_of", "running_thread"]

_OTHERS = {"rumprun": "kernel_magics.inspect.rumprun.thread_facts"}


def look_of(subject: Any) -> tuple[ThreadTable, WaitFacts]:
    """Return the table of a subject's threads, and what is known of their waits.

    Every kit that is not rumpkit has a module with a `look_of` of its own.
    """
    other = _OTHERS.get(kit_of(subject))
    if other is not None:
        look: Callable[[Any], tuple[ThreadTable, WaitFacts]] = import_module(other).look_of
        return look(subject)
    table = ThreadTable(subject)
    return table, WaitFacts(subject, table)


def running_thread(subject: Any, stack_pointer: int) -> tuple[int, str]:
    """Return number and name of the thread that runs; (0, "") before there are any.

    `stack_pointer` is the processor's.
    """
    other = _OTHERS.get(kit_of(subject))
    if other is not None:
        number, name = import_module(other).running_thread(subject, stack_pointer)
        return int(number), str(name)
    try:
        header = subject.header
        number = header.thread_current
        if not number or header.threads_capacity > MOST_THREADS:
            return 0, ""
        data = subject.ram.read(header.threads_address,
                                header.threads_capacity * sizeof(abi.Thread))
    except LabError:
        return 0, ""
    table = (abi.Thread * header.threads_capacity).from_buffer_copy(data)
    found = next((one.name for one in table if one.state and one.number == number), b"")
    return number, found.decode("utf-8", "replace")
