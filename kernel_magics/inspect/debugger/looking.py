"""What can be seen of a stopped guest: its stack, its names, its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.code_here import CodeHere
from kernel_magics.inspect.debugger.frame_names import FrameNames, evaluate
from kernel_magics.inspect.debugger.frames import Frames
from kernel_magics.inspect.debugger.module_variables import ModuleVariables
from kernel_magics.inspect.debugger.places import Places
from kernel_magics.inspect.debugger.processor import Processor
from kernel_magics.inspect.debugger.replay import Replay
from kernel_magics.inspect.debugger.stub import Stub
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.stacks.module_types import module_program
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.unwind import Activation

__all__ = ["Looking"]


class Looking:
    """Looks at a guest that stands, from where its processor is; see Session."""

    def __init__(self, guest: Any, stub: Stub, places: Places) -> None:
        self._guest = guest
        self._stub = stub
        self._places = places
        self.processor = Processor(stub, guest)
        self.code = CodeHere(guest, places)
        self.replay = Replay(self.processor, guest) if stub.can_reverse else None
        self._frames: Frames | None = None
        self._names: dict[int, FrameNames] = {}
        self._looked_at = -1

    def moved(self) -> None:
        """Forget what was known of the last stop."""
        self.processor.forget()

    def frames(self) -> Frames:
        """Return the stack, innermost frame first."""
        if self._frames is None or self._looked_at != self.processor.moves:
            self._names = {}
            self._frames = Frames(self._guest, self.processor)
            self._looked_at = self.processor.moves
        return self._frames

    def caller(self) -> Activation | None:
        """Return the call that this function returns to, None if it has none."""
        self.moved()
        return self.frames().caller()

    def names(self, depth: int) -> FrameNames:
        """Return the names that an expression has in a frame."""
        frames = self.frames()
        if depth not in self._names:
            self._names[depth] = FrameNames(
                self._guest, frames.registers(depth),
                {"thread": self.processor.thread_number}, lambda: frames.visible(depth),
                ModuleVariables(self._guest, frames.space, self.code.objects()),
                in_module=bool(self._places.root) and frames.is_module(depth))
        return self._names[depth]

    def evaluate_here(self, expression: str, depth: int = 0) -> Any:
        """Return the value of an expression at this stop, in a frame."""
        return evaluate(expression, self.names(depth))

    def address_of(self, expression: str, depth: int = 0) -> int:
        """Return the address that an expression means: its value, or where an array lies."""
        import drgn

        value = self.evaluate_here(expression, depth)
        if isinstance(value, TypedObject):
            target = value.object_
            kind = drgn.TypeKind
            if target.type_.kind in (kind.ARRAY, kind.STRUCT, kind.UNION, kind.FUNCTION):
                return int(target.address_)
            return int(value)
        if isinstance(value, int):
            return value
        raise UsageError(f"{expression} is no address", next_step="give a pointer or a number")

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory as the processor sees it; raises GuestError where nothing is mapped."""
        return self.frames().read(address, size_bytes)

    def name_of(self, address: int) -> str:
        """Return what an address is called: symbol+offset, "" if nothing."""
        found = self.code.place(address)
        if not found.function:
            return f"{found.module_name}+{found.module_offset:#x}" if found.module else ""
        return found.function + (f"+{found.offset}" if found.offset else "")

    @property
    def _program(self) -> Any:
        """drgn's view of the guest from here: with the types of the program that is mapped."""
        space, code = self.frames().space, self.code.mapped(self.processor.pc)
        found = module_program(self._guest, space, code) if code and space else None
        return found or program_of(self._guest)
