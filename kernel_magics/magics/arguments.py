"""The magics' command lines: declared once, from which parser, manual and Tab come.

A `Command` lists what a magic accepts.  `parse` turns a line into values or raises a
`UsageError` that names the valid choices; `manual` is the magic's docstring; the
completion in `completion.py` walks the same declaration.
"""

import re
import shlex
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

from kernel_magics.errors import UsageError, meant, nearest_names

__all__ = ["Argument", "Option", "Command", "nearest", "split_line"]

_INDENT = "  "
_HELP_COLUMN = 22
_WIDTH = 88
_SHORT = re.compile(r"-[A-Za-z][\w-]*(=.*)?", re.DOTALL)  # an option's dash, one of two


@dataclass(frozen=True)
class Argument:
    """A positional word: `name` in capitals, `complete` says what Tab offers for it."""

    name: str
    help: str
    required: bool = True
    complete: str = ""

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def usage(self) -> str:
        return self.name if self.required else f"[{self.name}]"


@dataclass(frozen=True)
class Option:
    """A `--flag`; with a `metavar` it takes a value, converted by `kind`.

    `kind` raises ValueError with the reason when it refuses a value.  `repeat` collects
    the values of several uses into a tuple.
    """

    flag: str
    help: str
    metavar: str = ""
    kind: Callable[[str], object] = str
    default: object = None
    choices: tuple[str, ...] = ()
    complete: str = ""
    aliases: tuple[str, ...] = ()
    repeat: bool = False

    @property
    def key(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def initial(self) -> object:
        if self.repeat:
            return ()
        return self.default if self.metavar else False

    @property
    def usage(self) -> str:
        return f"{self.flag} {self.metavar}".rstrip()

    @property
    def spellings(self) -> str:
        return f"{', '.join((self.flag, *self.aliases))} {self.metavar}".rstrip()


@dataclass(frozen=True)
class Command:
    """One magic: what it is called, what it accepts and what it does."""

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    details: str = ""
    examples: tuple[str, ...] = ()
    line: bool = True
    body: str = ""
    rest: str = ""
    spelling: dict[str, Option] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {name: o for o in self.options for name in (o.flag, *o.aliases)}
        object.__setattr__(self, "spelling", names)

    @property
    def title(self) -> str:
        return f"%{self.name}" if self.line else f"%%{self.name}"

    @property
    def forms(self) -> tuple[str, ...]:
        """How it is written: as a line, as the first line of a cell, or both."""
        return (*((f"%{self.name}",) if self.line else ()),
                *((f"%%{self.name}",) if self.body else ()))

    def parse(self, line: str) -> SimpleNamespace:
        """Return the values of `line`, one attribute per argument and option.

        `rest` holds the words after ``--``, unchanged, when the command takes any.

        Raises: UsageError with the nearest valid names when the line is wrong.
        """
        values = {o.key: o.initial for o in self.options}
        words, rest = self._split_rest(split_line(line, self.title))
        positional = self._take_options(words, values)
        values |= self._take_arguments(positional)
        return SimpleNamespace(**values, rest=rest)

    def manual(self) -> str:
        """Return the text that ``%magic?`` shows."""
        parts = [f"{self.title}: {self.summary}.", self._usage()]
        if self.details:
            parts.append(textwrap.fill(" ".join(self.details.split()), _WIDTH))
        if self.arguments or self.rest or self.body:
            parts.append("Arguments:\n" + "\n".join(self._argument_rows()))
        if self.options:
            rows = [_row(o.spellings, _option_help(o)) for o in self.options]
            parts.append("Options:\n" + "\n".join(rows))
        if self.examples:
            parts.append("Examples:\n" + "\n".join(_INDENT + e for e in self.examples))
        return "\n\n".join(parts) + "\n"

    def _usage(self) -> str:
        words = [a.usage for a in self.arguments]
        words += ["[options]"] if self.options else []
        words += ["[-- WORD ...]"] if self.rest else []
        return "Usage:\n" + "\n".join(_INDENT + " ".join([form, *words]) for form in self.forms)

    def _argument_rows(self) -> list[str]:
        rows = [_row(a.name, a.help) for a in self.arguments]
        rows += [_row("-- WORD ...", self.rest)] if self.rest else []
        return rows + ([_row("cell body", self.body)] if self.body else [])

    def _split_rest(self, words: list[str]) -> tuple[list[str], tuple[str, ...]]:
        if "--" not in words:
            return words, ()
        cut = words.index("--")
        if not self.rest:
            raise UsageError(f"{self.title}: nothing may follow --", next_step=self._hint())
        return words[:cut], tuple(words[cut + 1:])

    def _take_options(self, words: list[str], values: dict) -> list[str]:
        positional, queue = [], list(words)
        while queue:
            word = queue.pop(0)
            if not word.startswith("--"):
                if _SHORT.fullmatch(word):
                    raise self._no_option(word)
                positional.append(word)
                continue
            flag, has_value, value = word.partition("=")
            option = self._option(flag)
            if not option.metavar:
                if has_value:
                    raise UsageError(f"{self.title}: {option.flag} takes no value, got {value!r}")
                values[option.key] = True
                continue
            if not has_value:
                if not queue:
                    raise UsageError(f"{self.title}: {option.flag} needs a value, {option.metavar}",
                                     next_step=f"{option.usage}: {option.help}")
                value = queue.pop(0)
            converted = self.convert(option, value)
            values[option.key] = (*values[option.key], converted) if option.repeat else converted
        return positional

    def _option(self, flag: str) -> Option:
        if flag not in self.spelling:
            raise self._no_option(flag)
        return self.spelling[flag]

    def _no_option(self, flag: str) -> UsageError:
        return UsageError(f"{self.title}: no option {flag}", next_step=nearest(
            "--" + flag.partition("=")[0].lstrip("-"), [o.flag for o in self.options], "options"))

    def convert(self, option: Option, value: str, where: str = "") -> object:
        """Return an option's value from its text; UsageError if it is none.

        `where` is the place of a setting in a cell's body; a line's own is the default.
        """
        place = f"{where}: {option.key}" if where else f"{self.title}: {option.flag}"
        if option.choices and value not in option.choices:
            raise UsageError(f"{place}: {value!r} is not one it knows",
                             next_step=nearest(value, option.choices, "choices"))
        try:
            return option.kind(value)
        except ValueError as reason:
            raise UsageError(f"{place}: {value!r} is {reason}",
                             next_step=f"{option.usage}: {option.help}") from None

    def _take_arguments(self, words: list[str]) -> dict:
        missing = [a.name for a in self.arguments[len(words):] if a.required]
        if missing:
            raise UsageError(f"{self.title}: {missing[0]} is missing", next_step=self._hint())
        if len(words) > len(self.arguments):
            raise self._one_too_many(words)
        given = dict(zip((a.key for a in self.arguments), words, strict=False))
        return {a.key: given.get(a.key) for a in self.arguments}

    def _one_too_many(self, words: list[str]) -> UsageError:
        extra = words[len(self.arguments)]
        step = self._hint()
        if self.rest:
            kept = " ".join([self.forms[0], *words[:len(self.arguments)]])
            step = f"{self.rest} follow --: {kept} -- {shlex.join(words[len(self.arguments):])}"
        return UsageError(f"{self.title}: {extra!r} is one word too many", next_step=step)

    def _hint(self) -> str:
        usage = " or ".join(line.strip() for line in self._usage().splitlines()[1:])
        return f"usage: {usage}; {self.title}? is its manual"


def nearest(word: str, valid: list[str] | tuple[str, ...], noun: str) -> str:
    """Return a sentence that offers what the user may have meant, then all that is valid."""
    if not valid:
        return f"there are no {noun}"
    return f"{meant(nearest_names(word, valid, 1))} {noun}: {', '.join(valid)}".lstrip()


def split_line(line: str, title: str) -> list[str]:
    """Split a magic's line into words as a shell would; UsageError on an open quote."""
    try:
        return shlex.split(line)
    except ValueError as reason:
        raise UsageError(f"{title}: {str(reason).lower()} in: {line.strip()}",
                         next_step="close the quote, or put a backslash before it") from None


def _option_help(option: Option) -> str:
    text = option.help
    if option.choices:
        text += f": {', '.join(option.choices)}"
    if option.default and option.metavar:
        value = f"{option.default:g}" if isinstance(option.default, float) else option.default
        text += f" (default {value})"
    return text + (" (may be repeated)" if option.repeat else "")


def _row(term: str, text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), _WIDTH - _HELP_COLUMN)
    pad = "\n" + " " * _HELP_COLUMN
    head = f"{_INDENT}{term}"
    gap = pad if len(head) >= _HELP_COLUMN else " " * (_HELP_COLUMN - len(head))
    return head + gap + pad.join(lines)
