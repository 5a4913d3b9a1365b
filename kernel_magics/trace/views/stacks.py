"""Recorded stacks as calls: through the runtime into the program."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.images.layers import OTHER
from kernel_magics.inspect.stacks.backtrace import Frame, frames_text
from kernel_magics.trace.calls.processes import MappedCode
from kernel_magics.trace.records.addresses import Addresses
from kernel_magics.trace.records.attached import RawStack

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.inspect.stacks.code_objects import CodeObjects

__all__ = ["CallStack", "StackWalker", "SYSTEM_CALL", "TracedFrame"]

SYSTEM_CALL = "[system call]"
"""Stands for the runtime where a sample came as soon as it let interrupts in again."""

_PAGE_BYTES = 4096
_REGISTERS = ("rip", "rsp", "rbp", "rbx", "r12")
_SYSCALL_CODE = b"\x0f\x05"
_MOST_FRAMES = 256
_MOST_KEPT = 50_000
_NOT_SHOWN = frozenset(("arch_syscall_return", "arch_trap_return", "bmk_sample",
                        "lab_record_stack", "lab_enter"))
_WRAPPER = "__wrap_"  # of tracing that is baked into an image of Rumprun's


@dataclass(frozen=True, slots=True)
class TracedFrame(Frame):
    """One call of a recorded stack: see Frame.  `module`: the file that the code is from, ""
    for the image itself; `module_offset`, `function_offset`: how far behind the file's first byte
    in memory the address is, and the beginning of its function if that is known."""

    module: str = ""
    module_offset: int = 0
    function_offset: int | None = None

    @property
    def place(self) -> str:
        """The source place as text; without one, where in a mapped file it is."""
        if self.line or not self.module:
            return f"{self.file}:{self.line}" if self.line else ""
        return f"{self.module}+{self.module_offset:#x}"

    @property
    def title(self) -> str:
        """The function's name; of one without, the file and where it begins there."""
        if self.function or not self.module:
            return self.function or f"{self.address:#x}"
        offset = self.module_offset if self.function_offset is None else self.function_offset
        return f"{self.module}+{offset:#x}"


class CallStack(tuple[TracedFrame, ...]):
    """The calls of a recorded stack, innermost first."""

    __slots__ = ()

    @property
    def df(self) -> "pd.DataFrame":
        """A row per frame: frame (index), function, layer, file, line, address, is_inlined,
        module."""
        import pandas as pd

        columns = ["function", "layer", "file", "line", "address", "is_inlined", "module"]
        table = pd.DataFrame([[getattr(one, name) for name in columns] for one in self],
                             columns=columns)
        table.index.name = "frame"
        return table.astype({"address": "uint64"})

    def __repr__(self) -> str:
        return frames_text(self) or "no stack was recorded"


class StackWalker:
    """Turns recorded stacks of one guest into frames.

    Of the program's stack only the recorded words are known; a walk ends where they end.
    `process` is whose stack it is, `sequence` the event that it was recorded with: they say
    which files' code lay where.
    """

    def __init__(self, image: Any, addresses: Addresses) -> None:
        self._image, self._addresses = image, addresses
        self._frames: dict[tuple[int, bool, tuple[MappedCode, ...]], tuple[TracedFrame, ...]] = {}
        self._walked: dict[tuple[RawStack, tuple[MappedCode, ...]], tuple[int, ...]] = {}
        self._layers: dict[str, str] = {}

    def addresses(self, stack: RawStack, process: int = 0,
                  sequence: int | None = None) -> tuple[int, ...]:
        """Return the program's addresses of a stack, innermost first: where it was, then
        return addresses."""
        return self._walk(stack, self._addresses.code(process, sequence))

    def frames(self, stack: RawStack, *, interrupted: bool = False, process: int = 0,
               sequence: int | None = None) -> CallStack:
        """Return the calls of a stack, innermost first, the runtime's before the program's.

        interrupted: the program was interrupted where it was, as for a sample; otherwise it
        had called the runtime.
        """
        code = self._addresses.code(process, sequence)
        found = [frame for address in stack.frames for frame in self._at(address, True, ())]
        for depth, address in enumerate(self._walk(stack, code)):
            found += self._at(address, depth > 0 or not interrupted, code)
        return CallStack(frame for frame in found if frame.function not in _NOT_SHOWN
                         and not frame.function.startswith(_WRAPPER))

    def names(self, stack: RawStack, *, interrupted: bool = False, process: int = 0,
              sequence: int | None = None) -> list[str]:
        """Return the functions of a stack, outermost first, as a flame graph has them."""
        frames = self.frames(stack, interrupted=interrupted, process=process, sequence=sequence)
        found = [frame.title for frame in frames]
        for name, frame in zip(found, frames, strict=True):
            self._layers.setdefault(name, frame.layer)
        found.reverse()
        code = self._addresses.code(process, sequence)
        if interrupted and stack.registers and self._is_system_call(stack.registers[0], code):
            found.append(SYSTEM_CALL)
        return found

    def layer(self, name: str) -> str:
        """Return the layer of a function that `names` gave, "" if nothing tells."""
        if name == SYSTEM_CALL:
            return "sys"
        return self._layers.get(name, "")

    def _is_system_call(self, address: int, code: tuple[MappedCode, ...]) -> bool:
        if self._image is None:
            return False
        found = self._addresses.objects(code).at(address - 1)
        return found is not None and found.read(address - 2, 2) == _SYSCALL_CODE

    def _at(self, address: int, is_return: bool,
            code: tuple[MappedCode, ...]) -> tuple[TracedFrame, ...]:
        key = address, is_return, code
        if key not in self._frames:
            self._frames[key] = tuple(
                (TracedFrame(address, "", 0, ""),) if self._image is None else
                _frames_at(self._addresses.objects(code), address, address - is_return))
        return self._frames[key]

    def _walk(self, stack: RawStack, code: tuple[MappedCode, ...]) -> tuple[int, ...]:
        from kernel_magics.inspect.stacks.unwind import Unwinder

        if not stack.registers or self._image is None:
            return stack.registers[:1]
        key = stack, code
        if key not in self._walked:
            if len(self._walked) >= _MOST_KEPT:
                self._walked.clear()
            registers = dict(zip(_REGISTERS, stack.registers, strict=False))
            words = _Words(registers["rsp"], stack.words)
            # A search for a caller ends with the words: beyond are 64 KiB of nothing.
            walk = Unwinder(self._addresses.objects(code), words.read, words.end).walk(registers)
            self._walked[key] = tuple(walk[:_MOST_FRAMES])
        return self._walked[key]


def _frames_at(objects: "CodeObjects", address: int, lookup: int) -> Iterable[TracedFrame]:
    found = objects.at(lookup)
    if found is None:
        yield TracedFrame(address, "", 0, OTHER)
        return
    start = found.bounds(lookup) if found.module else None
    for one in found.frames(address, lookup):
        yield TracedFrame(one.address, one.function, one.offset, one.layer, one.file, one.line,
                          one.is_inlined, found.module,
                          address - found.start if found.module else 0,
                          start[0] - found.start if start else None)


class _Words:
    """The recorded words as memory; below them it reads as zero: no caller."""

    def __init__(self, address: int, words: Sequence[int]) -> None:
        self._start = address & ~7
        self._data = struct.pack(f"<{len(words)}Q", *words)
        self.end = self._start + len(self._data)

    def read(self, address: int, size_bytes: int) -> bytes:
        page = bytearray(size_bytes)
        first = max(address, self._start)
        end = min(address + size_bytes, self._start + len(self._data))
        if first < end:
            page[first - address:end - address] = self._data[first - self._start:end - self._start]
        return bytes(page)
