"""Structures of the runtime read as plain numbers: one read and one decoding each.

drgn's objects are for people; a look at hundreds of threads reads the same few members of
the same structures over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import drgn

__all__ = ["FixedReader", "RecordReader"]

_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class RecordReader:
    """Reads some members of one structure type.

    `members` are names, "outer.inner" for one in a structure inside.  Integers, pointers,
    enumerations and bools become numbers, char arrays texts.  Raises LookupError if the
    image has no such type or member.
    """

    def __init__(self, program: drgn.Program, type_name: str, *members: str) -> None:
        kind = program.type(type_name).unaliased()
        self.size_bytes = int(kind.size or 0)
        fields = sorted((*_field(kind, name), name.rpartition(".")[2]) for name in members)
        layout, at = "<", 0
        for offset, form, size, _ in fields:
            layout += f"{offset - at}x{form}"
            at = offset + size
        self._layout = Struct(f"{layout}{self.size_bytes - at}x")
        self._names = [name for *_, name in fields]
        self._texts = [name for _, form, _, name in fields if form.endswith("s")]

    def read(self, read: Callable[[int, int], bytes], address: int) -> Mapping[str, Any]:
        """Return the members of the structure at an address; raises what `read` raises."""
        return self.decode(read(address, self.size_bytes))

    def decode(self, data: bytes) -> Mapping[str, Any]:
        """Return the members of a structure's bytes."""
        found: dict[str, Any] = dict(zip(self._names, self._layout.unpack(data), strict=True))
        for name in self._texts:
            found[name] = found[name].split(b"\0")[0].decode("utf-8", "replace")
        return found


def _field(kind: drgn.Type, path: str) -> tuple[int, str, int]:
    """Return offset, struct's letter and size in bytes."""
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
        return offset, f"{plain.length or 0}s", int(plain.length or 0)
    size = drgn.sizeof(plain)
    if size not in _LETTERS:
        raise LookupError(f"{path} is no number")
    is_signed = plain.kind == drgn.TypeKind.INT and plain.is_signed
    return offset, _LETTERS[size].lower() if is_signed else _LETTERS[size], size


class FixedReader:
    """Reads members whose places are known without debugging information.

    `members` is name → offset and struct's letter.
    """

    def __init__(self, size_bytes: int, members: Mapping[str, tuple[int, str]]) -> None:
        self.size_bytes = size_bytes
        self._members = {name: (offset, Struct(f"<{form}"))
                         for name, (offset, form) in members.items()}

    def read(self, read: Callable[[int, int], bytes], address: int) -> Mapping[str, Any]:
        """Return the members of the structure at an address; raises what `read` raises."""
        data = read(address, self.size_bytes)
        found: dict[str, Any] = {}
        for name, (offset, layout) in self._members.items():
            value = layout.unpack_from(data, offset)[0]
            found[name] = value.split(b"\0")[0].decode("utf-8", "replace") \
                if isinstance(value, bytes) else value
        return found
