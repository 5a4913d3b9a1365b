"""A call in a panic report: plain data, without the guest that it was found in."""

from __future__ import annotations

from dataclasses import dataclass, fields

from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.stacks.backtrace import Frame

__all__ = ["PanicFrame", "plain_frame"]


@dataclass(frozen=True, slots=True)
class PanicFrame(Frame):
    """See Frame; `mapped_place` is where in a mapped file code without lines is, as
    "libc.so.6+0x3c267", "" for the image's own."""

    mapped_place: str = ""

    @property
    def place(self) -> str:
        """The source place as text; without one, where in a mapped file it is."""
        return f"{shown_file(self.file)}:{self.line}" if self.line else self.mapped_place

    @property
    def named(self) -> str:
        """The function with its place, as a sentence names it."""
        if not self.function:
            return self.place or f"{self.address:#x}"
        return f"{self.function} ({self.place})" if self.place else self.function


def plain_frame(frame: Frame) -> PanicFrame:
    """Return what can be saved of a frame."""
    values = {one.name: getattr(frame, one.name) for one in fields(Frame)}
    return PanicFrame(**values, mapped_place="" if frame.line else frame.place)
