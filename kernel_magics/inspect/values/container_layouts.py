"""How those containers of libstdc++ lie in memory whose elements are in a row; see containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.inspect.values.class_types import argument, base_name, pointed

if TYPE_CHECKING:
    import drgn

__all__ = ["ADDRESSES", "Elements", "array", "checked", "deque", "listed", "text", "vector"]

MOST_TEXT_BYTES = 1 << 16
MOST_ELEMENTS = 1 << 32  # a container that claims more is none
ADDRESSES = (1 << 64) - 1
"""All there are: what lies may lead beyond them."""
_DEQUE_BYTES = 512
_CODINGS = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}


class Elements(NamedTuple):
    """The elements of one container: how many, a walk over them, and one by its number."""

    length: int
    items: Callable[[], Iterator[drgn.Object]]
    at: Callable[[int], drgn.Object] | None = None


def text(found: drgn.Object) -> tuple[int, str]:
    """Return length and characters of a basic_string or basic_string_view."""
    kind = argument(found, 0)
    width = _size(kind)
    if "view" in base_name(found.type_):
        length, start = int(found.member_("_M_len")), int(found.member_("_M_str"))
    else:
        length = int(found.member_("_M_string_length"))
        start = int(found.member_("_M_dataplus").member_("_M_p"))
    checked(length)
    data = found.prog_.read(start, min(length * width, MOST_TEXT_BYTES)) if length else b""
    return length, data.decode(_CODINGS[width], "replace")


def vector(found: drgn.Object) -> Elements:
    """A vector: a stretch of memory; of bool: a bit each."""
    inner = found.member_("_M_impl")
    first, end = inner.member_("_M_start"), inner.member_("_M_finish")
    if base_name(first.type_) == "" and pointed(first.type_) is None:
        return _bits(found, first, end)
    kind = first.type_.unaliased().type
    return _stretch(found, kind, int(first), (int(end) - int(first)) // _size(kind))


def _bits(found: drgn.Object, first: drgn.Object, end: drgn.Object) -> Elements:
    import drgn

    start = int(first.member_("_M_p"))
    length = (int(end.member_("_M_p")) - start) * 8 + int(end.member_("_M_offset"))
    program = found.prog_

    def at(index: int) -> drgn.Object:
        bit = program.read_u8((start + index // 8) & ADDRESSES) >> index % 8 & 1
        return drgn.Object(program, program.bool_type("bool", 1), bit)

    return Elements(checked(length), lambda: (at(index) for index in range(length)), at)


def array(found: drgn.Object) -> Elements:
    """An array of a fixed length."""
    length = int(argument(found, 1))
    if not length:
        return Elements(0, lambda: iter(()))
    inner = found.member_("_M_elems")
    return Elements(len(inner), lambda: iter(inner), inner.__getitem__)


def listed(found: drgn.Object) -> Elements:
    """An initializer_list, or a span."""
    names = [member.name for member in found.type_.unaliased().members or ()]
    start = found.member_("_M_array" if "_M_array" in names else "_M_ptr")
    if "_M_array" in names:
        length = int(found.member_("_M_len"))
    else:
        length = int(argument(found, 1))
        if length >= MOST_ELEMENTS:  # dynamic_extent
            length = int(found.member_("_M_extent").member_("_M_extent_value"))
    return _stretch(found, start.type_.unaliased().type, int(start), length)


def _stretch(found: drgn.Object, kind: drgn.Type, start: int, length: int) -> Elements:
    import drgn

    width, program = _size(kind), found.prog_

    def at(index: int) -> drgn.Object:
        return drgn.Object(program, kind, address=(start + index * width) & ADDRESSES)

    return Elements(checked(length), lambda: (at(index) for index in range(length)), at)


def deque(found: drgn.Object) -> Elements:
    """A deque: blocks of 512 bytes, or of one element, and a table of them."""
    import drgn

    inner, program = found.member_("_M_impl"), found.prog_
    first, end = inner.member_("_M_start"), inner.member_("_M_finish")
    kind = argument(found, 0)
    width = _size(kind)
    each = max(1, _DEQUE_BYTES // width)
    table = int(first.member_("_M_node"))
    before = (int(first.member_("_M_cur")) - int(first.member_("_M_first"))) // width
    blocks = (int(end.member_("_M_node")) - table) // 8
    last = (int(end.member_("_M_cur")) - int(end.member_("_M_first"))) // width
    length = blocks * each + last - before
    checked(before)

    def at(index: int) -> drgn.Object:
        block, place = divmod(before + index, each)
        start = program.read_u64((table + 8 * block) & ADDRESSES)
        return drgn.Object(program, kind, address=(start + place * width) & ADDRESSES)

    return Elements(checked(length), lambda: (at(index) for index in range(length)), at)


def _size(kind: drgn.Type) -> int:
    import drgn

    return int(drgn.sizeof(kind))


def checked(length: int) -> int:
    """Return a length; raises ValueError for one that no container has."""
    if not 0 <= length < MOST_ELEMENTS:
        raise ValueError(f"{length} elements")
    return length
