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
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.operations import (
    Compute,
    Names,
    binary,
    both,
    either,
    element,
    member,
    prefix,
    register,
    unescaped,
    variable,
)

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
_TYPE_WORDS = frozenset(("struct", "union", "enum", "unsigned", "signed", "const", "volatile",
                         "char", "short", "int", "long", "float", "double", "void", "_Bool"))


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
            left = either(left, self._and())
        return left

    def _and(self) -> Compute:
        left = self._binary(0)
        while self._take("&&"):
            left = both(left, self._binary(0))
        return left

    def _binary(self, level: int) -> Compute:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek()[0] == "mark" and self._peek()[1] in _BINARY[level]:
            operation = _BINARY[level][self._next()[1]]
            left = binary(operation, left, self._binary(level + 1))
        return left

    def _unary(self) -> Compute:
        kind, mark, at = self._peek()
        if kind == "mark" and mark in "!~-+*&":
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise self._wrong(at, "it is nested too deeply")
            self._at += 1
            value = prefix(mark, self._unary())
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
                    else member(value, name)
            elif self._take("["):
                index = self._choice()
                self._need("]")
                value = element(value, index)
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
            text = unescaped(token)
            return lambda _names: text
        if kind == "character":
            code = ord(unescaped(token))
            return lambda _names: code
        if (kind, token) == ("name", "NULL"):  # a macro, which no debugging data has
            return lambda _names: 0
        if kind == "name":
            return register(token[1:]) if token.startswith("$") else variable(token)
        if (kind, token) == ("mark", "("):
            value = self._choice()
            self._need(")")
            return value
        raise self._wrong(at, "a value is expected here")
