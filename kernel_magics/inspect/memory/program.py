"""A guest as a drgn.Program: types and variables of its own DWARF, over its RAM.

Source: drgn's documentation, "Program.add_memory_segment" and "Modules";
images/rumpkit/bmk/map.c for what the addresses mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.errors import GuestError, ImageError
from kernel_magics.inspect.images.plain_dwarf import try_file
from kernel_magics.inspect.memory.mapping import (
    DIRECT_BASE,
    DIRECT_END,
    is_identity_mapped,
    memory_of,
)

if TYPE_CHECKING:
    import drgn

__all__ = ["DIRECT_BASE", "has_types", "process_program", "program_of", "without_memory"]

_ALL_ADDRESSES = (1 << 64) - 1
_MEMORY = "kernel_magics.memory"  # in drgn's cache of a program


def program_of(subject: Any, page_table: int | None = None) -> drgn.Program:
    """Return drgn's view of a subject: symbols, types, and its memory as it is now.

    `subject` is a Guest or a dump.  `page_table` is the physical address of the level-4
    table of the process whose memory is meant, by default whichever is in use at each read.
    The runtime's own memory is the same in all of them.  One program is made per table and
    kept with the subject.  Reads are of live RAM; one that is not mapped raises
    drgn.FaultError.  An image without debugging information gives a program without types:
    see `has_types`.  Raises ImageError if the image's file is damaged or gone.
    """
    made: dict[int | None, drgn.Program] = vars(subject).setdefault("_programs", {})
    if page_table not in made:
        made[page_table] = _program(subject, page_table)
    return made[page_table]


def has_types(subject: Any) -> bool:
    """Whether the subject's image has the debugging information of the runtime.

    Without it there are no types, no variables and no probes of the runtime's structures;
    symbols may be there, and what the lab header says is.
    """
    try:
        program_of(subject).type("struct bmk_thread")
    except LookupError:
        return False
    return True


def _program(subject: Any, page_table: int | None) -> drgn.Program:

    elf = ElfFile.read(subject.image.path)
    loads = [one for one in elf.segments if one.type == PT_LOAD]
    start = min((one.virtual_address for one in loads), default=0)
    end = max((one.virtual_address + one.memory_bytes for one in loads), default=0)
    if start >= end:
        raise ImageError(f"{elf.path} has no segment to load", path=elf.path,
                         next_step="build the image again")
    program = _over(_Memory(subject, page_table, start, end))
    module = program.extra_module(elf.path.name, create=True)
    module.address_range = (start, end)
    try:
        # Not searched for elsewhere: the file is the one the guest was booted from.
        try_file(module, elf.path)
    except Exception as error:  # (drgn raises plain Exception for what libelf refuses)
        raise ImageError(f"{elf.path}: its debugging information cannot be read: {error}",
                         path=elf.path, next_step="build the image again") from error
    return program


def process_program(subject: Any, page_table: int) -> drgn.Program:
    """Return drgn's view of a process's memory, as yet without any symbols or types.

    What is added to it is the process's own: its variables and types may be called like the
    runtime's.  One program is made per table and kept with the subject.
    """
    made: dict[int, drgn.Program] = vars(subject).setdefault("_process_programs", {})
    if page_table not in made:
        made[page_table] = _over(_Memory(subject, page_table, 0, 0))
    return made[page_table]


@contextmanager
def without_memory(program: drgn.Program) -> Iterator[None]:
    """Have nothing of a program's memory be read: as if none of it were mapped."""
    memory: _Memory = program.cache[_MEMORY]
    memory.is_hidden = True
    try:
        yield
    finally:
        memory.is_hidden = False


def _over(memory: _Memory) -> drgn.Program:
    import drgn

    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    program.cache[_MEMORY] = memory
    program.add_memory_segment(0, _ALL_ADDRESSES, memory.read)
    program.add_memory_segment(0, _ALL_ADDRESSES, memory.read, True)
    return program


class _Memory:
    """What drgn reads through: virtual and physical addresses of a subject."""

    def __init__(self, subject: Any, page_table: int | None, start: int, end: int) -> None:
        self._subject = subject
        self._page_table = page_table
        self._image = range(start, end)
        self._is_identity = is_identity_mapped(subject)
        self.is_hidden = False

    def read(self, address: int, count: int, _offset: int, physical: bool) -> bytes:
        import drgn

        if self.is_hidden:
            raise drgn.FaultError("not to be read now", address)
        try:
            return self._physical(address, count) if physical else self._virtual(address, count)
        except GuestError as error:
            raise drgn.FaultError(error.message, getattr(error, "address", address)) from None

    def _physical(self, address: int, count: int) -> bytes:
        return bytes(self._subject.ram.read(address, count))

    def _virtual(self, address: int, count: int) -> bytes:
        if self._is_identity:
            return memory_of(self._subject).read_virtual(address, count)
        # The runtime's own addresses need no tables, which may be half written just now.
        if DIRECT_BASE <= address < DIRECT_END:
            return self._physical(address - DIRECT_BASE, count)
        if self._page_table is None and address in self._image \
                and address + count <= self._image.stop:
            return self._physical(address, count)
        return memory_of(self._subject, self._page_table or 0).read_virtual(address, count)
