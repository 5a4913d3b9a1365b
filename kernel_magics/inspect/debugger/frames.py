"""The stack of the processor at a stop: its calls, and the variables of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.backtrace import Frame, frames_text, symbolise
from kernel_magics.inspect.code_objects import CodeObject, CodeObjects
from kernel_magics.inspect.ram import GuestRam
from kernel_magics.inspect.unwind import Activation, Unwinder

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.processor import Processor

__all__ = ["Frames"]

_RSP = 7  # DWARF's number


class Frames:
    """The calls that are going on, innermost first."""

    def __init__(self, guest: Any, processor: Processor) -> None:
        self._guest = guest
        self._registers = dict(processor.registers)

    @cached_property
    def _unwinder(self) -> Unwinder:
        guest = self._guest
        ram = GuestRam(guest.ram.read, _page_table(guest))
        read = ram.read_virtual if ram.page_table else guest.ram.read
        return Unwinder(CodeObjects([CodeObject.of_image(guest.image)]), read)

    def caller(self) -> Activation | None:
        """Return the call that the innermost function returns to, None if it has none."""
        found = self._unwinder.activations(self._registers, most=2)
        return found[1] if len(found) > 1 else None

    @cached_property
    def activations(self) -> list[Activation]:
        """The calls with their registers."""
        return self._unwinder.activations(self._registers)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The calls as functions with source lines, those inlined included."""
        return symbolise([one.address for one in self.activations], self._guest.image.symbols)

    def locals(self, depth: int) -> Mapping[str, Any]:
        return {}

    def __repr__(self) -> str:
        return frames_text(self.frames)


def _page_table(guest: Any) -> int:
    try:
        return int(guest.header.page_table_address)
    except GuestError:  # before the image is loaded, or before it has tables
        return 0
