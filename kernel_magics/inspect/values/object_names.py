"""The name of what lies at an address: a variable, and which part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    import drgn

__all__ = ["ObjectNames", "part_of", "pointer_path"]

MOST_DEPTH = 12


class ObjectNames:
    """Names of variables of a subject's image, by address."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self._known: dict[int, str] = {}

    def at(self, address: int) -> str:
        """Return "alice.lock" for the place of that member, "" where no variable is."""
        if address not in self._known:
            self._known[address] = self._find(address)
        return self._known[address]

    def _find(self, address: int) -> str:
        found = self._subject.image.symbols.at(address)
        if found is None or found[0].kind != "object":
            return ""
        symbol, offset = found
        variable = self.variable(symbol.name, symbol.address)
        if variable is None:
            return f"{symbol.name}+{offset:#x}" if offset else str(symbol.name)
        part = part_of(variable.type_, offset)
        return f"{_plain(symbol.name)}{part}"

    def variable(self, name: str, address: int) -> drgn.Object | None:
        """Return the variable of a symbol, None if debugging information has none."""
        program = program_of(self._subject)
        sources = [one.filename for one in self._subject.image.sources]
        for file in (*sources, None):
            try:
                found = program.variable(_plain(name), file)
            except LookupError:
                continue
            if found.address_ == address:
                return found
        return None


def _plain(name: str) -> str:
    """Return a static variable's name without the number the compiler gave it."""
    first, dot, last = name.rpartition(".")
    return first if dot and last.isdigit() else name


def pointer_path(variables: Mapping[str, TypedObject], address: int) -> str:
    """Return "to->lock" or "list->next->lock" where a pointer among some variables leads to
    what has the address, or "own.lock" for a variable that lies there; "" if none does."""
    found = {name: one.object_ for name, one in variables.items()}
    path = _holding(found, address)
    if path:
        return path
    inner: dict[str, drgn.Object] = {}
    for name, one in found.items():
        inner |= _pointers_in(name, one)
    return _holding(inner, address)


def _holding(variables: Mapping[str, drgn.Object], address: int) -> str:
    import drgn

    for name, value in variables.items():
        try:
            kind = value.type_.unaliased()
            if kind.kind == drgn.TypeKind.POINTER:
                offset, target, joint = address - int(value), kind.type, f"{name}->"
            elif value.address_ is not None:
                offset, target, joint = address - value.address_, value.type_, f"{name}."
            else:
                continue
            if 0 <= offset < drgn.sizeof(target):
                part = part_of(target, offset).removeprefix(".")
                return f"{joint}{part}" if part else f"{'*' if '>' in joint else ''}{name}"
        except (TypeError, ValueError, drgn.FaultError, drgn.ObjectAbsentError):
            continue
    return ""


def _pointers_in(name: str, value: drgn.Object) -> dict[str, drgn.Object]:
    """Return the members that are pointers, of what a pointer leads to."""
    import drgn

    kind = value.type_.unaliased()
    if kind.kind != drgn.TypeKind.POINTER \
            or kind.type.unaliased().kind not in (drgn.TypeKind.STRUCT, drgn.TypeKind.CLASS):
        return {}
    try:
        whole = value[0].read_()
        return {f"{name}->{one.name}": whole.member_(one.name)
                for one in kind.type.unaliased().members or ()
                if one.name and one.type.unaliased().kind == drgn.TypeKind.POINTER}
    except (TypeError, ValueError, drgn.FaultError, drgn.ObjectAbsentError):
        return {}


def part_of(kind: drgn.Type, offset: int) -> str:
    """Return the path of the outermost part of a type that begins at `offset`: "[2].lock"."""
    import drgn

    structures = (drgn.TypeKind.STRUCT, drgn.TypeKind.UNION, drgn.TypeKind.CLASS)
    path = ""
    for _ in range(MOST_DEPTH):
        plain = kind.unaliased()
        if plain.kind == drgn.TypeKind.ARRAY and plain.length:
            size = drgn.sizeof(plain.type)
            if not size:
                break
            path += f"[{offset // size}]"
            kind, offset = plain.type, offset % size
        elif plain.kind in structures and (offset or not path or path.endswith("]")):
            member = _member(plain, offset)
            # At the start of a structure, it is meant itself, unless it has no name.
            if member is None or (not offset and not path):
                break
            if not offset and member.bit_offset == 0 and path.endswith("]"):
                break
            path += f".{member.name}" if member.name else ""
            kind, offset = member.type, offset - member.bit_offset // 8
        else:
            break
        if not offset and plain.kind in structures:
            break
    return path + (f"+{offset:#x}" if offset else "")


def _member(kind: drgn.Type, offset: int) -> drgn.TypeMember | None:
    import drgn

    for member in reversed(kind.members or ()):
        start = member.bit_offset // 8
        try:
            if start <= offset < start + max(drgn.sizeof(member.type), 1):
                return member
        except TypeError:  # a flexible array
            continue
    return None
