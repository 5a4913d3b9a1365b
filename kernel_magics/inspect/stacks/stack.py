"""Backtraces: the calls that are going on in a thread, with registers and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from kernel_magics.build.diagnostics import SourceLines
from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layers import OTHER
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.stacks.backtrace import Frame, frames_text
from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects, objects_of
from kernel_magics.inspect.stacks.frame_locals import frame_locals
from kernel_magics.inspect.stacks.unwind import MOST_FRAMES, REGISTER_NAMES, Activation, Unwinder
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtrace", "StackFrame", "walk_stack"]

SHOWN_VALUE_COLUMNS = 100
EXCERPT_LINES_AROUND = 2


@dataclass(frozen=True, slots=True, eq=False)
class StackFrame(Frame):
    """One call of a backtrace: see Frame, and its registers and variables.

    `code` is the file that it is from; `inline_depth` counts the functions that were inlined
    into this one at the place where it is.
    """

    code: CodeObject | None = field(default=None, repr=False)
    inline_depth: int = 0
    activation: Activation | None = field(default=None, repr=False)
    space: Any = field(default=None, repr=False)
    subject: Any = field(default=None, repr=False)

    @property
    def module(self) -> str:
        """The file that the code is from, "" for the image itself."""
        return self.code.module if self.code is not None else ""

    @property
    def place(self) -> str:
        """The source place as text; without one, where in a mapped file it is."""
        if self.line or self.code is None or not self.module:
            return f"{shown_file(self.file)}:{self.line}" if self.line else ""
        return f"{self.module}+{self.address - self.code.start:#x}"

    @property
    def registers(self) -> dict[str, int]:
        """The registers that are known in this call, by name; rip is where it goes on."""
        if self.activation is None:
            return {}
        return {REGISTER_NAMES[number]: value
                for number, value in sorted(self.activation.registers.items())
                if number < len(REGISTER_NAMES)}

    @property
    def locals(self) -> Mapping[str, TypedObject]:
        """The parameters and variables that can be seen here, as typed objects.

        One that the compiler keeps nowhere at this place has no value: its text says so.
        {} for code without debugging information.
        """
        return frame_locals(self)

    @property
    def excerpt(self) -> str:
        """The source lines around, with an arrow at its own; "" if they are not known."""
        image = self.subject.image if self.subject is not None else None
        if image is None or not self.line:
            return ""
        lines = SourceLines(image.sources)
        shown = [(number, lines.line(self.file, number))
                 for number in range(max(1, self.line - EXCERPT_LINES_AROUND),
                                     self.line + EXCERPT_LINES_AROUND + 1)]
        if not any(text for _, text in shown):
            return ""
        return "\n".join(f"{'→' if number == self.line else ' '}{number:5} | "
                         f"{text.expandtabs(8)}".rstrip() for number, text in shown)

    def full_text(self) -> str:
        """Return the variables as lines "name = value"."""
        lines = []
        for name, value in self.locals.items():
            text = " ".join(repr(value).split())
            if len(text) > SHOWN_VALUE_COLUMNS:
                text = f"{text[:SHOWN_VALUE_COLUMNS]}…"
            lines.append(f"{name} = {text}")
        return "\n".join(lines)

    def __getitem__(self, name: str) -> TypedObject:
        found = self.locals
        if name not in found:
            known = ", ".join(found) or "none"
            raise UsageError(f"{self.function or 'this frame'} has no variable {name!r}",
                             next_step=f"there are: {known}")
        return found[name]

    def __repr__(self) -> str:
        where = self.place or f"{self.address:#x}"
        return f"{self.function or 'nothing known'} at {where}, layer {self.layer}"


class Backtrace(Sequence[StackFrame]):
    """The frames of a stack, innermost first: `backtrace[0]`, `backtrace["main"]`.

    `notes` says what is doubtful about it, a sentence each.
    """

    def __init__(self, frames: Sequence[StackFrame], notes: Sequence[str] = (),
                 title: str = "") -> None:
        self.frames = tuple(frames)
        self.notes = tuple(notes)
        self.title = title

    def function(self, name: str) -> StackFrame:
        """Return the innermost frame of a function; raises UsageError naming those there are."""
        for frame in self.frames:
            if frame.function == name:
                return frame
        names = dict.fromkeys(frame.function for frame in self.frames if frame.function)
        raise UsageError(f"no frame of {name!r} in this backtrace",
                         next_step=f"there are: {', '.join(names) or 'none'}")

    @property
    def application(self) -> Backtrace:
        """The frames of the program and its libraries alone."""
        return Backtrace([one for one in self.frames if one.layer in ("app", "libc")],
                         self.notes, self.title)

    @property
    def df(self) -> pd.DataFrame:
        """A row per frame: frame (index), function, layer, file, line, address, is_inlined,
        module."""
        import pandas as pd

        rows = [(one.function, one.layer, one.file, one.line, one.address, one.is_inlined,
                 one.module) for one in self.frames]
        table = pd.DataFrame(rows, columns=["function", "layer", "file", "line", "address",
                                            "is_inlined", "module"])
        table.index.name = "frame"
        return table.astype({"address": "uint64"})

    def text(self, full: bool = False) -> str:
        """Return it as text; `full`: with each frame's variables, as gdb's "bt full"."""
        lines = [self.title] if self.title else []
        if full:
            for depth, frame in enumerate(self.frames):
                lines.append(f"#{depth:<3} {frame!r}")
                lines += [f"       {line}" for line in frame.full_text().splitlines()]
        elif self.frames:
            lines.append(frames_text(self.frames))
        return "\n".join([*lines, *(f"({note})" for note in self.notes)])

    @overload
    def __getitem__(self, index: int | str) -> StackFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[StackFrame]: ...

    def __getitem__(self, index: int | str | slice) -> StackFrame | Sequence[StackFrame]:
        if isinstance(index, str):
            return self.function(index)
        try:
            return self.frames[index]
        except IndexError:
            raise UsageError(f"no frame {index}: there are {len(self.frames)}",
                             next_step="0 is the innermost, -1 the outermost") from None

    def __iter__(self) -> Iterator[StackFrame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return self.text() or "no frames"


def walk_stack(subject: Any, registers: Mapping[str, int], *, after_call: bool = False,
               page_table: int = 0, space: AddressSpace | None = None,
               objects: CodeObjects | None = None, title: str = "",
               most: int = MOST_FRAMES) -> Backtrace:
    """Return the backtrace of a subject from some registers, at least rip, rsp and rbp.

    `after_call` says that rip is a return address; `page_table` whose memory it is, by
    default that of the process in use (`space` is the same, already made); `objects` the
    code in it; `most` how many calls are followed.  Reads memory only; raises nothing: a stack
    that leads nowhere is short.
    """
    space = space or AddressSpace(subject, page_table)
    objects = objects or objects_of(subject, space)
    activations = Unwinder(objects, space.read).activations(registers, after_call=after_call,
                                                             most=most)
    frames: list[StackFrame] = []
    for one in activations:
        code = objects.at(one.lookup)
        found = code.frames(one.address, one.lookup) if code else \
            (Frame(one.address, "", 0, OTHER),)
        frames += [StackFrame(frame.address, frame.function, frame.offset, frame.layer,
                              frame.file, frame.line, frame.is_inlined, code, depth, one,
                              space, subject)
                   for depth, frame in enumerate(found)]
    return Backtrace(frames, title=title)
