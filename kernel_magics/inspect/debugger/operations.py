"""What the operators of a C expression compute: one closure for each part of it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Compute", "Names", "binary", "both", "either", "element", "member", "prefix",
           "register", "unescaped", "variable"]

_COMPARISONS = frozenset((operator.eq, operator.ne, operator.lt, operator.le, operator.gt,
                          operator.ge))
_PREFIXES: dict[str, Callable[[Any], Any]] = {
    "~": operator.invert, "-": operator.neg, "+": operator.pos}
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "r": "\r"}


class Names(Protocol):
    """Where an expression's names come from; drgn objects, or numbers."""

    def variable(self, name: str) -> Any:
        """Return a variable; raises LookupError."""
        ...

    def register(self, name: str) -> int:
        """Return a register or another number of the stop, such as thread; LookupError."""
        ...

    def is_type(self, name: str) -> bool:
        """Whether a name is that of a type."""
        ...

    def cast(self, type_name: str, value: Any) -> Any:
        """Return a value as a type; raises LookupError."""
        ...

    def text(self, value: Any) -> str:
        """Return the string a char pointer leads to, or a char array holds."""
        ...

    def member(self, value: Any, name: str) -> Any:
        """Return a member of a structure, or of what a pointer leads to."""
        ...

    def element(self, value: Any, which: int | str) -> Any:
        """Return an element of an array, a pointer or a container."""
        ...

    def count(self, value: Any) -> int:
        """Return how many elements a container has, as its size() does."""
        ...

    def size(self, what: Any) -> int:
        """Return the size of a value, or of a type given by name, in bytes."""
        ...


Compute = Callable[[Names], Any]


def unescaped(token: str) -> str:
    """Return what a token in quotes says."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1])


def either(left: Compute, right: Compute) -> Compute:
    """Return what ||, which looks at the second only if it must, makes of two values."""
    return lambda names: int(bool(left(names)) or bool(right(names)))


def both(left: Compute, right: Compute) -> Compute:
    """Return what && makes of two values."""
    return lambda names: int(bool(left(names)) and bool(right(names)))


def binary(operation: Callable[[Any, Any], Any], left: Compute, right: Compute) -> Compute:
    """Return what an operator makes of two values; strings compare by content."""
    def compute(names: Names) -> Any:
        one, other = left(names), right(names)
        if isinstance(one, str) != isinstance(other, str):
            one, other = (value if isinstance(value, str) else names.text(value)
                          for value in (one, other))
        if operation in _COMPARISONS:
            one, other = _as_number(one, other), _as_number(other, one)
        if operation is operator.truediv and isinstance(one, int) and isinstance(other, int):
            quotient = abs(one) // abs(other)  # (towards zero, as C does)
            return quotient if (one < 0) == (other < 0) else -quotient
        return operation(one, other)

    return compute


def _as_number(value: Any, beside: Any) -> Any:
    """Return a pointer's address if it is compared with a number, else the value."""
    if isinstance(beside, int) and not isinstance(value, int) and hasattr(value, "value_"):
        return value.value_()
    return value


def prefix(mark: str, value: Compute) -> Compute:
    """Return what an operator before a value makes of it."""
    if mark == "!":
        return lambda names: int(not value(names))
    if mark == "*":
        return lambda names: names.element(value(names), 0)
    if mark == "&":
        return lambda names: value(names).address_of_()
    operation = _PREFIXES[mark]
    return lambda names: operation(value(names))


def member(value: Compute, name: str) -> Compute:
    """Return a member of a value."""
    return lambda names: names.member(value(names), name)


def element(value: Compute, index: Compute) -> Compute:
    """Return an element of a value, by number or by key."""
    def compute(names: Names) -> Any:
        which = index(names)
        return names.element(value(names), which if isinstance(which, str)
                             else operator.index(which))

    return compute


def variable(name: str) -> Compute:
    """Return a variable's value."""
    return lambda names: names.variable(name)


def register(name: str) -> Compute:
    """Return a register's value."""
    return lambda names: names.register(name)
