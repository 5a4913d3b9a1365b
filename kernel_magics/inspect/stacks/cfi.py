"""Call frame information: how to find the caller's registers from those of a function.

Only what a walk of a stack needs is read: the places of the entries at first, the rules
of a function when an address in it is asked for.  Everything may be damaged; an entry that
cannot be read is left out, and its functions then have no rules.

Source: DWARF 5, sections 6.4 and 7.24; Linux Standard Base core, section 10.6 (.eh_frame).
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.stacks.cfi_rules import FrameRules, run_rules
from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError

__all__ = ["CallFrames", "FrameRules"]

SHF_COMPRESSED = 0x800
MOST_ENTRIES = 1_000_000
_EXTENDED_LENGTH = 0xFFFF_FFFF
_DEBUG_CIE = 0xFFFF_FFFF
_ENCODING_OMITTED, _ENCODING_PCREL, _ENCODING_INDIRECT = 0xFF, 0x10, 0x80
_RETURN_ADDRESS = 16


@dataclass(frozen=True, slots=True)
class _Common:
    """A common information entry: what a file's function entries share."""

    code_factor: int
    data_factor: int
    return_register: int
    encoding: int
    has_augmentation: bool
    is_signal: bool
    instructions: bytes


class CallFrames:
    """The call frame information of an ELF file, both kinds: for exceptions and debuggers.

    `elf` is the file or its path.  Addresses are those the file was linked for.  A
    function compiled without it (musl's are) has no rules.  Raises ImageError if the
    file is no ELF.
    """

    def __init__(self, elf: ElfFile | Path) -> None:
        self._elf = elf if isinstance(elf, ElfFile) else ElfFile.read(elf)
        self._known: dict[int, FrameRules | None] = {}

    def rules(self, address: int) -> FrameRules | None:
        """Return the rules at an instruction, None where there are none."""
        if address not in self._known:
            self._known[address] = self._find(address)
        return self._known[address]

    def function(self, address: int) -> tuple[int, int] | None:
        """Return start and end of the function the information has for an address."""
        starts, entries = self._entries
        index = bisect_right(starts, address) - 1
        if index < 0 or address >= entries[index][1]:
            return None
        return starts[index], entries[index][1]

    def _find(self, address: int) -> FrameRules | None:
        starts, entries = self._entries
        index = bisect_right(starts, address) - 1
        if index < 0 or address >= entries[index][1]:
            return None
        _, _, common, instructions = entries[index]
        try:
            return run_rules(common.instructions, instructions, starts[index], address,
                             common.code_factor, common.data_factor, common.is_signal)
        except DwarfError:
            return None

    @cached_property
    def _entries(self) -> tuple[list[int], list[tuple[int, int, _Common, bytes]]]:
        """The functions' entries by their first address: start, end, common, instructions."""
        found: dict[int, tuple[int, int, _Common, bytes]] = {}
        # .eh_frame last: it is what the machine itself would go by.
        for name in (".debug_frame", ".eh_frame"):
            section = self._elf.section(name)
            if section is not None and not section.flags & SHF_COMPRESSED:
                data = self._elf.section_bytes(section)
                for entry in _Section(data, section.address, name == ".eh_frame").entries():
                    found[entry[0]] = entry
        starts = sorted(found)
        return starts, [found[start] for start in starts]


class _Section:
    """One section of call frame information."""

    def __init__(self, data: bytes, address: int, is_eh: bool) -> None:
        self._data, self._address, self._is_eh = data, address, is_eh
        self._commons: dict[int, _Common | None] = {}

    def entries(self) -> list[tuple[int, int, _Common, bytes]]:
        """Return the entries of functions, as far as the section can be read."""
        found: list[tuple[int, int, _Common, bytes] | None] = []
        at, size = 0, len(self._data)
        while at + 8 <= size and len(found) < MOST_ENTRIES:
            length = int.from_bytes(self._data[at:at + 4], "little")
            body, end = at + 4, at + 4 + length
            if length == _EXTENDED_LENGTH or end > size:  # (nobody has 4 GiB of it)
                break
            if length >= 4:
                mark = int.from_bytes(self._data[body:body + 4], "little")
                if mark != (0 if self._is_eh else _DEBUG_CIE):
                    with suppress(DwarfError):
                        found.append(self._entry(body, end, mark))
            at = end
        return [entry for entry in found if entry is not None]

    def _entry(self, body: int, end: int, mark: int) -> tuple[int, int, _Common, bytes] | None:
        common = self._common(body - mark if self._is_eh else mark)
        if common is None:
            return None
        reader = ByteReader(self._data, body + 4, end)
        start = self._pointer(reader, common.encoding)
        count = self._pointer(reader, common.encoding & 0x0F)
        if common.has_augmentation:
            reader.skip(reader.uleb())
        if start <= 0 or count <= 0:
            return None
        return start, start + count, common, reader.rest()

    def _pointer(self, reader: ByteReader, encoding: int) -> int:
        at = self._address + reader.position
        value = reader.encoded(encoding & 0x0F)
        if encoding & _ENCODING_INDIRECT:
            raise DwarfError("an indirect pointer")
        if encoding & 0x70 == _ENCODING_PCREL:
            value += at
        elif encoding & 0x70:
            raise DwarfError("a pointer relative to something unknown")
        return value & (1 << 64) - 1

    def _common(self, offset: int) -> _Common | None:
        if offset not in self._commons:
            try:
                self._commons[offset] = self._read_common(offset)
            except DwarfError:
                self._commons[offset] = None
        return self._commons[offset]

    def _read_common(self, offset: int) -> _Common:
        if not 0 <= offset <= len(self._data) - 8:
            raise DwarfError("an entry outside its section")
        length = int.from_bytes(self._data[offset:offset + 4], "little")
        reader = ByteReader(self._data, offset + 8, min(offset + 4 + length, len(self._data)))
        version = reader.u8()
        if version not in (1, 3, 4):
            raise DwarfError(f"version {version}")
        augmentation = reader.text()
        if version == 4:
            reader.skip(2)  # sizes of an address and of a segment selector
        code_factor, data_factor = reader.uleb(), reader.sleb()
        back = reader.u8() if version == 1 else reader.uleb()
        if back != _RETURN_ADDRESS:
            raise DwarfError(f"return address in register {back}")
        encoding, has_data = 0, augmentation.startswith("z")
        if augmentation.strip("SB") and not has_data:
            raise DwarfError(f"augmentation {augmentation!r}")
        if has_data:
            known = reader.part(reader.uleb())
            encoding = _augmentation(augmentation[1:], known)
        return _Common(code_factor, data_factor, back, encoding, has_data,
                       "S" in augmentation, reader.rest())


def _augmentation(letters: str, data: ByteReader) -> int:
    """Return how pointers to functions are encoded."""
    encoding = 0
    for letter in letters:
        if letter == "R":
            encoding = data.u8()
        elif letter == "P":
            data.encoded(data.u8() & 0x0F)
        elif letter == "L":
            data.u8()
        elif letter not in "SB":
            break
    if encoding == _ENCODING_OMITTED:
        raise DwarfError("functions without addresses")
    return encoding
