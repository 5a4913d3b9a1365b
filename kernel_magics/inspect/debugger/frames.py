"""The stack of the processor at a stop: its calls, and the variables of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.stacks.code_objects import CodeObjects, objects_of
from kernel_magics.inspect.stacks.stack import Backtrace, StackFrame, walk_stack
from kernel_magics.inspect.stacks.unwind import Activation, Unwinder

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.processor import Processor
    from kernel_magics.inspect.values.typed import TypedObject

__all__ = ["Frames"]


class Frames:
    """The calls that are going on where the processor stands."""

    def __init__(self, guest: Any, processor: Processor) -> None:
        self._guest = guest
        self._registers = dict(processor.registers)

    @cached_property
    def space(self) -> AddressSpace | None:
        """The memory that the processor sees; None before the guest has page tables."""
        try:
            space = AddressSpace(self._guest)
        except GuestError:
            return None
        return space if space.is_mapped else None

    @cached_property
    def objects(self) -> CodeObjects | None:
        """The code there is: the image, and what its processes have mapped."""
        return objects_of(self._guest, self.space) if self.space else None

    def caller(self) -> Activation | None:
        """Return the call that the innermost function returns to, None if it has none."""
        if self.space is None or self.objects is None:
            return None
        found = Unwinder(self.objects, self.space.read).activations(self._registers, most=2)
        return found[1] if len(found) > 1 else None

    @cached_property
    def backtrace(self) -> Backtrace:
        """The calls, innermost first, those inlined included."""
        if self.space is None or self.objects is None:
            return Backtrace([], ["the guest has no page tables yet"])
        return walk_stack(self._guest, self._registers, space=self.space, objects=self.objects)

    @cached_property
    def innermost(self) -> Backtrace:
        """The function where the processor stands, and those inlined there: without its callers,
        which take a walk."""
        if "backtrace" in vars(self) or self.space is None or self.objects is None:
            return self.backtrace
        return walk_stack(self._guest, self._registers, space=self.space, objects=self.objects,
                          most=1)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory at a virtual address; before there are page tables, a physical one."""
        if self.space is None:
            return bytes(self._guest.ram.read(address, size_bytes))
        return self.space.read(address, size_bytes)

    def frame(self, depth: int) -> StackFrame:
        """Return one frame; raises UsageError naming how many there are."""
        near = self.innermost
        return near[depth] if 0 <= depth < len(near) else self.backtrace[depth]

    def is_module(self, depth: int) -> bool:
        """Whether a frame is in code that a process has mapped."""
        return self._has(depth) and bool(self.frame(depth).module)

    def _has(self, depth: int) -> bool:
        return depth < len(self.innermost) or depth < len(self.backtrace)

    def locals(self, depth: int) -> Mapping[str, TypedObject]:
        """Return the variables of a frame by name; {} where nothing knows them."""
        return self.frame(depth).locals if len(self.innermost) else {}

    def visible(self, depth: int) -> Mapping[str, TypedObject]:
        """Return the variables of a frame, and of one that was inlined those of the functions
        around it as well: a breakpoint at a function may stop in what it begins with."""
        found = dict(self.locals(depth))
        while self._has(depth) and self.frame(depth).is_inlined and self._has(depth + 1):
            depth += 1
            found = {**self.locals(depth), **found}
        return found

    def registers(self, depth: int) -> Mapping[str, int]:
        """Return the registers that are known in a frame."""
        return self._registers if depth == 0 else self.frame(depth).registers
