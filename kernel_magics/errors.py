"""The errors a user of the lab can meet: one tree, each with its next step.

Every class derives from `LabError`, whose text is what the user reads: lower case,
what was found and what was expected, then what to do.  Data that a script may want is
in attributes, never only in the text.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "LabError", "UsageError", "BuildError", "ImageError", "BootError", "GuestError",
    "GuestPanic", "GuestTimeout", "TraceError", "HostError", "meant", "nearest_names",
    "nearest_step",
]

LIKE = 0.6  # difflib's ratio of two names that may be taken for each other


class LabError(Exception):
    """Anything the lab reports to its user; `next_step` says what to do about it."""

    def __init__(self, message: str, *, next_step: str = "", **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return f"{self.message}\n{self.next_step}" if self.next_step else self.message


class UsageError(LabError):
    """A wrong name, option or argument; nothing was changed."""


class BuildError(LabError):
    """A compiler or linker refused; `diagnostics` and `log` hold what it said."""


class ImageError(LabError):
    """A file is not a guest image, or not one this lab can read; `path` names it."""


class BootError(LabError):
    """A guest could not be started; `log` holds the tail of what QEMU or libvirt said."""


class GuestError(LabError):
    """A guest is unknown, gone, or not in the state the call needs; `name` names it."""


class GuestPanic(GuestError):
    """The guest panicked; `report` is the symbolised panic report."""


class GuestTimeout(GuestError):
    """A wait ended before the guest did; the guest is still there."""


class TraceError(LabError):
    """The guest's trace ring cannot be read or is damaged."""


class HostError(LabError):
    """This machine lacks something: QEMU, libvirt, a permission, disk, memory."""


def nearest_step(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """Return the next step for a name that is not known: what was probably meant, else what
    there is, else `otherwise`."""
    names = list(known)
    return meant(nearest_names(wrong, names)) \
        or (f"there are {', '.join(sorted(names))}" if names else otherwise)


def meant(near: Iterable[str]) -> str:
    """Return the question whether one of these names was meant, "" if there are none."""
    names = " or ".join(near)
    return f"did you mean {names}?" if names else ""


def nearest_names(wrong: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the names most like a wrong one, the likest first, [] if none is."""
    pool = [name for name in known if abs(len(name) - len(wrong)) <= max(4, len(wrong))]
    folded = {name.lower(): name for name in pool}
    near = difflib.get_close_matches(wrong.lower(), folded, n=count, cutoff=LIKE)
    letters = sorted(wrong.lower())
    near.sort(key=lambda name: sorted(name) != letters)  # letters that were only swapped: first
    return [folded[name] for name in near]
