"""C expressions over a guest's variables, as a debugger's user writes them.

    i == 3 && p->next != 0        table[i & 7] + 1        *(struct node *)$rdi
    strings compare by content:   p->name == "last"

Names are variables of the frame, then of the program; $rip … are registers; `->` and `.` are
the same; calls and assignments are none.  Source: C11, section 6.5, for precedence.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from kernel_magics.errors import UsageError

__all__ = ["Expression", "Names", "parse"]

MOST_CHARACTERS = 2000
MOST_DEPTH = 60
MOST_REMEMBERED = 256  # a condition is evaluated thousands of times

_TOKEN = re.compile(r"""\s*(?:
    (?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+\.\d+(?:[eE][-+]?\d+)?|\d+[uUlL]*)
  | (?P<name>[A-Za-z_$][\w$]*(?:::[\w$]+)*)
  | (?P<text>"(?:[^"\\]|\\.)*")
  | (?P<character>'(?:[^'\\]|\\.)')
  | (?P<mark>->|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>()\[\].?:])
)""", re.VERBOSE)

_BINARY: tuple[dict[str, Callable[[Any, Any], Any]], ...] = (
    {"|": operator.or_}, {"^": operator.xor}, {"&": operator.and_},
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    {"<<": operator.lshift, ">>": operator.rshift},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv, "%": operator.mod},
)
_COMPARISONS = frozenset(function for marks in _BINARY[3:5] for function in marks.values())
_PREFIXES: dict[str, Callable[[Any], Any]] = {
    "~": operator.invert, "-": operator.neg, "+": operator.pos}
_TYPE_WORDS = frozenset(("struct", "union", "enum", "unsigned", "signed", "const", "volatile",
                         "char", "short", "int", "long", "float", "double", "void", "_Bool"))
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


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: `text` as written, `compute(names)` its value."""

    text: str
    compute: Compute


def parse(text: str) -> Expression:
    """Return the expression; raises UsageError that points at what is none."""
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"not an expression: {text!r}",
                         next_step="write one as in C, such as i == 3 && p->next")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"the expression has more than {MOST_CHARACTERS} characters",
                         next_step="pass a Python function instead")
    return _parsed(text)


@lru_cache(MOST_REMEMBERED)
def _parsed(text: str) -> Expression:
    return Expression(text.strip(), _Parser(text).whole())


class _Parser:
    """Recursive descent; each method returns the closure that computes what it read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan())
        self._at = self._depth = 0

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while at < len(self._text.rstrip()):
            found = _TOKEN.match(self._text, at)
            if not found:
                at += len(self._text[at:]) - len(self._text[at:].lstrip())
                raise self._wrong(at, f"{self._text[at]!r} means nothing here")
            kind = found.lastgroup or ""
            yield kind, found[kind], found.start(kind)
            at = found.end()
        yield "end", "", len(self._text.rstrip())

    def _wrong(self, at: int, what: str) -> UsageError:
        return UsageError(f"not an expression: {what}\n  {self._text}\n  {' ' * at}^",
                          next_step="write it as in C: variables, $registers, -> . [] * & and "
                                    "operators; = assigns nothing here, == compares")

    def _peek(self, ahead: int = 0) -> tuple[str, str, int]:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> tuple[str, str, int]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, mark: str) -> bool:
        if self._peek()[:2] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise self._wrong(self._peek()[2], f"{mark!r} is expected here")

    def whole(self) -> Compute:
        value = self._choice()
        if self._peek()[0] != "end":
            raise self._wrong(self._peek()[2], f"{self._peek()[1]!r} is not expected here")
        return value

    def _choice(self) -> Compute:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._wrong(self._peek()[2], "it is nested too deeply")
        value = self._or()
        if self._take("?"):
            one = self._choice()
            self._need(":")
            other, test = self._choice(), value
            value = lambda names: one(names) if test(names) else other(names)  # noqa: E731
        self._depth -= 1
        return value

    def _or(self) -> Compute:
        left = self._and()
        while self._take("||"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Compute:
        left = self._binary(0)
        while self._take("&&"):
            left = _both(left, self._binary(0))
        return left

    def _binary(self, level: int) -> Compute:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek()[0] == "mark" and self._peek()[1] in _BINARY[level]:
            operation = _BINARY[level][self._next()[1]]
            left = _operation(operation, left, self._binary(level + 1))
        return left

    def _unary(self) -> Compute:
        kind, mark, at = self._peek()
        if kind == "mark" and mark in "!~-+*&":
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise self._wrong(at, "it is nested too deeply")
            self._at += 1
            value = _prefix(mark, self._unary())
            self._depth -= 1
            return value
        if kind == "name" and mark == "sizeof":
            self._at += 1
            return self._sizeof()
        if self._starts_cast():
            self._at += 1
            wanted = self._type_name()
            self._need(")")
            value = self._unary()
            return lambda names: names.cast(wanted, value(names))
        return self._postfix()

    def _sizeof(self) -> Compute:
        if self._starts_cast():
            self._at += 1
            wanted = self._type_name()
            self._need(")")
            return lambda names: names.size(wanted)
        value = self._unary()
        return lambda names: names.size(value(names))

    def _starts_cast(self) -> bool:
        """Whether ( and a type follow: a C keyword, or a name and then * or )."""
        if self._peek()[:2] != ("mark", "("):
            return False
        kind, word, _ = self._peek(1)
        if kind != "name":
            return False
        if word in _TYPE_WORDS:
            return True
        after = 2
        while self._peek(after)[:2] == ("mark", "*"):
            after += 1
        if self._peek(after)[:2] != ("mark", ")"):
            return False
        follows = self._peek(after + 1)
        is_value = follows[0] in ("name", "number") or follows[:2] in (("mark", "("),)
        return is_value and (after > 2 or word.endswith("_t") or follows[0] != "mark")

    def _type_name(self) -> str:
        words = []
        while self._peek()[0] == "name":
            words.append(self._next()[1])
        stars = ""
        while self._take("*"):
            stars += "*"
        return f"{' '.join(words)} {stars}".strip()

    def _postfix(self) -> Compute:
        value = self._primary()
        while True:
            if self._take("->") or self._take("."):
                kind, name, at = self._next()
                if kind != "name":
                    raise self._wrong(at, "the name of a member is expected here")
                value = self._call(value, name) if self._peek()[:2] == ("mark", "(") \
                    else _member(value, name)
            elif self._take("["):
                index = self._choice()
                self._need("]")
                value = _element(value, index)
            elif self._peek()[:2] == ("mark", "("):
                raise self._wrong(self._peek()[2], "a debugger here calls no functions")
            else:
                return value

    def _call(self, value: Compute, name: str) -> Compute:
        """Of all functions only these, which need not run for that."""
        at = self._peek()[2]
        if name not in ("size", "length") or self._peek(1)[:2] != ("mark", ")"):
            raise self._wrong(at, "a debugger here calls no functions")
        self._at += 2
        return lambda names: names.count(value(names))

    def _primary(self) -> Compute:
        kind, token, at = self._next()
        if kind == "number":
            clean = token if token[:2] in ("0x", "0X") else token.rstrip("uUlL")
            number = float(token) if "." in token else int(clean.rstrip("uUlL"), 0) \
                if not (clean.startswith("0") and clean.isdigit()) else int(clean, 8)
            return lambda _names: number
        if kind == "text":
            text = _unescaped(token)
            return lambda _names: text
        if kind == "character":
            code = ord(_unescaped(token))
            return lambda _names: code
        if (kind, token) == ("name", "NULL"):  # a macro, which no debugging data has
            return lambda _names: 0
        if kind == "name":
            return _register(token[1:]) if token.startswith("$") else _variable(token)
        if (kind, token) == ("mark", "("):
            value = self._choice()
            self._need(")")
            return value
        raise self._wrong(at, "a value is expected here")


def _unescaped(token: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1])


def _either(left: Compute, right: Compute) -> Compute:
    return lambda names: int(bool(left(names)) or bool(right(names)))


def _both(left: Compute, right: Compute) -> Compute:
    return lambda names: int(bool(left(names)) and bool(right(names)))


def _operation(operation: Callable[[Any, Any], Any], left: Compute, right: Compute) -> Compute:
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


def _prefix(mark: str, value: Compute) -> Compute:
    if mark == "!":
        return lambda names: int(not value(names))
    if mark == "*":
        return lambda names: names.element(value(names), 0)
    if mark == "&":
        return lambda names: value(names).address_of_()
    operation = _PREFIXES[mark]
    return lambda names: operation(value(names))


def _member(value: Compute, name: str) -> Compute:
    return lambda names: names.member(value(names), name)


def _element(value: Compute, index: Compute) -> Compute:
    def compute(names: Names) -> Any:
        which = index(names)
        return names.element(value(names), which if isinstance(which, str)
                             else operator.index(which))

    return compute


def _variable(name: str) -> Compute:
    return lambda names: names.variable(name)


def _register(name: str) -> Compute:
    return lambda names: names.register(name)
