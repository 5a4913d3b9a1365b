"""Numbers out of frames' variables: pointers, and the arguments of NetBSD's system calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.errors import LabError

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.stack import StackFrame

__all__ = ["pointer_of", "system_call_argument"]


def pointer_of(frame: StackFrame, name: str) -> int:
    """Return the value of a frame's variable as a number, 0 where nobody knows it."""
    import drgn

    found = frame.locals.get(name)
    try:
        return int(found.object_) if found is not None else 0
    except (LabError, LookupError, TypeError, ValueError, drgn.FaultError,
            drgn.ObjectAbsentError):
        return 0


def system_call_argument(frame: StackFrame, name: str) -> int | None:
    """Return an argument that a wrapper of NetBSD's has laid down for the rump kernel.

    Each is a member of its variable `callarg`, padded to eight bytes (sys/syscallargs.h).
    """
    import drgn

    arguments = frame.locals.get("callarg")
    try:
        if arguments is None:
            return None
        return int(arguments.object_.member_(name).le.datum)
    except (LabError, LookupError, TypeError, ValueError, drgn.FaultError,
            drgn.ObjectAbsentError):
        return None
