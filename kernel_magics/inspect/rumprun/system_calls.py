"""The system call that a thread of a Rumprun guest is in.

A program calls libc, whose function packs the arguments and calls rump_syscall, which calls
the rump kernel's sys_NAME: no instruction leaves the address space.

Source: sys/rump/librump/rumpkern/{rump.c,rump_syscalls.c} of NetBSD 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kernel_magics.inspect.rumprun.values import system_call_argument

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.stack import Backtrace

__all__ = ["RumpCall", "system_call_of"]

# sys___nanosleep50: the number is the version of NetBSD in which its types changed.
_HANDLER = re.compile(r"^(?:rumpns_)?sys_+([a-z]\w*?)(?:\d\d)?$")
_DESCRIPTORS = ("fd", "s", "fdes")
# How libc's side of one is called: rump___sysimpl__ksem_wait.
_WRAPPER = re.compile(r"^(?:rump___sysimpl)?_*([a-z]\w*?)(?:\d\d)?$")
_CALL = "rump_syscall"
_POLLS = frozenset(("poll", "pollts"))
MOST_POLLED = 8


@dataclass(frozen=True, slots=True)
class RumpCall:
    """A system call that is going on: its name without NetBSD's version, and the file
    descriptor that it is about, -1 if none or if nobody knows; `polled` is where a poll has
    its list, and of how many."""

    name: str
    descriptor: int = -1
    polled: tuple[int, int] = (0, 0)


def system_call_of(trace: Backtrace) -> RumpCall | None:
    """Return the system call that a thread is in, None if it is in none."""
    frames = list(trace)
    name = ""
    for frame, caller in pairwise(frames):
        found = _HANDLER.match(frame.function)
        if found and not name:
            name = found[1]
        if frame.function == _CALL:
            known = (system_call_argument(caller, one) for one in _DESCRIPTORS)
            descriptor = next((one for one in known if one is not None), -1)
            plain = _WRAPPER.match(caller.function)
            name = name or (plain[1] if plain else caller.function)
            polled = (system_call_argument(caller, "fds") or 0,
                      system_call_argument(caller, "nfds") or 0) if name in _POLLS else (0, 0)
            return RumpCall(name, descriptor, polled)
    return RumpCall(name) if name else None
