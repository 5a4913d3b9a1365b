"""Typed objects of a guest as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.values.container_access import HOLDERS, MOST_ITEMS, python_value
from kernel_magics.inspect.values.containers import Contents, contents_of
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn
    import pandas as pd

__all__ = ["plain_value", "table_of", "table_of_items"]

MOST_ROWS = 1_000_000
MOST_TABLE_BYTES = 256 << 20


def table_of(found: drgn.Object) -> pd.DataFrame:
    """Return a table of an object, all of it read at once.

    An array gives a row per element, a structure (or a pointer to one) a row per member,
    anything else one row.  Raises UsageError for an array too large for a table.
    """
    import drgn
    import pandas as pd

    held = contents_of(found)
    if held is not None and held.kind not in (*HOLDERS, "text"):
        return table_of_container(held)
    kind = _kind(found.type_)
    if kind == drgn.TypeKind.ARRAY:
        length = len(found)
        if length > MOST_ROWS or drgn.sizeof(found) > MOST_TABLE_BYTES:
            raise UsageError(f"an array of {length} elements is too long for a table of at "
                             f"most {MOST_ROWS}", next_step="take a slice of it: array[0:1000]")
        whole = found.read_()
        return table_of_items([whole[index] for index in range(length)])
    if kind == drgn.TypeKind.POINTER and _kind(found.type_.unaliased().type) in _structures():
        found = found[0]
    if _kind(found.type_) not in _structures():
        return pd.DataFrame({"value": [plain_value(found)]})
    rows = [(name, item.type_.type_name(), plain_value(item))
            for name, item in _members(found, "")]
    return pd.DataFrame(rows, columns=["member", "type", "value"])


def table_of_container(held: Contents) -> pd.DataFrame:
    """Return a row per element of a container: key and value of a mapping's."""
    import pandas as pd

    if held.length > MOST_ITEMS:
        raise UsageError(f"a container that claims {held.length} elements is too long for a "
                         f"table of at most {MOST_ITEMS}",
                         next_step="take some of them: name[0:1000]")
    listed, left = list(held.items()), [MOST_ITEMS]
    if held.kind == "mapping":
        return pd.DataFrame([(plain_value(key, left), plain_value(value, left))
                             for key, value in listed],
                            columns=["key", "value"])
    return table_of_items(listed)


def table_of_items(items: Sequence[drgn.Object]) -> pd.DataFrame:
    """Return a row per item: of structures, or pointers to them, a column per member."""
    import drgn
    import pandas as pd

    rows: list[dict[str, Any]] = []
    left = [MOST_ITEMS]
    for item in items:
        whole = item
        if contents_of(item) is not None:
            rows.append({"value": python_value(item, left)})
            continue
        if _kind(item.type_) == drgn.TypeKind.POINTER \
                and _kind(item.type_.unaliased().type) in _structures():
            whole = item[0].read_()
        rows.append({name: plain_value(member, left)
                     for name, member in _members(whole, "")}
                    if _kind(whole.type_) in _structures() else {"value": plain_value(whole)})
    return pd.DataFrame(rows)


def plain_value(found: drgn.Object, left: list[int] | None = None) -> Any:
    """Return one value as a table shows it: a number, a text, a name of an enumeration.

    Pointers are their addresses; char pointers and arrays the text there; arrays of other
    things lists.  `left` bounds what is read of containers; see python_value.
    """
    import drgn

    if contents_of(found) is not None:
        return python_value(found, left)
    kind = _kind(found.type_)
    if kind == drgn.TypeKind.ARRAY:
        return read_text(found) if _is_char(found.type_) else _list_of(found)
    if kind == drgn.TypeKind.POINTER:
        return read_text(found) if _is_char(found.type_) else int(found)
    if kind == drgn.TypeKind.ENUM:
        value = int(found)
        names = {one.value: one.name for one in found.type_.unaliased().enumerators or ()}
        return names.get(value, value)
    if kind in _structures():
        return dict(_plain_members(found))
    return found.value_()


def _plain_members(found: drgn.Object) -> list[tuple[str, Any]]:
    return [(name, plain_value(member)) for name, member in _members(found, "")]


def _list_of(found: drgn.Object) -> Any:
    try:
        return [plain_value(found[index]) for index in range(len(found))]
    except TypeError:  # an array of unknown length
        return int(found.address_ or 0)


def _members(found: drgn.Object, prefix: str) -> list[tuple[str, drgn.Object]]:
    """Return the members, those of structures inside as "outer.inner"."""
    rows: list[tuple[str, drgn.Object]] = []
    for number, member in enumerate(found.type_.unaliased().members or ()):
        item = found.member_(member.name) if member.name else None
        name = f"{prefix}{member.name}" if member.name else f"{prefix}member{number}"
        if item is None:
            # An unnamed structure or union: its members are the outer one's.
            rows += [(prefix + inner, found.member_(inner)) for inner in _names(member.type)]
        elif _kind(item.type_) in _structures() and contents_of(item) is None:
            rows += _members(item, f"{name}.")
        else:
            rows.append((name, item))
    return rows


def _names(found: drgn.Type) -> list[str]:
    return [member.name for member in found.unaliased().members or () if member.name]


def _kind(found: drgn.Type) -> drgn.TypeKind:
    return found.unaliased_kind()


def _structures() -> tuple[drgn.TypeKind, ...]:
    import drgn

    return drgn.TypeKind.STRUCT, drgn.TypeKind.UNION, drgn.TypeKind.CLASS


def _is_char(found: drgn.Type) -> bool:
    import drgn

    inner = found.unaliased().type.unaliased()
    return inner.kind == drgn.TypeKind.INT and inner.size == 1 \
        and inner.primitive in (drgn.PrimitiveType.C_CHAR, None) and "char" in inner.name
