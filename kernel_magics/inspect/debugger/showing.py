"""What gdb's commands print of values, types and code, as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.variables import Text
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.values.class_types import type_text
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    import drgn

    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["disassembly", "line_text", "printed", "symbol_text", "type_shown"]

_FORMAT = re.compile(r"/(?P<letter>\w+)\s+(?P<rest>.*)", re.DOTALL)
_REPEATED = re.compile(r"(?P<what>.+)@\s*(?P<count>\w+)\s*", re.DOTALL)
_BASES = {"x": 16, "d": 10, "o": 8}
MOST_REPEATED = 10_000


def printed(debugger: Debugger, text: str) -> Any:
    """Return the value of "EXPRESSION", "/x EXPRESSION" or "ELEMENT@COUNT"."""
    found = _FORMAT.fullmatch(text)
    letter, text = (found["letter"], found["rest"]) if found else ("", text)
    repeated = _REPEATED.fullmatch(text) if '"' not in text else None
    value = _repeated(debugger, repeated["what"], repeated["count"]) if repeated \
        else debugger.evaluate(text)
    return _formatted(debugger, value, letter) if letter else value


def _repeated(debugger: Debugger, what: str, counted: str) -> TypedObject:
    import drgn

    value, count = debugger.evaluate(what), int(debugger.evaluate(counted))
    first = value.object_ if isinstance(value, TypedObject) else None
    if first is None or first.address_ is None or not 0 < count <= MOST_REPEATED:
        raise UsageError(f"{what}@{counted} is no stretch of memory",
                         next_step="give an element in memory, and 1 or more: table[0]@4")
    kind = first.prog_.array_type(first.type_, count)
    return TypedObject(drgn.Object(first.prog_, kind, address=first.address_))


def _formatted(debugger: Debugger, value: Any, letter: str) -> Any:
    plain = value.value_() if isinstance(value, TypedObject) else value
    if letter in _BASES and isinstance(value, TypedObject) and not isinstance(plain, int):
        return Text(value.object_.format_(integer_base=_BASES[letter]))
    if letter in ("s", "i"):
        return value
    if isinstance(plain, bool) or not isinstance(plain, int):
        raise UsageError(f"format /{letter} is one of numbers", next_step="leave it out")
    if letter == "a":
        name = debugger.places.at(plain % (1 << 64)).text
        return Text(f"{plain:#x} <{name}>" if name != hex(plain) else hex(plain))
    if letter in ("u", "x", "t", "o") and plain < 0:
        plain %= 1 << 8 * _size(value)
    forms: dict[str, Callable[[int], str]] = {
        "x": hex, "o": oct, "d": str, "u": str, "t": bin,
        "c": lambda code: f"{code} {chr(code % 256)!r}"}
    if letter not in forms:
        raise UsageError(f"no format is called /{letter}",
                         next_step="there are /x /d /u /o /t (binary) /c /a (address) /s")
    return Text(forms[letter](plain))


def _size(value: Any) -> int:
    import drgn

    return int(drgn.sizeof(value.object_)) if isinstance(value, TypedObject) else 8


def type_shown(debugger: Debugger, text: str, whole: bool) -> Text:
    """Return the type of an expression, or of a type's name; `whole` with its members, each
    with its offset in bytes."""
    import drgn

    clean = text.strip()
    if not clean:
        raise UsageError("ptype tells the type of something", next_step="ptype struct node")
    try:
        kind = program_of(debugger.guest).type(clean)
    except (LookupError, SyntaxError):
        value = debugger.evaluate(clean)
        if not isinstance(value, TypedObject):
            return Text(type(value).__name__)
        kind = value.object_.type_
    except drgn.BadDataError as error:
        raise UsageError(f"{clean}: {error}", next_step="the debugging data is damaged") from None
    return Text(_definition(kind) if whole else type_text(kind))


def _definition(kind: drgn.Type) -> str:
    import drgn

    plain = kind.unaliased()
    while plain.kind == drgn.TypeKind.POINTER:
        plain = plain.type.unaliased()
    members = getattr(plain, "members", None)
    if members is None:
        return str(plain)
    rows = [(_offset(one), f"{type_text(one.type)} {one.name or ''}".rstrip()) for one in members]
    width = max((len(row[0]) for row in rows), default=0)
    body = "\n".join(f"  {at:>{width}}  {text}" for at, text in rows)
    return f"{type_text(plain)}, {drgn.sizeof(plain)} bytes; offset and member:\n{body}"


def _offset(member: drgn.TypeMember) -> str:
    bytes_, bits = divmod(member.bit_offset, 8)
    size = member.bit_field_size
    return f"{bytes_}" + (f" bit {bits}, {size} wide" if size else "")


def disassembly(debugger: Debugger, text: str) -> Any:
    """Return the instructions of a function, by default of the one where the guest stands."""
    if not text:
        place = debugger.stop.place if debugger.stop else None
        if place is None:
            raise UsageError("the guest stands nowhere", next_step="disassemble main")
        return debugger.guest.image.code(place.address)
    return debugger.guest.image.code(text)


def symbol_text(debugger: Debugger, text: str) -> Text:
    """Return what an address is called, and where it is in the source."""
    value = debugger.evaluate(text)
    address = value if isinstance(value, int) else _address(value, text)
    return Text(f"{address:#x}: {debugger.places.at(address).text}")


def _address(value: Any, text: str) -> int:
    import drgn

    found = value.object_ if isinstance(value, TypedObject) else None
    if found is not None and found.type_.unaliased().kind in (
            drgn.TypeKind.INT, drgn.TypeKind.POINTER):
        return int(found)
    if found is None or found.address_ is None:
        raise UsageError(f"{text} is no address", next_step="give a pointer or a number")
    return int(found.address_)


def line_text(debugger: Debugger, text: str) -> Text:
    """Return the addresses of a place: a line, a function."""
    here = debugger.stop.place if debugger.stop else None
    return Text("\n".join(f"{one.address:#x}: {one.text}"
                          for one in debugger.places.find(text or "main", here)))
