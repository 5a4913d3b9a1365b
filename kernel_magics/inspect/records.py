"""Structures of the runtime read as plain numbers: one read and one decoding each.

drgn's objects are for people; a look at hundreds of threads reads the same few members of
the same structures over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import drgn

__all__ = ["RecordReader"]

_SIZES = (1, 2, 4, 8)


class RecordReader:
    """Reads some members of one structure type.

    `members` are names, "outer.inner" for one in a structure inside.  Integers, pointers,
    enumerations and bools become numbers, char arrays texts.  Raises LookupError if the
    image has no such type or member.
    """

    def __init__(self, program: drgn.Program, type_name: str, *members: str) -> None:
        kind = program.type(type_name)
        self.size_bytes = int(kind.size or 0)
        self._fields: list[tuple[str, int, int, bool, bool]] = []
        for name in members:
            self._fields.append((name.rpartition(".")[2], *_field(kind, name)))

    def read(self, read: Callable[[int, int], bytes], address: int) -> Mapping[str, Any]:
        """Return the members of the structure at an address; raises what `read` raises."""
        return self.decode(read(address, self.size_bytes))

    def decode(self, data: bytes) -> Mapping[str, Any]:
        """Return the members of a structure's bytes."""
        found: dict[str, Any] = {}
        for name, offset, size, signed, is_text in self._fields:
            part = data[offset:offset + size]
            found[name] = part.split(b"\0")[0].decode("utf-8", "replace") if is_text \
                else int.from_bytes(part, "little", signed=signed)
        return found


def _field(kind: drgn.Type, path: str) -> tuple[int, int, bool, bool]:
    """Return offset, size, whether it has a sign, and whether it is a text."""
    import drgn

    offset = 0
    for name in path.split("."):
        member = kind.unaliased().member(name)
        offset += member.bit_offset // 8
        kind = member.type
    plain = kind.unaliased()
    while plain.kind == drgn.TypeKind.ENUM and plain.type is not None:
        plain = plain.type.unaliased()
    if plain.kind == drgn.TypeKind.ARRAY:
        return offset, int(plain.length or 0), False, True
    size = drgn.sizeof(plain)
    if size not in _SIZES:
        raise LookupError(f"{path} is no number")
    return offset, size, plain.kind == drgn.TypeKind.INT and bool(plain.is_signed), False
