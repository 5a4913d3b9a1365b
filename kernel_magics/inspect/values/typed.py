"""Typed objects of a guest: drgn's, with nearest names, tables, bounded lists, clear errors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.inspect.values import container_access as containers
from kernel_magics.inspect.values.class_types import holds_templates, type_text
from kernel_magics.inspect.values.value_text import source_names, value_text
from kernel_magics.inspect.values.walking import reading, walk_list

if TYPE_CHECKING:
    import drgn
    import pandas as pd

__all__ = ["NoSuchMember", "TypedList", "TypedObject"]

MOST_SHOWN_BYTES = 1 << 16
MOST_SHOWN_LINES = 40
MOST_SHOWN_ELEMENTS = 64
MOST_STRING_BYTES = 1 << 16
MOST_LIST_ITEMS = 100_000


class NoSuchMember(UsageError, AttributeError):
    """A structure has no member of that name; the nearest ones are named."""


class TypedObject:
    """A value in a guest's memory together with its C type.

    Members are attributes (`guest.vars["list"].head.next`) or, when a member is called like
    something of this class, items (`object["df"]`).  Arrays and pointers take an index or a
    slice, numbers compare and compute, `int()`, `len()` and iteration work.  So do C++'s
    containers: `names[1]` and `ages["ann"]`, `len(items)`, `text == "one"`; a smart pointer
    has the members of what it leads to, a reference is a pointer.  What ends in
    an underscore is drgn.Object's and works as it does there (`type_`, `address_`,
    `value_()`, `address_of_()`, `subobject_(…)`); `object_` is that object itself.
    Every look reads the guest's memory again; `read_()` keeps the value as it is now.
    """

    __slots__ = ("object_",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, found: drgn.Object) -> None:
        object.__setattr__(self, "object_", found)

    # Members and elements

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (name.endswith("_") and hasattr(self.object_, name)):
            return _through(getattr(self.object_, name))
        return self._member(name)

    def _member(self, name: str) -> TypedObject:
        with reading():
            try:
                return TypedObject(self.object_.member_(name))
            except (LookupError, TypeError) as error:
                inner = containers.pointer_of(self.object_)
                if inner is not None:
                    return TypedObject(inner)._member(name)
                raise self._no_member(name, error) from None

    def _no_member(self, name: str, error: Exception) -> NoSuchMember:
        known = member_names(self.object_.type_)
        if not known:
            return NoSuchMember(f"{self._type_name()} has no members, so no {name!r}",
                                next_step="int(…), .value_() or .df give its value")
        near = nearest_names(name, known)
        hint = meant(near) or f"it has {', '.join(known)}"
        return NoSuchMember(f"{self._type_name()} has no member {name!r}", next_step=hint,
                            near=near)

    def __getitem__(self, which: int | str | slice) -> Any:
        if holds_templates(self.object_.type_):
            with reading():
                found = self._element(which)
            if found is not None:
                return _wrapped(found)
        if isinstance(which, str):
            return self._member(which)
        length = self._length()
        if length is not None and isinstance(which, int) and not 0 <= which < length:
            raise UsageError(f"{self._type_name()} has no element {which}",
                             next_step=f"its elements are 0 to {length - 1}")
        with reading():
            try:
                return TypedObject(self.object_[which])
            except (TypeError, ValueError) as error:
                raise UsageError(f"{self._type_name()} cannot be indexed: {error}",
                                 next_step="an array or a pointer to something can") from None

    def _element(self, which: int | str | slice) -> Any:
        """Return an element of a container, None if this is none or `which` is a member's."""
        try:
            return containers.element(self.object_, which, self._type_name())
        except UsageError:
            if isinstance(which, str) and which in member_names(self.object_.type_):
                return None
            raise

    def __len__(self) -> int:
        length = self._length()
        if length is None:
            raise TypeError(f"{self._type_name()} has no length")
        return length

    def __iter__(self) -> Iterator[TypedObject]:
        with reading():
            held = containers.length(self.object_)
        if held is not None:
            return self._elements()
        return (self[index] for index in range(len(self)))

    def _elements(self) -> Iterator[Any]:
        with reading():
            for one in containers.items(self.object_):
                yield _wrapped(one)

    def _length(self) -> int | None:
        with reading():
            held = containers.length(self.object_)
        if held is not None:
            return held
        try:
            return len(self.object_)
        except TypeError:
            return None

    def _type_name(self) -> str:
        return type_text(self.object_.type_)

    # Other views of it

    def cast_(self, type_name: str) -> TypedObject:
        """Return the same value as another type: `pointer.cast_("struct node *")`.

        Raises UsageError if the image knows no such type or the value cannot be that.
        """
        import drgn

        try:
            return TypedObject(drgn.cast(type_name, self.object_))
        except LookupError:
            raise UsageError(f"this image has no type {type_name!r}",
                             next_step='write it as in C: "struct kern_process *"') from None
        except (TypeError, ValueError, SyntaxError) as error:
            raise UsageError(f"{self._type_name()} cannot be cast to {type_name!r}: {error}",
                             next_step="cast a pointer to a pointer, a number to a number") \
                from None

    def text_(self) -> str:
        """Return the characters of a char array, of a std::string, or that a char pointer
        leads to."""
        with reading():
            if holds_templates(self.object_.type_):
                return str(containers.python_value(self.object_))
            if self._length() is not None:
                return bytes(self.object_.to_bytes_()).split(b"\0")[0].decode("utf-8", "replace")
            data = self.object_.prog_.read_c_string(int(self.object_),
                                                        max_size=MOST_STRING_BYTES)
            return bytes(data).decode("utf-8", "replace")

    def list_(self, following: str = "next", most: int = MOST_LIST_ITEMS) -> TypedList:
        """Return the items of a linked list: this pointer, its member `following`, and so on.

        Ends at a null pointer.  A list that comes back to an item, leads to memory that is
        not there, or is longer than `most` ends there, and `problems` of the result says so.
        """
        problems: list[str] = []
        items = [TypedObject(item) for item in
                 walk_list(self.object_, following, problems, most=most)]
        return TypedList(items, problems)

    def value_(self) -> Any:
        """Return the value in Python's terms: a number, a dict of members, a str of a
        std::string, a list, dict or tuple of a container, None of one that is empty."""
        with reading():
            return containers.python_value(self.object_)

    @property
    def df(self) -> pd.DataFrame:
        """A row per element of an array (of structures: a column per member), per member
        of a structure, or one row of a plain value."""
        from kernel_magics.inspect.values.tabular import table_of

        with reading():
            return table_of(self.object_)

    # As a number

    def __int__(self) -> int:
        return int(self._plain("number"))

    def __index__(self) -> int:
        return operator.index(self._plain("whole number"))

    def __float__(self) -> float:
        return float(self._plain("number"))

    def __bool__(self) -> bool:
        with reading():
            return bool(self.object_)

    def _plain(self, what: str) -> Any:
        with reading():
            value = self.object_.value_()
        if not isinstance(value, int | float):
            raise UsageError(f"{self._type_name()} is not a {what}",
                             next_step=".df and .value_() show what it holds")
        return value

    def __eq__(self, other: object) -> bool:
        return bool(self._with(operator.eq, other))

    def __ne__(self, other: object) -> bool:
        return bool(self._with(operator.ne, other))

    def __lt__(self, other: object) -> bool:
        return bool(self._with(operator.lt, other))

    def __le__(self, other: object) -> bool:
        return bool(self._with(operator.le, other))

    def __gt__(self, other: object) -> bool:
        return bool(self._with(operator.gt, other))

    def __ge__(self, other: object) -> bool:
        return bool(self._with(operator.ge, other))

    def __add__(self, other: object) -> Any:
        return self._with(operator.add, other)

    def __sub__(self, other: object) -> Any:
        return self._with(operator.sub, other)

    def __and__(self, other: object) -> Any:
        return self._with(operator.and_, other)

    def _with(self, operation: Callable[[Any, Any], Any], other: object) -> Any:
        right = other.object_ if isinstance(other, TypedObject) else other
        with reading():
            if isinstance(other, str):
                return operation(self.text_(), other)
            return _through(operation(self.object_, right))

    # As text

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *member_names(self.object_.type_)})

    def __repr__(self) -> str:
        import drgn

        try:
            size = drgn.sizeof(self.object_)
        except TypeError:  # incomplete types and functions have no size
            size = 0
        except (drgn.BadDataError, NotImplementedError) as error:
            return f"a value of a type that cannot be read: {error}"
        if size > MOST_SHOWN_BYTES:
            return f"({self._type_name()}), {size} bytes: .df, an index or a slice shows it"
        lines = self._text().expandtabs(4).splitlines()
        if len(lines) > MOST_SHOWN_LINES:
            left = len(lines) - MOST_SHOWN_LINES
            lines = [*lines[:MOST_SHOWN_LINES], f"… {left} lines more"]
        return "\n".join(lines)

    def _text(self) -> str:
        import drgn

        found = self.object_
        try:
            if holds_templates(found.type_):
                return source_names(value_text(found))
            # Without this, zeroes at the end of an array are left out.
            return source_names(str(found.format_(
                implicit_elements=(self._length() or 0) <= MOST_SHOWN_ELEMENTS)))
        except drgn.FaultError as error:
            return f"({self._type_name()}) at {error.address:#x}, which is not mapped"
        except drgn.ObjectAbsentError:
            return f"({self._type_name()}) that the compiler has optimised away"
        except (drgn.BadDataError, NotImplementedError) as error:
            return f"({self._type_name()}) that cannot be read: {error}"


class TypedList(list[TypedObject]):
    """Objects that were found one after the other; `problems` says where that went wrong."""

    def __init__(self, items: list[TypedObject], problems: list[str]) -> None:
        super().__init__(items)
        self.problems = problems

    @property
    def df(self) -> pd.DataFrame:
        """A row per item, a column per member."""
        from kernel_magics.inspect.values.tabular import table_of_items

        with reading():
            return table_of_items([item.object_ for item in self])

    def __repr__(self) -> str:
        told = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{len(self)} items{told}" if not self else f"{len(self)} items{told}\n{self.df}"


def member_names(found: drgn.Type) -> list[str]:
    """Return the members of a structure, or of what a pointer leads to; [] of others."""
    import drgn

    while found.kind in (drgn.TypeKind.TYPEDEF, drgn.TypeKind.POINTER):
        found = found.type
    members = getattr(found, "members", None) or ()
    names: list[str] = []
    for member in members:
        names += [member.name] if member.name else member_names(member.type)
    return names


def _wrapped(value: Any) -> Any:
    """Wrap what a container gives: an object, a pair of them, a slice, or a character."""
    if isinstance(value, tuple | list):
        return type(value)(map(_wrapped, value))
    return _through(value)


def _through(value: Any) -> Any:
    """Wrap drgn's objects, also those that its methods return."""
    import drgn

    if isinstance(value, drgn.Object):
        return TypedObject(value)
    if callable(value):
        def method(*arguments: Any, **named: Any) -> Any:
            plain = [one.object_ if isinstance(one, TypedObject) else one for one in arguments]
            with reading():
                return _through(value(*plain, **named))
        return method
    return value
