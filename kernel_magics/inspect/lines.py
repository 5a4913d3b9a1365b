"""Source lines of code addresses, from DWARF, through drgn."""

from dataclasses import dataclass

from kernel_magics.build.elf import PT_LOAD, ElfFile

__all__ = ["LineTable", "SourcePlace"]


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A place in a source file; `function` is what is defined there, "" if unknown."""

    file: str
    line: int
    column: int
    function: str


class LineTable:
    """Address → source places of one image; the debugging data is read at the first look."""

    def __init__(self, elf: ElfFile) -> None:
        self._elf = elf
        self._program: object | None = None

    def at(self, address: int) -> tuple[SourcePlace, ...]:
        """Return the places of `address`, innermost inlined function first, or ()."""
        try:
            found = self._load().source_location(address)  # type: ignore[attr-defined]
        except LookupError:
            return ()
        return tuple(SourcePlace(one.filename.removeprefix("./"), one.line, one.column,
                                 one.name() or "")
                     for one in found if one.line)

    def _load(self) -> object:
        if self._program is None:
            import drgn

            loads = [one for one in self._elf.segments if one.type == PT_LOAD]
            program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
            module = program.extra_module(self._elf.path.name, create=True)
            module.address_range = (min(one.virtual_address for one in loads),
                                    max(one.virtual_address + one.memory_bytes
                                        for one in loads))
            # Not searched for elsewhere: the file is the one the guest was booted from.
            module.try_file(str(self._elf.path))
            self._program = program
        return self._program
