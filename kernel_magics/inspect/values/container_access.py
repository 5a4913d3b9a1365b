"""Elements of C++'s containers by number or key, and what smart pointers lead to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.inspect.values.class_types import STRUCTURES, holds_templates, members_of
from kernel_magics.inspect.values.containers import Contents, contents_of

if TYPE_CHECKING:
    import drgn

__all__ = ["HOLDERS", "MOST_ITEMS", "element", "items", "length", "pointer_of", "python_value"]

HOLDERS = ("choice", "pointer", "function")
"""Kinds of contents that are one thing rather than elements."""
MOST_ITEMS = 100_000
"""Of one container, what is listed, searched, or put into a table."""


def length(found: drgn.Object) -> int | None:
    """Return how many elements a container has; None if an object is none with elements."""
    held = contents_of(found)
    return held.length if held is not None and held.kind not in HOLDERS else None


def items(found: drgn.Object) -> Iterator[Any]:
    """Yield a container's elements one by one, a mapping's as (key, value)."""
    held = contents_of(found)
    return held.items() if held is not None else iter(())


def element(found: drgn.Object, which: Any, name: str) -> Any:
    """Return an element: of a sequence by its number, of a mapping by its key; None if `found`
    is no container with elements.

    A slice is a list.  `name` is what the container is called in messages.  Raises UsageError
    with what there is instead.
    """
    held = contents_of(found)
    if held is None or held.kind in HOLDERS:
        return None
    if held.kind == "text" and isinstance(which, int) and 0 <= which < len(held.text):
        return held.text[which]
    if held.kind == "text" and isinstance(which, slice):
        return held.text[which]
    if held.kind == "mapping":
        return _of_key(held, which, name)
    if isinstance(which, slice):
        wanted = range(held.length)[which]
        _check_length(len(wanted))
        return [held.at(index) for index in wanted] if held.at is not None \
            else list(islice(held.items(), MOST_ITEMS))[which]
    if not isinstance(which, int):
        return None
    if not 0 <= which < held.length:
        raise UsageError(f"{name} has no element {which}",
                         next_step=f"its elements are 0 to {held.length - 1}" if held.length
                         else "it is empty")
    if held.at is not None:
        return held.at(which)
    return next(islice(held.items(), which, None), None)


def _of_key(held: Contents, wanted: Any, name: str) -> Any:
    known = []
    for key, value in islice(held.items(), MOST_ITEMS):
        plain = python_value(key)
        if plain == wanted:
            return value
        known.append(plain)
    near = nearest_names(str(wanted), map(str, known))
    listed = ", ".join(repr(key) for key in known[:10]) + (" …" if len(known) > 10 else "")
    raise UsageError(f"{name} has no key {wanted!r}",
                     next_step=meant(near) or (f"its keys are {listed}" if known
                                               else "it is empty"))


def pointer_of(found: drgn.Object) -> drgn.Object | None:
    """Return the pointer in a smart pointer, or what an optional or a variant holds, None if an
    object is neither or holds nothing."""
    held = contents_of(found)
    if held is None or held.kind not in HOLDERS:
        return None
    return next(held.items(), None) if held.length else None


def python_value(found: drgn.Object, left: list[int] | None = None) -> Any:
    """Return a value in Python's terms: str, list, dict, tuple, None for what is empty.

    `left` is how many elements may still be read, of it and of what is inside.  Raises
    UsageError for a value that has more, or claims to.
    """
    left = [MOST_ITEMS] if left is None else left
    held = contents_of(found)
    if held is None:
        return _plain_value(found, left)
    if held.kind == "text":
        return held.text
    if held.kind in HOLDERS:
        inner = next(held.items(), None) if held.length else None
        return None if inner is None else python_value(inner, left)
    _check_length(held.length, left)
    if held.kind == "mapping":
        return {_as_key(python_value(key, left)): python_value(value, left)
                for key, value in held.items()}
    plain = [python_value(one, left) for one in held.items()]
    return tuple(plain) if held.kind == "pair" else plain


def _check_length(length: int, left: list[int] | None = None) -> None:
    room = left[0] if left is not None else MOST_ITEMS
    if length > room:
        raise UsageError(f"a container claims {length} elements; at most {MOST_ITEMS} are read "
                         "at once", next_step="take some of them: name[0:1000]")
    if left is not None:
        left[0] -= length


def _plain_value(found: drgn.Object, left: list[int]) -> Any:
    if found.type_.unaliased().kind.name in STRUCTURES and holds_templates(found.type_):
        return {name: python_value(member, left) for name, member in members_of(found)}
    return found.value_()


def _as_key(value: Any) -> Any:
    return value if isinstance(value, str | int | float | tuple | None) else repr(value)
