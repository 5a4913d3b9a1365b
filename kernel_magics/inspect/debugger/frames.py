"""The stack of the processor at a stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.backtrace import Frame, frames_text, symbolise

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.processor import Processor

__all__ = ["Frames"]

MOST_FRAMES = 200
_PUSH_RBP, _MOVE = b"\x55", b"\x48\x89\xe5"


class Frames:
    """Frames by their saved frame pointers."""

    def __init__(self, guest: Any, processor: Processor) -> None:
        self._guest = guest
        self.addresses = _walk(processor)
        self.frames: tuple[Frame, ...] = symbolise(self.addresses, guest.image.symbols)

    def locals(self, depth: int) -> Mapping[str, Any]:
        return {}

    def __repr__(self) -> str:
        return frames_text(self.frames)


def _walk(processor: Processor) -> list[int]:
    pc, sp, bp = processor.pc, processor.sp, processor.registers["rbp"]
    found = [pc]
    code = processor.code(4)
    if code[:1] == _PUSH_RBP:
        found.append(processor.word(sp) or 0)
    elif code[:3] == _MOVE:
        found.append(processor.word(sp + 8) or 0)
    elif code[:1] == b"\xc3":
        found.append(processor.word(sp) or 0)
    while bp and not bp & 7 and len(found) < MOST_FRAMES:
        back, above = processor.word(bp + 8), processor.word(bp)
        if not back or above is None:
            break
        found.append(back)
        bp = above
    return found
