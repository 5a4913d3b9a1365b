"""What the text of an option means: each function converts, or raises ValueError saying why."""

import re
import shlex

__all__ = ["whole", "seconds", "variable", "pattern", "flags"]

_TIME = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|)")


def whole(text: str) -> int:
    """Convert a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("not a whole number of at least 1")
    return int(text)


def seconds(text: str) -> float:
    """Convert "5", "0.5s", "200ms" or "2m" to seconds."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError("not a time such as 2s, 200ms or 1m")
    return float(found[1]) * {"ms": 1e-3, "m": 60.0}.get(found[2], 1.0)


def variable(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError("not of the form NAME=VALUE")
    return name, value


def pattern(text: str) -> str:
    """Return a regular expression as it is."""
    try:
        re.compile(text)
    except re.error as reason:
        raise ValueError(f"not a regular expression, {reason}") from None
    return text


def flags(text: str) -> tuple[str, ...]:
    """Split compiler flags as a shell would."""
    try:
        return tuple(shlex.split(text))
    except ValueError as reason:
        raise ValueError(f"not a list of flags, {str(reason).lower()}") from None
