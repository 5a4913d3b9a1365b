"""Recorded stacks as calls: through the runtime into the program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_magics.trace.attached import RawStack

if TYPE_CHECKING:
    from kernel_magics.inspect.stacks.backtrace import Frame
    from kernel_magics.inspect.stacks.code import Code

__all__ = ["StackWalker", "SYSTEM_CALL"]

SYSTEM_CALL = "[system call]"
"""Stands for the runtime where a sample came as soon as it let interrupts in again."""

_PAGE_BYTES = 4096
_REGISTERS = ("rip", "rsp", "rbp", "rbx", "r12")
_SYSCALL_CODE = b"\x0f\x05"
_MOST_FRAMES = 256
_MOST_KEPT = 50_000
_NOT_SHOWN = frozenset(("arch_syscall_return", "arch_trap_return", "bmk_sample"))


class StackWalker:
    """Turns recorded stacks of one image's guest into frames.

    Of the program's stack only the recorded words are known; a walk ends where they end.
    """

    def __init__(self, image: Any) -> None:
        self._image = image
        self._frames: dict[tuple[int, bool], tuple[Frame, ...]] = {}
        self._walked: dict[RawStack, tuple[int, ...]] = {}
        self._code: Code | None = None

    def addresses(self, stack: RawStack) -> tuple[int, ...]:
        """Return the program's addresses of a stack, innermost first: where it was, then
        return addresses."""
        if not stack.registers:
            return ()
        if stack not in self._walked:
            if len(self._walked) >= _MOST_KEPT:
                self._walked.clear()
            self._walked[stack] = self._walk(stack)
        return self._walked[stack]

    def frames(self, stack: RawStack, *, interrupted: bool = False) -> tuple["Frame", ...]:
        """Return the calls of a stack, innermost first, the runtime's before the program's.

        interrupted: the program was interrupted where it was, as for a sample; otherwise it
        had called the runtime.
        """
        found = [frame for address in stack.frames for frame in self._at(address, True)]
        found = [frame for frame in found if frame.function not in _NOT_SHOWN]
        for depth, address in enumerate(self.addresses(stack)):
            found += self._at(address, depth > 0 or not interrupted)
        return tuple(found)

    def names(self, stack: RawStack, *, interrupted: bool = False) -> list[str]:
        """Return the functions of a stack, outermost first, as a flame graph has them."""
        found = [frame.function or f"{frame.address:#x}"
                 for frame in self.frames(stack, interrupted=interrupted)]
        found.reverse()
        if interrupted and stack.registers and self._is_system_call(stack.registers[0]):
            found.append(SYSTEM_CALL)
        return found

    def layer(self, name: str) -> str:
        """Return the layer of a function that `names` gave, "" if nothing tells."""
        if name == SYSTEM_CALL:
            return "sys"
        return self._layers.get(name, "")

    @property
    def _layers(self) -> dict[str, str]:
        return {frame.function: frame.layer for frames in self._frames.values()
                for frame in frames}

    def _is_system_call(self, address: int) -> bool:
        if self._image is None:
            return False
        if self._code is None:
            from kernel_magics.inspect.stacks.code import Code
            from kernel_magics.inspect.stacks.code_objects import CodeObject

            self._code = Code(CodeObject.of_image(self._image).elf, self._image.symbols)
        return self._code.read(address - 2, 2) == _SYSCALL_CODE

    def _at(self, address: int, is_return: bool) -> tuple["Frame", ...]:
        from kernel_magics.inspect.stacks.backtrace import Frame, symbolise

        key = address, is_return
        if key not in self._frames:
            self._frames[key] = (
                symbolise([address], self._image.symbols, first_is_return=is_return)
                if self._image is not None else (Frame(address, "", 0, ""),))
        return self._frames[key]

    def _walk(self, stack: RawStack) -> tuple[int, ...]:
        from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects
        from kernel_magics.inspect.stacks.unwind import Unwinder

        if self._image is None:
            return stack.registers[:1]
        registers = dict(zip(_REGISTERS, stack.registers, strict=False))
        objects = CodeObjects([CodeObject.of_image(self._image)])
        read = _Words(registers["rsp"], stack.words).read
        return tuple(Unwinder(objects, read).walk(registers)[:_MOST_FRAMES])


class _Words:
    """The recorded words as memory; what was not recorded reads as zero: no caller."""

    def __init__(self, address: int, words: Sequence[int]) -> None:
        self._start = address & ~7
        self._data = b"".join((word & (1 << 64) - 1).to_bytes(8, "little") for word in words)

    def read(self, address: int, size_bytes: int) -> bytes:
        page = bytearray(size_bytes)
        first = max(address, self._start)
        end = min(address + size_bytes, self._start + len(self._data))
        if first < end:
            page[first - address:end - address] = self._data[first - self._start:end - self._start]
        return bytes(page)
