"""Values of C++ as text: containers as what they hold, types without what is a default.

drgn writes a value of C as C does.  A std::map is a red-black tree to it, and a type's name
three lines long; both are written here, in drgn's manner.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from kernel_magics.inspect.images.names import demangle
from kernel_magics.inspect.values.class_types import (
    STRUCTURES,
    holds_templates,
    members_of,
    pointed,
    type_text,
)
from kernel_magics.inspect.values.containers import Contents, contents_of, target_of

if TYPE_CHECKING:
    import drgn

__all__ = ["source_names", "value_text"]

MOST_SHOWN_ITEMS, MOST_SHOWN_INNER, MOST_DEPTH = 64, 16, 6
MOST_TEXT = 200  # characters of a string inside of something else
_LINE = 88
_MANGLED = re.compile(r"\b(_Z\w+)\+0x([0-9a-f]+)")
# Who calls what a std::function holds: std::_Function_handler<int (int), HELD>::_M_invoke(…).
_HANDLER = re.compile(r"std::_Function_handler<(?P<held>.*)>::_M_invoke\(.*", re.DOTALL)


def source_names(text: str) -> str:
    """Return what drgn wrote with the names of functions as the source has them."""
    found = set(_MANGLED.findall(text))
    for name, offset in found:
        more = f"+0x{offset}" if int(offset, 16) else ""
        text = text.replace(f"{name}+0x{offset}", f"{_demangled(name)}{more}")
    return text


@lru_cache(maxsize=1000)
def _demangled(name: str) -> str:
    return demangle([name]).get(name, name)


def value_text(found: drgn.Object) -> str:
    """Return a value with its type, over as many lines as it takes.

    Raises drgn.FaultError where memory is not mapped.
    """
    target = target_of(found)
    if target is None and pointed(found.type_) is not None and int(found):
        target = found[0]
    if target is not None:
        return f"*({type_text(found.type_)}){int(found):#x} = {_plain(target, 0)}"
    return f"({type_text(found.type_)}){_counted(found)}{_plain(found, 0)}"


def _counted(found: drgn.Object) -> str:
    held = contents_of(found)
    if held is None or held.kind not in ("sequence", "set", "mapping"):
        return ""
    words = ("entry", "entries") if held.kind == "mapping" else ("element", "elements")
    return f"{held.length} {words[held.length != 1]} "


def _plain(found: drgn.Object, depth: int) -> str:
    """Return a value without its type."""
    import drgn

    try:
        if depth > MOST_DEPTH:
            return "{…}"
        held = contents_of(found) if pointed(found.type_) is None or not depth else None
        if held is not None:
            return _held(held, depth)
        plain = found.type_.unaliased()
        if plain.kind.name in STRUCTURES:
            return _members(found, depth)
        if plain.kind.name == "ARRAY" and holds_templates(plain):
            return _listed([_plain(one, depth + 1) for one, _ in
                            zip(found, range(MOST_SHOWN_ITEMS), strict=False)], len(found))
        return str(found.format_(type_name=False, dereference=False))
    except drgn.FaultError as error:
        return f"<{error.address:#x} is not mapped>"
    except drgn.ObjectAbsentError:
        return "<optimized out>"
    except (drgn.BadDataError, NotImplementedError) as error:
        return f"<{error}>"


def _held(held: Contents, depth: int) -> str:
    if held.kind == "text":
        return _quoted(held.text, held.length, depth)
    if held.kind == "function":
        return _function(*held.items())
    if held.kind in ("choice", "pointer"):
        return _single(held, depth)
    texts, problem = _texts(held, depth)
    return _listed(texts, held.length, problem)


def _texts(held: Contents, depth: int) -> tuple[list[str], str]:
    """Return the texts of the first elements, and what ended them too early."""
    import drgn

    texts: list[str] = []
    try:
        for item in held.items():
            if len(texts) == (MOST_SHOWN_INNER if depth else MOST_SHOWN_ITEMS):
                return texts, ""
            texts.append(f"{_plain(item[0], depth + 1)}: {_plain(item[1], depth + 1)}"
                         if isinstance(item, tuple) else _plain(item, depth + 1))
    except drgn.FaultError as error:
        return texts, f"… {error.address:#x} is not mapped"
    missing = held.length - len(texts)
    return texts, f"… it claims {missing} more" if missing else ""


def _single(held: Contents, depth: int) -> str:
    note = f" ({held.note})" if held.note else ""
    for item in held.items():
        target = pointed(item.type_) if held.kind == "pointer" else None
        if target is not None and target.unaliased().kind.name not in ("VOID", "FUNCTION"):
            return f"{int(item):#x}{note} → {_plain(item[0], depth + 1)}"
        return f"{_plain(item, depth)}{note}"
    return held.note


def _function(invoker: drgn.Object, pointer: drgn.Object) -> str:
    """Return what a std::function calls: a function by its name, else the type that it holds."""
    try:
        name = _demangled(pointer.prog_.symbol(int(invoker)).name)
    except LookupError:
        return str(invoker.format_(type_name=False))
    found = _HANDLER.fullmatch(name)
    held = found["held"] if found else name
    if held.endswith(")") and "(*)" in held:
        return source_names(str(pointer.format_(type_name=False)))
    depth = 0
    for at, letter in enumerate(held):  # behind the function's own type
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            return held[at + 1:].strip()
    return held


def _quoted(text: str, length: int, depth: int) -> str:
    shown = text[:MOST_TEXT] if depth else text
    escaped = "".join(letter if letter.isprintable() and letter not in '"\\' else
                      {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}.get(
                          letter, f"\\x{ord(letter):02x}") for letter in shown)
    return f'"{escaped}"' + (f"… {length} characters" if length > len(shown) else "")


def _members(found: drgn.Object, depth: int) -> str:
    """Return the members of a structure, those of its base classes first."""
    lines = []
    for name, member in members_of(found):
        text = _counted(member) + _plain(member, depth + 1).replace("\n", "\n    ")
        lines.append(f"    .{name} = ({type_text(member.type_)}){text},")
    return "{\n" + "\n".join(lines) + "\n}" if lines else "{}"


def _listed(texts: list[str], count: int, problem: str = "") -> str:
    left = count - len(texts)
    more = [problem] if problem else [f"… {left} more"] if left > 0 else []
    line = f"{{ {', '.join([*texts, *more])} }}" if texts or more else "{}"
    if len(line) <= _LINE and "\n" not in line:
        return line
    if all(len(text) <= 12 and "\n" not in text for text in texts):
        return _wrapped([*texts, *more])
    inner = [text.replace("\n", "\n    ") for text in [*texts, *more]]
    return "{\n" + "\n".join(f"    {text}," for text in inner) + "\n}"


def _wrapped(texts: list[str]) -> str:
    """Return short texts, many on a line."""
    rows, row = [], ""
    for text in texts:
        if row and len(row) + len(text) > _LINE - 6:
            rows.append(row)
            row = ""
        row += f"{' ' if row else ''}{text},"
    return "{\n" + "\n".join(f"    {one}" for one in [*rows, row]) + "\n}"
