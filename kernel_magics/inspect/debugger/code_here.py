"""The code where a stopped guest is: of its image, or of what the current process has mapped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import SHT_RELA, ElfFile
from kernel_magics.errors import LabError
from kernel_magics.inspect.debugger.places import Place, Places, after_prologue
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.stacks.code import Code
from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects, objects_of
from kernel_magics.inspect.stacks.mapped_files import (
    file_mapped_at,
    regions_by_process,
    root_elf,
)

if TYPE_CHECKING:
    from kernel_magics.inspect.images.lines import SourcePlace

__all__ = ["CodeHere"]

_STUB_BYTES = 16
_JUMP_THROUGH = b"\xff\x25"  # jmp *offset(%rip)
_ENTRY_BYTES = 24  # of a relocation with addend, and of a symbol
_DYNAMIC_SYMBOLS = 11


class CodeHere:
    """Names code at a stop; what is mapped is looked at anew after `forget`."""

    def __init__(self, guest: Any, places: Places) -> None:
        self._guest, self._places = guest, places
        self._is_packaged = bool(places.root)
        self._objects: dict[int, CodeObjects | None] = {}
        self._paths: dict[int, str] = {}

    def forget(self) -> None:
        """Something may be mapped, or another program may run."""
        self._objects.clear()

    def objects(self) -> CodeObjects | None:
        """Return the code in the current process's memory; None if its image is all."""
        if not self._is_packaged:
            return None
        with suppress(LabError, ValueError):
            table = int(self._guest.header.page_table_address)
            if table not in self._objects:
                space = AddressSpace(self._guest, table) if table else None
                self._objects[table] = objects_of(self._guest, space) if space else None
            return self._objects[table]
        return None

    def mapped(self, pc: int) -> CodeObject | None:
        """Return the program or library whose code is at an address, None if it is none's."""
        objects = self.objects()
        found = objects.at(pc) if objects is not None else None
        return found if found is not None and found.module else None

    def lines(self, pc: int) -> tuple[SourcePlace, ...]:
        """Return the source places of an address, the innermost inlined first."""
        code = self.mapped(pc)
        return code.symbols.lines(pc - code.bias) if code is not None \
            else self._places.image.symbols.lines(pc)

    def line(self, pc: int) -> tuple[str, int] | None:
        """Return file and line of an address, None if no debugging data has it."""
        found = self.lines(pc)
        return (found[0].file, found[0].line) if found else None

    def name(self, pc: int) -> str:
        """Return the function's name at an address, "" if nothing has one there."""
        code = self.mapped(pc)
        if code is not None:
            return code.function(pc)[1]
        found = self._places.image.symbols.at(pc)
        return found[0].name if found else ""

    def function(self, pc: int) -> int:
        """Return where the function at an address begins, the address if nothing says it."""
        code = self.mapped(pc)
        if code is not None:
            bounds = code.bounds(pc)
            return code.function(pc)[0] if code.function(pc)[1] or not bounds else bounds[0]
        found = self._places.image.symbols.at(pc)
        return found[0].address if found else pc

    def is_runtime(self, pc: int) -> bool:
        """Whether an address is in the runtime: neither the program's nor its libraries'."""
        found = self._places.image.symbols.at(pc)
        return found is not None and found[0].layer not in ("app", "libc")

    def place(self, pc: int) -> Place:
        """Return the place of an address in the current process."""
        code = self.mapped(pc)
        if code is None:
            return self._places.at(pc)
        found, line = code.symbols.at(pc - code.bias), self.line(pc) or ("", 0)
        name, offset = (found[0].name, found[1]) if found else ("", 0)
        return Place(pc, name, offset, *line, self._path(code.elf) or code.module,
                     pc - code.start)

    def body(self, pc: int) -> int:
        """Return where the body of the function that begins at an address does."""
        code = self.mapped(pc)
        if code is None:
            return self._places.after_prologue(pc)
        plain = Code(code.elf, code.symbols)
        return after_prologue(plain, code.symbols, pc - code.bias) + code.bias

    def _path(self, elf: ElfFile) -> str:
        """Return the path in the root of a file that is mapped."""
        if id(elf) not in self._paths:
            for one in self._places.root.files:
                self._paths[id(one.elf)] = one.path
        return self._paths.get(id(elf), "")

    # Where places of files are in memory

    def is_here(self, place: Place) -> bool:
        """Whether the current process has a place's file where the place is."""
        if not place.module:
            return True
        code = self.mapped(place.address)
        return code is not None and place.address - code.start == place.module_offset \
            and code.elf is root_elf(self._guest.image, place.module)

    def resolved(self, targets: tuple[Place, ...]) -> tuple[Place, ...]:
        """Return places of files where the processes there are have them mapped."""
        if not targets:
            return ()
        found: dict[int, Place] = {}
        starts = dict(self._starts({one.module for one in targets}))
        for one in targets:
            for start in starts.get(one.module, ()):
                address = start + one.module_offset
                found[address] = Place(address, one.function, one.offset, one.file, one.line,
                                       one.module, one.module_offset)
        return tuple(found.values())

    def _starts(self, wanted: set[str]) -> Iterator[tuple[str, set[int]]]:
        """Yield where each of these files begins in some process's memory."""
        found: dict[str, set[int]] = {}
        for regions in regions_by_process(self._guest).values():
            for start, _, offset, path in regions:
                one = file_mapped_at(self._guest.image, path, start, offset) \
                    if path in wanted else None
                if one is not None:
                    found.setdefault(path, set()).add(CodeObject.start_of(one.elf, one.bias))
        yield from found.items()

    def process(self) -> int:
        """Return the number of the process that runs, 0 if none does or it is not known."""
        import drgn

        with suppress(LabError, LookupError, drgn.FaultError):
            process = program_of(self._guest)["kern_process"]
            return int(process.pid) if process else 0
        return 0

    # Calls of other files' functions

    def called_through(self, pc: int, word: Any) -> list[int]:
        """Return where a jump through a linkage table leads, from its stub at `pc`; [] if that
        is none.

        word: reads eight bytes of memory.  Before the first call the loader would have to
        look the function up; its name then says where it is.
        """
        code = self.mapped(pc)
        stub = code.read(pc, _STUB_BYTES) if code is not None else b""
        at = stub.find(_JUMP_THROUGH)
        if code is None or not 0 <= at <= _STUB_BYTES - 6 or code.function(pc)[1]:
            return []
        slot = pc + at + 6 + int.from_bytes(stub[at + 2:at + 6], "little", signed=True)
        target = word(slot) or 0
        found = self.mapped(target)
        if found is not None and (found is not code or found.function(target)[1]):
            return [target]
        return self._functions(_slot_name(code.elf, slot - code.bias))

    def _functions(self, name: str) -> list[int]:
        objects = self.objects()
        if not name or objects is None:
            return []
        return [one.bias + symbol.address for one in objects if one.module
                for symbol in one.symbols.search()
                if symbol.name == name and symbol.kind == "function"]


def _slot_name(elf: ElfFile, slot: int) -> str:
    """Return the name of the symbol that the loader writes the address of into a slot."""
    sections = elf.sections
    for relocations in (one for one in sections if one.type == SHT_RELA
                        and one.link < len(sections)):
        table = sections[relocations.link]
        if table.type != _DYNAMIC_SYMBOLS or table.link >= len(sections):
            continue
        data = elf.section_bytes(relocations)
        for at in range(0, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            if int.from_bytes(data[at:at + 8], "little") == slot:
                number = int.from_bytes(data[at + 12:at + 16], "little")
                symbols, texts = elf.section_bytes(table), elf.section_bytes(sections[table.link])
                start = int.from_bytes(symbols[number * _ENTRY_BYTES:number * _ENTRY_BYTES + 4],
                                       "little")
                return texts[start:texts.find(b"\0", start)].decode("utf-8", "replace")
    return ""
