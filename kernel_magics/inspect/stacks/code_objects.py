"""The code in an address space: the image, and the programs and libraries mapped there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.inspect.images.layers import OTHER, layer_of_section
from kernel_magics.inspect.stacks.backtrace import Frame, frames_at
from kernel_magics.inspect.stacks.cfi import CallFrames
from kernel_magics.inspect.stacks.cfi_rules import FrameRules
from kernel_magics.inspect.stacks.code import Code
from kernel_magics.inspect.stacks.file_symbols import FileSymbols
from kernel_magics.inspect.stacks.mapped_files import MappedFile, mapped_files
from kernel_magics.inspect.stacks.stack_depth import StackDepths

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.images.symbols import SymbolIndex
    from kernel_magics.inspect.memory.address_space import AddressSpace

__all__ = ["CodeObject", "CodeObjects", "Step", "objects_of", "objects_with"]


class CodeObject:
    """One ELF file as it lies in memory: `bias` is where it lies minus where it was linked
    for; `module` its name, "" for the guest's image.  Addresses given and returned are those
    in memory."""

    def __init__(self, elf: ElfFile, symbols: SymbolIndex | FileSymbols, bias: int = 0,
                 module: str = "") -> None:
        self.elf, self.symbols, self.bias, self.module = elf, symbols, bias, module
        loads = [one for one in elf.segments if one.type == PT_LOAD]
        self.start = self.start_of(elf, bias)
        self.end = max((one.virtual_address + one.memory_bytes for one in loads),
                       default=0) + bias
        self._code = Code(elf, symbols)
        self._frames = CallFrames(elf)
        self._depths = StackDepths()
        self._functions: dict[int, tuple[int, str, int]] = {}
        self._called: dict[int, int | None] = {}
        self._frames_at: dict[tuple[int, int], tuple[Frame, ...]] = {}

    @staticmethod
    def start_of(elf: ElfFile, bias: int) -> int:
        """Return where the first byte of a file's that is mapped lies."""
        return min((one.virtual_address for one in elf.segments if one.type == PT_LOAD),
                   default=0) + bias

    @classmethod
    def of_image(cls, image: GuestImage) -> CodeObject:
        """Return the object of a guest image, which is kept with the image."""
        known = vars(image).get("_code_object")
        if known is None:
            known = vars(image)["_code_object"] = cls(ElfFile.read(image.path), image.symbols)
        return known

    def holds(self, address: int) -> bool:
        """Whether there is code at an address."""
        return self._code.holds(address - self.bias)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return code from an address, shorter where it ends."""
        return self._code.read(address - self.bias, size_bytes)

    def called(self, return_address: int) -> int | None:
        """Return what the call before an address calls: INDIRECT, an address, or None."""
        if return_address not in self._called:
            found = self._code.called(return_address - self.bias)
            self._called[return_address] = found + self.bias if found else found
        return self._called[return_address]

    def leads_to(self, target: int, function: int) -> bool:
        """Whether calling `target` can end up in `function` without another call."""
        return self._code.leads_to(target - self.bias, function - self.bias)

    def function(self, address: int) -> tuple[int, str]:
        """Return start and name of the function at an address (the address, "" if none)."""
        return self._function(address)[:2]

    def bounds(self, address: int) -> tuple[int, int] | None:
        """Return start and end of the function that the call frame information has there,
        also of one that no symbol names; None if it has none."""
        found = self._frames.function(address - self.bias)
        return (found[0] + self.bias, found[1] + self.bias) if found else None

    def _function(self, address: int) -> tuple[int, str, int]:
        if address not in self._functions:
            found = self.symbols.at(address - self.bias)
            self._functions[address] = (address, "", 0) if found is None else \
                (found[0].address + self.bias, found[0].name, found[0].size_bytes)
        return self._functions[address]

    def rules(self, address: int) -> FrameRules | None:
        """Return how to find the caller from an instruction, None if nothing says it."""
        rules = self._frames.rules(address - self.bias)
        if rules is not None:
            return rules
        start, _, size = self._function(address)
        if not size:
            return None
        code = self._code.read(start - self.bias, size)
        return self._depths.rules(code, start - self.bias, address - self.bias)

    def frames(self, address: int, lookup: int) -> tuple[Frame, ...]:
        """Return the function at an address, and before it those inlined there.

        `lookup` is an address inside the instruction being executed.
        """
        if (address, lookup) not in self._frames_at:
            found = frames_at(address, lookup, self.symbols, self.bias)
            if found[0].layer == OTHER:  # a stripped image's sections still tell
                section = self.elf.section_at(lookup - self.bias)
                layer = layer_of_section(section.name) if section else None
                found = tuple(replace(one, layer=layer or OTHER) for one in found)
            self._frames_at[address, lookup] = found
        return self._frames_at[address, lookup]


class Step:
    """What a walk needs to know at one instruction; found once.

    `start` and `name` are of the function there; `offsets` those of the `rules` that are
    plain offsets from the frame's end, `others` the rest.
    """

    __slots__ = ("code", "name", "offsets", "others", "rules", "start")

    def __init__(self, code: CodeObject, address: int) -> None:
        self.code = code
        self.start, self.name = code.function(address)
        self.rules = code.rules(address)
        known = self.rules.registers.items() if self.rules else ()
        self.offsets = tuple((number, rule[1]) for number, rule in known
                             if rule[0] == "offset" and isinstance(rule[1], int))
        self.others = tuple((number, rule) for number, rule in known if rule[0] != "offset")


class CodeObjects:
    """The objects of one address space; `span`: from where to before what address they lie."""

    def __init__(self, objects: Sequence[CodeObject]) -> None:
        self._steps: dict[int, Step | None] = {}
        self._objects = sorted(objects, key=lambda one: one.start)
        self._starts = [one.start for one in self._objects]
        self.span = (self._starts[0], max(one.end for one in objects)) if objects else (0, 0)

    def __iter__(self) -> Iterator[CodeObject]:
        return iter(self._objects)

    def step(self, address: int) -> Step | None:
        """Return what is known of the instruction at an address, None where there is none."""
        try:
            return self._steps[address]
        except KeyError:
            code = self.at(address)
            found = self._steps[address] = None if code is None else Step(code, address)
            return found

    def at(self, address: int) -> CodeObject | None:
        """Return the object that has code at an address, or None."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._objects[index].end:
            return None
        found = self._objects[index]
        return found if found.holds(address) else None

    def around(self, address: int) -> CodeObject | None:
        """Return the object with an address among its code or its data, or None."""
        index = bisect_right(self._starts, address) - 1
        return self._objects[index] if index >= 0 and address < self._objects[index].end else None


def objects_of(subject: Any, space: AddressSpace) -> CodeObjects:
    """Return the code in a subject's address space: the image, and what is mapped there."""
    return objects_with(subject.image, mapped_files(subject, space))


def objects_with(image: GuestImage, files: Sequence[MappedFile]) -> CodeObjects:
    """Return the code of an image and of files that are mapped beside it."""
    found = [CodeObject.of_image(image)]
    kept: dict[tuple[int, int], CodeObject] = vars(image).setdefault("_mapped_code", {})
    for one in files:
        key = (id(one.elf), one.bias)
        if key not in kept:
            kept[key] = CodeObject(one.elf, FileSymbols(one.elf), one.bias,
                                   module=one.elf.path.name)
        found.append(kept[key])
    made: dict[tuple[int, ...], CodeObjects] = vars(image).setdefault("_code_objects", {})
    return made.setdefault(tuple(map(id, found)), CodeObjects(found))
