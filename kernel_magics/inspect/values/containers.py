"""What the containers of C++'s standard library hold, told from their structures.

Each kind is read by the members that libstdc++ gives it (those of its gdb printers); a type
that is only called like one lacks them and stays the structure that it is.  A guest may lie:
what a container claims is not believed beyond a bound, and a walk never takes more steps than
there are elements.
Source: libstdc++ of GCC 5 and later, bits/stl_vector.h, stl_tree.h, hashtable_policy.h and the
like, with the ABI of C++11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kernel_magics.inspect.values import container_layouts as rows
from kernel_magics.inspect.values import holder_layouts as holders
from kernel_magics.inspect.values import node_layouts as nodes
from kernel_magics.inspect.values.class_types import base_name, pointed

if TYPE_CHECKING:
    import drgn

__all__ = ["Contents", "contents_of", "target_of"]


class Contents(NamedTuple):
    """What a container holds: its `kind`, "text", "sequence", "set", "mapping", "pair",
    "pointer", "function" or "choice"; how many elements it claims; `items()` gives them one
    by one, a mapping's as (key, value); `at(index)`, where it is known, an element at once."""

    kind: str
    length: int
    items: Callable[[], Iterator[Any]]
    text: str = ""
    note: str = ""
    at: Callable[[int], drgn.Object] | None = None


def _read(found: drgn.Object) -> Contents | None:
    name = base_name(found.type_)
    reader = _READERS.get(name)
    if reader is None:
        return None
    try:
        return reader(found)
    except (LookupError, TypeError, ValueError, AttributeError, IndexError):
        return None  # only called so


def contents_of(found: drgn.Object) -> Contents | None:
    """Return what a container holds, None if an object is none.

    A reference, and a pointer, to a container count as the container.
    Raises drgn.FaultError for one whose memory is not mapped.
    """
    inner = target_of(found)
    return _read(inner) if inner is not None else _read(found)


def target_of(found: drgn.Object) -> drgn.Object | None:
    """Return the container that a pointer or a reference leads to, None if it leads to none."""
    inner = pointed(found.type_)
    if inner is None or base_name(inner) not in _READERS or not int(found):
        return None
    return found[0]


def _sequence(found: drgn.Object, layout: rows.Elements, kind: str = "sequence") -> Contents:
    return Contents(kind, layout.length, layout.items, at=layout.at)


def _mapping(layout: rows.Elements) -> Contents:
    def items() -> Iterator[tuple[drgn.Object, drgn.Object]]:
        for pair in layout.items():
            yield pair.member_("first"), pair.member_("second")

    return Contents("mapping", layout.length, items)


def _of(layout: Callable[[drgn.Object], rows.Elements],
        kind: str = "sequence") -> Callable[[drgn.Object], Contents]:
    if kind == "mapping":
        return lambda found: _mapping(layout(found))
    return lambda found: _sequence(found, layout(found), kind)


def _text(found: drgn.Object) -> Contents:
    count, text = rows.text(found)
    return Contents("text", count, lambda: iter(text), text)


def _pair(found: drgn.Object) -> Contents:
    both = found.member_("first"), found.member_("second")
    return Contents("pair", 2, lambda: iter(both), at=both.__getitem__)


def _tuple(found: drgn.Object) -> Contents:
    parts = holders.tuple_parts(found)
    return Contents("pair", len(parts), lambda: iter(parts), at=parts.__getitem__)


def _optional(found: drgn.Object) -> Contents:
    payload = found.member_("_M_payload")
    if not payload.member_("_M_engaged"):
        return Contents("choice", 0, lambda: iter(()), note="empty")
    value = payload.member_("_M_payload").member_("_M_value")
    return Contents("choice", 1, lambda: iter((value,)))


def _variant(found: drgn.Object) -> Contents:
    value, number = holders.alternative(found)
    if value is None:
        return Contents("choice", 0, lambda: iter(()), note="without a value")
    return Contents("choice", 1, lambda: iter((value,)), note=f"alternative {number}")


def _owned(found: drgn.Object) -> Contents:
    pointer = holders.tuple_parts(found.member_("_M_t").member_("_M_t"))[0]
    return _pointer(pointer, "")


def _shared(found: drgn.Object) -> Contents:
    pointer, owners = holders.shared(found)
    note = "" if owners is None else f"{owners} owner{'s' if owners != 1 else ''}"
    return _pointer(pointer, note)


def _pointer(pointer: drgn.Object, note: str) -> Contents:
    is_there = bool(int(pointer))
    return Contents("pointer", int(is_there), lambda: iter((pointer,)), note=note or
                    ("" if is_there else "empty"))


def _function(found: drgn.Object) -> Contents:
    """A std::function: whose function calls it says what it holds, a lambda's type, say."""
    if not int(found.member_("_M_manager")):
        return Contents("choice", 0, lambda: iter(()), note="empty")
    inner = found.member_("_M_functor").member_("_M_unused").member_("_M_function_pointer")
    return Contents("function", 1, lambda: iter((found.member_("_M_invoker"), inner)))


def _adapted(found: drgn.Object) -> Contents:
    inner = _read(found.member_("c"))
    if inner is None:
        raise LookupError("its container is none")
    return inner


_READERS: dict[str, Callable[[Any], Contents]] = {
    "basic_string": _text, "basic_string_view": _text,
    "vector": _of(rows.vector), "array": _of(rows.array), "deque": _of(rows.deque),
    "list": _of(nodes.linked), "forward_list": _of(nodes.forward),
    "initializer_list": _of(rows.listed), "span": _of(rows.listed),
    "set": _of(nodes.tree, "set"), "multiset": _of(nodes.tree, "set"),
    "map": _of(nodes.tree, "mapping"), "multimap": _of(nodes.tree, "mapping"),
    "unordered_set": _of(nodes.hashed, "set"),
    "unordered_multiset": _of(nodes.hashed, "set"),
    "unordered_map": _of(nodes.hashed, "mapping"),
    "unordered_multimap": _of(nodes.hashed, "mapping"),
    "pair": _pair, "tuple": _tuple, "optional": _optional, "variant": _variant,
    "unique_ptr": _owned, "shared_ptr": _shared, "weak_ptr": _shared,
    "function": _function, "stack": _adapted, "queue": _adapted, "priority_queue": _adapted,
}
