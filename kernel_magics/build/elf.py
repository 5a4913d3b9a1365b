"""The ELF file format as far as guest images use it: read and check.

It reads x86-64 ELF64 only, straight from the bytes: an image is parsed for
every build and every cell that shows one, and a damaged file must end in a sentence,
not in an exception of a library.  Field names are those of the specification.

Source: System V ABI, chapters 4 and 5; xen/include/public/elfnote.h for the PVH note;
Multiboot specification 0.6.96, section 3.1.
"""

import errno
import os
import stat
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kernel_magics.errors import ImageError

__all__ = ["ElfFile", "Note", "Section", "Segment", "align"]

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
PT_LOAD, PT_INTERP, PT_NOTE = 1, 3, 4
SHT_RELA, SHT_NOTE, SHT_NOBITS, SHF_ALLOC = 4, 7, 8, 2
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_X86_64 = 62
MACHINES = {3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC 64", 22: "S/390", 40: "ARM",
            62: "x86-64", 183: "AArch64", 243: "RISC-V", 258: "LoongArch"}
XEN_NOTE_PHYS32_ENTRY = 18
MULTIBOOT_MAGIC, MULTIBOOT_SEARCH_BYTES = 0x1BADB002, 8192
# More than any guest has; what a damaged or hostile file claims must not fill the memory.
MOST_FILE_BYTES, LONGEST_NAME = 1 << 30, 1024
MOST_NOTES, MOST_NOTE_BYTES = 4096, 16 << 20
_NEXT_STEP = "give the path of an image that lab.build made, or of a PVH or multiboot kernel"


@dataclass(frozen=True, slots=True)
class Section:
    """One section header; `address`, `offset` and `size` in bytes."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def is_loaded(self) -> bool:
        """Whether the section takes up memory in the running guest."""
        return bool(self.flags & SHF_ALLOC)


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header; addresses, offset and sizes in bytes."""

    type: int
    flags: int
    offset: int
    virtual_address: int
    physical_address: int
    file_bytes: int
    memory_bytes: int
    alignment: int


@dataclass(frozen=True, slots=True)
class Note:
    """One ELF note: who defined it, its type in the owner's numbering, its contents."""

    owner: str
    type: int
    data: bytes


class ElfFile:
    """A parsed x86-64 ELF file.

    Parameters: `data`, the file's bytes; `path`, its name for messages.
    Raises ImageError (attribute `path`) if it is no ELF, another machine's, or damaged.
    """

    def __init__(self, data: bytes, path: Path | str = "image") -> None:
        self.data = data
        self.path = Path(path)
        self._check_identity()
        header = EHDR.unpack_from(data)
        self.type, self.machine, self.entry = header[1], header[2], header[4]
        if self.machine != EM_X86_64:
            found = MACHINES.get(self.machine, f"machine {self.machine}")
            raise self._error(f"is for {found}; the lab boots x86-64 guests")
        (self.segment_offset, self._section_offset, self.flags, _, segment_size,
         self._segment_count, section_size, self._section_count,
         self._name_section) = header[5:]
        self._check_table("program header", self.segment_offset, self._segment_count,
                          segment_size, PHDR.size)
        self._check_table("section header", self._section_offset, self._section_count,
                          section_size, SHDR.size)
        self.segments = self._read_segments()

    @classmethod
    def read(cls, path: Path | str) -> "ElfFile":
        """Read and parse the file at `path`; raises ImageError if that is not possible."""
        try:
            return cls(_file_bytes(Path(path)), path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImageError(f"cannot read {path}: {reason}", path=Path(path),
                             next_step="check the path and its permissions") from error

    def _error(self, what: str) -> ImageError:
        return ImageError(f"{self.path} {what}", next_step=_NEXT_STEP, path=self.path)

    def _check_identity(self) -> None:
        identity = self.data[:16]
        if not identity:
            raise self._error("is empty")
        if identity[:4] != b"\x7fELF":
            raise self._error("is not an ELF file")
        if len(self.data) < EHDR.size:
            raise self._error(f"is truncated: {len(self.data)} bytes, less than an ELF header")
        if identity[4] != 2:
            raise self._error("is a 32-bit ELF file; the lab boots 64-bit ones")
        if identity[5] != 1:
            raise self._error("is a big-endian ELF file; the lab boots x86-64 guests")

    def _check_table(self, what: str, offset: int, count: int, size: int, expected: int) -> None:
        if count and size != expected:
            raise self._error(f"is damaged: {what} entries of {size} bytes, not {expected}")
        if count and offset + count * size > len(self.data):
            raise self._error(f"is truncated: {len(self.data)} bytes, but its {what} table "
                              f"ends at byte {offset + count * size}")

    def _read_segments(self) -> tuple[Segment, ...]:
        segments = tuple(
            Segment(*PHDR.unpack_from(self.data, self.segment_offset + index * PHDR.size))
            for index in range(self._segment_count))
        for segment in segments:
            if segment.type in (PT_LOAD, PT_NOTE):
                self._check_range("a segment", segment.offset, segment.file_bytes)
        return segments

    def _check_range(self, what: str, offset: int, size: int) -> None:
        if offset + size > len(self.data):
            raise self._error(f"is truncated: {len(self.data)} bytes, but {what} "
                              f"ends at byte {offset + size}")

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Every section in file order; the first one of a linked file has no name."""
        rows = [SHDR.unpack_from(self.data, self._section_offset + index * SHDR.size)
                for index in range(self._section_count)]
        for row in rows:
            if row[1] != SHT_NOBITS:
                self._check_range("a section", row[4], row[5])
        if not rows:
            return ()
        if self._name_section >= len(rows):
            raise self._error("is damaged: its section names are in a section it has not")
        names = self._bytes(rows[self._name_section][4], rows[self._name_section][5])
        return tuple(self._section(row, names) for row in rows)

    def _section(self, row: tuple[int, ...], names: bytes) -> Section:
        end = names.find(b"\0", row[0], row[0] + LONGEST_NAME)
        name = names[row[0]:end if end >= 0 else row[0] + LONGEST_NAME].decode("utf-8", "replace")
        return Section(name, *row[1:])

    def _bytes(self, offset: int, size: int) -> bytes:
        return self.data[offset:offset + size]

    def section(self, name: str) -> Section | None:
        """Return the first section called `name`, or None."""
        return next((section for section in self.sections if section.name == name), None)

    def section_at(self, address: int) -> Section | None:
        """Return the loaded section that covers an address of the running guest, or None."""
        return next((section for section in self.sections if section.is_loaded
                     and 0 <= address - section.address < section.size), None)

    def section_bytes(self, section: Section) -> bytes:
        """Return a section's contents in the file; nothing for .bss and its kind."""
        return b"" if section.type == SHT_NOBITS else self._bytes(section.offset, section.size)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """The notes of all PT_NOTE segments."""
        found: list[Note] = []
        segments = [segment for segment in self.segments if segment.type == PT_NOTE]
        if sum(segment.file_bytes for segment in segments) > MOST_NOTE_BYTES:
            raise self._error(f"is damaged: it has more than {MOST_NOTE_BYTES} bytes of notes")
        for segment in segments:
            if segment.file_bytes:
                data = self._bytes(segment.offset, segment.file_bytes)
                # gABI: 4-byte aligned, but for the rare note segment aligned to 8.
                found += self._parse_notes(data, 8 if segment.alignment == 8 else 4)
                if len(found) > MOST_NOTES:
                    raise self._error(f"is damaged: it has more than {MOST_NOTES} notes")
        return tuple(found)

    def section_notes(self, name: str) -> list[Note]:
        """Return the notes in a section, none if there is no such section.

        Objects that are not linked yet have no segments, only sections.
        """
        section = self.section(name)
        return self._parse_notes(self.section_bytes(section), 4) if section else []

    def _parse_notes(self, data: bytes, alignment: int) -> list[Note]:
        notes, at = [], 0
        while at + 12 <= len(data):
            name_bytes, data_bytes, kind = struct.unpack_from("<III", data, at)
            start = align(at + 12 + name_bytes, alignment)
            if start + data_bytes > len(data):
                raise self._error("is damaged: a note is longer than its segment")
            owner = data[at + 12:at + 12 + name_bytes].rstrip(b"\0").decode("ascii", "replace")
            notes.append(Note(owner, kind, data[start:start + data_bytes]))
            at = align(start + data_bytes, alignment)
            if len(notes) > MOST_NOTES:
                break
        return notes

    def note(self, owner: str, kind: int) -> bytes | None:
        """Return the contents of the first note of this owner and type, or None."""
        return next((note.data for note in self.notes
                     if (note.owner, note.type) == (owner, kind)), None)

    @property
    def boot_protocol(self) -> str:
        """How a loader starts it: "pvh", "multiboot", or "" for a file that is no guest."""
        if self.note("Xen", XEN_NOTE_PHYS32_ENTRY) is not None:
            return "pvh"
        return "multiboot" if self._has_multiboot_header() else ""

    def _has_multiboot_header(self) -> bool:
        head = self.data[:MULTIBOOT_SEARCH_BYTES]
        at = head.find(struct.pack("<I", MULTIBOOT_MAGIC))
        while 0 <= at <= len(head) - 12:
            if at % 4 == 0 and sum(struct.unpack_from("<III", head, at)) % 2**32 == 0:
                return True
            at = head.find(struct.pack("<I", MULTIBOOT_MAGIC), at + 1)
        return False

    def check_guest(self) -> None:
        """Raise ImageError, saying what the file is instead, unless a machine can boot it."""
        if self.boot_protocol:
            return
        if self.type == ET_REL:
            raise self._error("is an object file, not a linked guest image")
        if self.type == ET_CORE:
            raise self._error("is a core dump, not a guest image")
        if self.section("__xen_guest") or any(note.owner == "Xen" for note in self.notes):
            raise ImageError(f"{self.path} is a guest for paravirtual Xen, and the lab boots "
                             "machines", path=self.path,
                             next_step="bake the program for one: rumprun-bake hw_virtio")
        if not any(segment.type == PT_LOAD for segment in self.segments):
            raise self._error("has nothing to load, it is not a guest image")
        kind = "library or program" if self.type == ET_DYN else "program"
        raise self._error(f"is a host {kind}, not a guest image: "
                          "it has neither a PVH note nor a multiboot header")


def _file_bytes(path: Path) -> bytes:
    """Return a file's contents; OSError for a device or pipe, and for one that is too large."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if status.st_size > MOST_FILE_BYTES:
        raise OSError(errno.EFBIG, f"{status.st_size} bytes, more than an image may have")
    with path.open("rb") as stream:
        return stream.read(status.st_size)


def align(value: int, alignment: int) -> int:
    """Return `value` rounded up to a multiple of `alignment`, a power of two."""
    return (value + alignment - 1) & -alignment
