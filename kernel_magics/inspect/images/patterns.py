"""Patterns that choose symbols: a glob, a part of the name, a regular expression."""

import fnmatch
import re
from collections.abc import Callable, Sequence

from kernel_magics.errors import UsageError, meant, nearest_names

__all__ = ["check_choice", "matcher"]


def check_choice(what: str, value: str | None, choices: Sequence[str]) -> None:
    """Raise UsageError, naming the choices, if `value` is not None and none of them."""
    if value is not None and value not in choices:
        hint = meant(nearest_names(value, choices, 1))
        raise UsageError(f"no such {what}: {value!r}",
                         next_step=f"{hint} there are {', '.join(choices)}".lstrip())


def matcher(pattern: str | re.Pattern[str]) -> Callable[[str], object]:
    """Return a function that says whether a name matches.

    `pattern` is a glob ("sys_*"), a part of the name, or a regular expression, compiled or
    between slashes.  Raises UsageError if it is neither.
    """
    if isinstance(pattern, re.Pattern):
        return pattern.search
    if not isinstance(pattern, str):
        raise UsageError(f"a pattern is a text, not {pattern!r}",
                         next_step='write a glob such as "sys_*"')
    try:
        if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
            return re.compile(pattern[1:-1]).search
    except re.error as error:
        raise UsageError(f"not a regular expression: {pattern}: {error}",
                         next_step="write a glob such as sys_* instead") from error
    if any(character in pattern for character in "*?["):
        return re.compile(fnmatch.translate(pattern)).match
    return lambda name: pattern in name
