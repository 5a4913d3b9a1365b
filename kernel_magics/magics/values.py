"""What the text of an option means: each function converts, or raises ValueError saying why."""

import re
import shlex
from collections.abc import Callable
from typing import TypeVar

from kernel_magics.boot.devices.disks import Disk, parse_disks
from kernel_magics.boot.devices.shares import Share, parse_shares
from kernel_magics.boot.network.network import Forward, parse_ports
from kernel_magics.errors import UsageError

__all__ = ["whole", "seconds", "events", "variable", "pattern", "flags", "forward", "disk", "share"]

T = TypeVar("T")
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


def events(text: str) -> str | tuple[str, ...]:
    """Convert "all" or "syscalls,switch" to a choice of trace events."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("no name of an event")
    return names[0] if len(names) == 1 else names


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


def forward(text: str) -> Forward:
    """Convert "8080:80", "80" or "53/udp"."""
    return _first(parse_ports, text, "not a port such as 8080:80, or 80 for any free one here")


def disk(text: str) -> Disk:
    """Convert "file", "file:/mountpoint" or "file:/mountpoint:ext2:ro"."""
    return _first(parse_disks, text, "not a disk such as data.img or data.img:/data:ext2")


def share(text: str) -> Share:
    """Convert "folder:/mountpoint" or "folder:/mountpoint:ro"."""
    return _first(parse_shares, text, "not a shared folder such as notes:/notes")


def _first(parse: Callable[[object], tuple[T, ...]], text: str, expected: str) -> T:
    try:
        return parse([text])[0]
    except UsageError as error:
        raise ValueError(expected) from error
