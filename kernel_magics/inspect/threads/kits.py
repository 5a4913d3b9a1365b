"""Which kit's structures the threads of a guest are read from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.memory.mapping import kit_of
from kernel_magics.inspect.threads.thread_table import ThreadTable
from kernel_magics.inspect.threads.wait_facts import WaitFacts

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["look_of"]

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
