"""How the numbers in system calls are named: Linux's in rumpkit's guests, NetBSD's in Rumprun's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel_magics.boot.rumprun import KIT as RUMPRUN
from kernel_magics.trace.calls.constants import DECODERS, flags
from kernel_magics.trace.calls.netbsd_calls import (
    NETBSD_CHOICES,
    NETBSD_FLAGS,
    NETBSD_OPEN,
    NETBSD_SOCKETS,
)

__all__ = ["Dialect", "dialect_of"]

_MASK32 = 0xFFFF_FFFF
_ACCESS = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")
_KINDS = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET"}
_OPENING = ("open", "openat", "pipe2", "dup3", "kqueue1")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What values of arguments are called: `decoders` by call and argument ("" is any call), and
    the bit of open's flags that a file is `created`."""

    decoders: Mapping[tuple[str, str], Callable[[int], str]]
    created: int


def dialect_of(image: Any) -> Dialect:
    """Return the dialect of an image's guests; Linux's without one."""
    return _OF_KIT.get(getattr(image, "kit", ""), _LINUX)


def _choice(names: Mapping[int, str]) -> Callable[[int], str]:
    return lambda value: names.get(value & _MASK32, str(value & _MASK32))


def _set(names: dict[int, str]) -> Callable[[int], str]:
    return lambda value: flags(value & _MASK32, names)


def _open_flags(value: int) -> str:
    rest = flags(value & _MASK32 & ~3, NETBSD_OPEN, "")
    return "|".join([_ACCESS[value & 3], *([rest] if rest else [])])


def _socket_type(value: int) -> str:
    rest = flags(value & _MASK32 & ~15, NETBSD_SOCKETS, "")
    return "|".join([_KINDS.get(value & 15, str(value & 15)), *([rest] if rest else [])])


_LINUX = Dialect(DECODERS, 0o100)
_NETBSD = Dialect({
    **DECODERS, **{key: _choice(names) for key, names in NETBSD_CHOICES.items()},
    **{key: _set(names) for key, names in NETBSD_FLAGS.items()},
    **{(call, "flags"): _open_flags for call in _OPENING},
    **{(call, "type"): _socket_type for call in ("socket", "socketpair")}}, 0x200)
_OF_KIT = {RUMPRUN: _NETBSD}
