"""Locks among the global variables of a program that somebody holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.memory.mapping import kit_of
from kernel_magics.inspect.memory.program import has_types
from kernel_magics.inspect.threads.lock_layouts import MUSL, NETBSD
from kernel_magics.inspect.values.object_names import ObjectNames

if TYPE_CHECKING:
    import drgn

    from kernel_magics.inspect.threads.thread_table import ThreadRecord
    from kernel_magics.inspect.threads.threads import Threads

__all__ = ["HeldLock", "held_variables"]

_LAYOUTS = {"rumprun": NETBSD}  # by kit
MOST_VARIABLES = 5000
MOST_ELEMENTS = 4096
MOST_DEPTH = 8
_TYPES = {"pthread_mutex_t": "mutex", "mtx_t": "mutex", "pthread_rwlock_t": "rwlock",
          "std::mutex": "mutex"}


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that is held: `holder` is the number of a thread, 0 if unknown."""

    kind: str
    address: int
    name: str
    holder: int
    taken_at: int


def held_variables(subject: Any, threads: Threads) -> list[HeldLock]:
    """Return the locks among the program's variables that are held now.

    Only of programs in the image itself; [] without debugging information.
    """
    if not threads or subject.image.initrd is not None or not has_types(subject):
        return []
    word = threads[0].space.word
    layouts = _LAYOUTS.get(kit_of(subject), MUSL)
    by_tid = {_told(one.record): one.number for one in threads}
    found = []
    for kind, address, name in _places(subject):
        holder = layouts.holder(kind, address, word)
        if holder.is_held:
            found.append(HeldLock(kind, address, name, by_tid.get(holder.tid, 0),
                                  holder.taken_at))
    return found


def _told(record: ThreadRecord) -> int:
    """Return what a lock says of the thread that has it."""
    return getattr(record, "pthread", 0) or record.tid or record.number


def _places(subject: Any) -> list[tuple[str, int, str]]:
    """Return kind, address and name of each lock variable; found once an image."""
    kept = vars(subject.image)
    if "_lock_variables" not in kept:
        names = ObjectNames(subject)
        places: list[tuple[str, int, str]] = []
        symbols = subject.image.symbols.search(layer="app", kind="object")
        for symbol in symbols[:MOST_VARIABLES]:
            variable = names.variable(symbol.name, symbol.address)
            if variable is not None:
                name = names.at(symbol.address).partition(".")[0].partition("[")[0]
                places += _locks_in(variable.type_, symbol.address, name or symbol.name, 0)
        kept["_lock_variables"] = places
    return list(kept["_lock_variables"])


def _locks_in(kind: drgn.Type, address: int, name: str,
              depth: int) -> Iterator[tuple[str, int, str]]:
    import drgn

    while kind.kind == drgn.TypeKind.TYPEDEF:
        if kind.name in _TYPES:
            yield _TYPES[kind.name], address, name
            return
        kind = kind.type
    if depth > MOST_DEPTH:
        return
    if kind.kind == drgn.TypeKind.ARRAY and kind.length:
        if not any(True for _ in _locks_in(kind.type, 0, "", depth + 1)):
            return
        size = drgn.sizeof(kind.type)
        for index in range(min(kind.length, MOST_ELEMENTS)):
            yield from _locks_in(kind.type, address + index * size, f"{name}[{index}]", depth + 1)
    elif kind.kind in (drgn.TypeKind.STRUCT, drgn.TypeKind.CLASS):
        for member in kind.members or ():
            if member.bit_field_size is None:
                part = f"{name}.{member.name}" if member.name else name
                yield from _locks_in(member.type, address + member.bit_offset // 8, part,
                                     depth + 1)
