"""ELF core files: what gdb, drgn and this lab open as the memory of something that ran.

Source: System V ABI, chapter 5, "Program Header"; Linux's elfcore.h and user_regs_struct
for the note with the registers.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kernel_magics.build.elf import EHDR, PHDR, PT_LOAD, PT_NOTE, align
from kernel_magics.errors import GuestError, ImageError
from kernel_magics.inspect.memory.ram import PAGE_BYTES

__all__ = ["CoreFile", "Load", "Note", "pack_registers", "unpack_registers", "write_core"]

ET_CORE, EM_X86_64 = 4, 62
NT_PRSTATUS = 1
MOST_SEGMENTS = 60_000
MOST_NOTE_BYTES = 256 << 20
COPY_BYTES = 1 << 20

_REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
              "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fs_base",
              "gs_base", "ds", "es", "fs", "gs")
_STATUS = struct.Struct(f"<12xhxx16x16x64x{len(_REGISTERS)}Qi4x")


@dataclass(frozen=True, slots=True)
class Load:
    """Memory in the file: `physical` addresses, seen at virtual ones."""

    virtual: int
    physical: int
    size_bytes: int
    flags: int = 6


@dataclass(frozen=True, slots=True)
class Note:
    """A note: who defines it, what it is, and its content."""

    owner: str
    kind: int
    data: bytes


def pack_registers(registers: Mapping[str, int], signal: int = 0) -> bytes:
    """Return NT_PRSTATUS's content for a processor's registers; those not named are 0."""
    values = [registers.get(name, 0) & 0xFFFF_FFFF_FFFF_FFFF for name in _REGISTERS]
    return _STATUS.pack(signal, *values, 0)


def unpack_registers(data: bytes) -> dict[str, int]:
    """Return the registers of a note's content, {} if it is none."""
    if len(data) < _STATUS.size:
        return {}
    return dict(zip(_REGISTERS, _STATUS.unpack_from(data)[1:-1], strict=True))


def write_core(stream: BinaryIO, notes: Sequence[Note], loads: Sequence[Load],
               runs: Sequence[tuple[int, int]], read: Callable[[int, int], bytes]) -> None:
    """Write a core file: RAM in `runs` (physical address, bytes) once, `loads` pointing into it.

    `read(address, size_bytes)` gives RAM.  Pages of zeroes become holes of the file.
    """
    packed = b"".join(_pack_note(note) for note in notes)
    count = 1 + len(loads)
    note_at = EHDR.size + count * PHDR.size
    data_at = align(note_at + len(packed), PAGE_BYTES)
    places, at = [], data_at
    for start, size in runs:
        places.append((start, size, at))
        at += align(size, PAGE_BYTES)
    stream.write(EHDR.pack(b"\x7fELF\2\1\1".ljust(16, b"\0"), ET_CORE, EM_X86_64, 1, 0, EHDR.size,
                           0, 0, EHDR.size, PHDR.size, count, 0, 0, 0))
    stream.write(PHDR.pack(PT_NOTE, 4, note_at, 0, 0, len(packed), 0, 4))
    for load in loads:
        stream.write(PHDR.pack(PT_LOAD, load.flags, _offset(load, places), load.virtual,
                               load.physical, load.size_bytes, load.size_bytes, PAGE_BYTES))
    stream.write(packed)
    for start, size, offset in places:
        _copy(stream, read, start, size, offset)
    stream.truncate(at)


def _offset(load: Load, places: Sequence[tuple[int, int, int]]) -> int:
    for start, size, offset in places:
        if start <= load.physical and load.physical + load.size_bytes <= start + size:
            return offset + load.physical - start
    raise ValueError(f"no RAM at {load.physical:#x}")


def _copy(stream: BinaryIO, read: Callable[[int, int], bytes], start: int, size: int,
          offset: int) -> None:
    for done in range(0, size, COPY_BYTES):
        data = read(start + done, min(COPY_BYTES, size - done))
        for at in range(0, len(data), PAGE_BYTES):
            page = data[at:at + PAGE_BYTES]
            if page.count(0) != len(page):
                stream.seek(offset + done + at)
                stream.write(page)


def _pack_note(note: Note) -> bytes:
    owner = note.owner.encode() + b"\0"
    return (struct.pack("<III", len(owner), len(note.data), note.kind)
            + owner.ljust(align(len(owner), 4), b"\0")
            + note.data.ljust(align(len(note.data), 4), b"\0"))


class CoreFile:
    """A core file: its notes, and physical memory by `read`, like a guest's RAM.

    Raises ImageError (attribute `path`) if it cannot be read, is no core file of an x86-64
    machine, or is damaged.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                self._data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "empty"
            raise self._error(f"cannot be read: {reason}") from error
        self._loads: list[tuple[int, int, int]] = []
        self.notes: list[Note] = []
        self._read_segments()
        self.size_bytes = sum(size for _, size, _ in self._ram())

    def _error(self, what: str) -> ImageError:
        return ImageError(f"{self.path} {what}", path=self.path,
                          next_step="a dump is made by guest.dump(path)")

    def _read_segments(self) -> None:
        if len(self._data) < EHDR.size or self._data[:6] != b"\x7fELF\2\1":
            raise self._error("is no dump: it is not a 64-bit ELF file")
        header = EHDR.unpack_from(self._data)
        kind, machine, at, size, count = header[1], header[2], header[5], header[9], header[10]
        if kind != ET_CORE or machine != EM_X86_64:
            raise self._error("is no dump of an x86-64 machine")
        if size != PHDR.size or count > MOST_SEGMENTS or at + count * size > len(self._data):
            raise self._error("is damaged or truncated: its program headers are not all there")
        for index in range(count):
            self._add(PHDR.unpack_from(self._data, at + index * size))

    def _add(self, segment: tuple[int, ...]) -> None:
        kind, _, offset, _, physical, size = segment[:6]
        if kind not in (PT_LOAD, PT_NOTE):
            return
        if offset + size > len(self._data):
            raise self._error(f"is truncated: {len(self._data)} bytes of {offset + size}")
        if kind == PT_LOAD:
            self._loads.append((physical, size, offset))
        elif size <= MOST_NOTE_BYTES:
            self._add_notes(self._data[offset:offset + size])

    def _add_notes(self, data: bytes) -> None:
        at = 0
        while at + 12 <= len(data):
            owner_bytes, size, kind = struct.unpack_from("<III", data, at)
            start = at + 12 + align(owner_bytes, 4)
            if start + size > len(data):
                raise self._error("is damaged: a note is longer than its segment")
            owner = data[at + 12:at + 12 + owner_bytes].rstrip(b"\0").decode("ascii", "replace")
            self.notes.append(Note(owner, kind, data[start:start + size]))
            at = start + align(size, 4)

    def _ram(self) -> list[tuple[int, int, int]]:
        """Return the loads that others do not lie in: each byte of RAM once."""
        found: list[tuple[int, int, int]] = []
        for load in sorted(self._loads, key=lambda one: (one[0], -one[1])):
            if not found or load[0] >= found[-1][0] + found[-1][1]:
                found.append(load)
        return found

    @property
    def mapping(self) -> memoryview:
        """The RAM from physical address 0 on as a buffer; what is written there is lost."""
        for start, size, offset in self._ram():
            if start == 0:
                return memoryview(self._data)[offset:offset + size]
        raise self._error("has no memory at address 0")

    def note(self, owner: str, kind: int) -> bytes | None:
        """Return the content of the first note of this owner and kind, or None."""
        return next((note.data for note in self.notes
                     if (note.owner, note.kind) == (owner, kind)), None)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory at a physical address; raises GuestError where the dump has none."""
        for start, size, offset in self._loads:
            if start <= address and 0 <= size_bytes <= start + size - address:
                at = offset + address - start
                return self._data[at:at + size_bytes]
        raise GuestError(f"{address:#x} + {size_bytes} bytes is not in the dump",
                         address=address, next_step="give an address below the end of RAM")

    def write_u64(self, address: int, value: int) -> bool:
        """Do nothing: a dump is what was."""
        return False

