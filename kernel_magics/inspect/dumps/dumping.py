"""Writing a guest to a file, from which it can be looked at later: `guest.dump(path)`."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

from kernel_magics.boot.abi import PANIC_MAGIC, REGISTERS, Panic, State
from kernel_magics.boot.ram import HIGH_ADDRESS, LOW_BYTES
from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.errors import GuestError, HostError, LabError, UsageError
from kernel_magics.inspect.dumps.core_file import (
    NT_PRSTATUS,
    Load,
    Note,
    pack_registers,
    write_core,
)
from kernel_magics.inspect.dumps.dump import (
    NOTE_CONSOLE,
    NOTE_FACTS,
    NOTE_IMAGE,
    NOTE_OWNER,
    VERSION,
    Dump,
    open_dump,
)
from kernel_magics.inspect.memory.mapping import DIRECT_BASE, is_identity_mapped
from kernel_magics.inspect.memory.page_tables import PageTables

__all__ = ["dumper", "write_dump"]

MOST_APPLICATION_LOADS = 4096
CONSOLE_BYTES = 1 << 20
APPLICATION_END = 1 << 47
_PANIC_BYTES = len(bytes(Panic()))
_EVERYTHING = 7  # read, write, execute: a program header's flags


def dumper(guest: Any) -> Any:
    """Return `guest.dump`, the function that writes this guest's dump."""
    def dump(path: str | Path) -> Dump:
        """Write all of the guest's RAM, its registers and its image to a file, and open it.

        A running guest is paused meanwhile; one that has ended is dumped as it ended.  The
        file is an ELF core file, which gdb and drgn open as well; pages of zeroes take no
        space.  Raises UsageError for a path that cannot be written, HostError if the disk is
        full, GuestError if the guest's RAM is gone.
        """
        return write_dump(guest, Path(path).absolute())
    return dump


def write_dump(guest: Any, path: Path) -> Dump:
    """Write a guest's dump; see `dumper`."""
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise UsageError(f"{path} {what}", next_step="give the path of a file to write")
    state = guest.state
    if state == "running":
        guest.pause()
    try:
        _write(guest, path, state)
    finally:
        if state == "running":
            guest.resume()
    return open_dump(path)


def _write(guest: Any, path: Path, state: str) -> None:
    registers, signal = _registers(guest, state)
    notes = [Note("CORE", NT_PRSTATUS, pack_registers(registers, signal))] if registers else []
    notes += _notes(guest, state)
    runs = _runs(guest.ram.size_bytes)
    loads = _loads(guest, runs, registers)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-",
                                         delete=False) as stream:
            try:
                write_core(cast(BinaryIO, stream), notes, loads, runs, guest.ram.read)
                os.replace(stream.name, path)
            except BaseException:
                os.unlink(stream.name)
                raise
    except OSError as error:
        raise HostError(f"the dump cannot be written to {path}: {error.strerror}",
                        next_step="give a path on a disk with room for "
                                  f"{guest.ram.size_bytes >> 20} MiB") from error


def _runs(ram_bytes: int) -> list[tuple[int, int]]:
    """Return where a machine's RAM lies, by physical address."""
    low = min(ram_bytes, LOW_BYTES)
    return [(0, low), *([(HIGH_ADDRESS, ram_bytes - low)] if ram_bytes > low else [])]


def _registers(guest: Any, state: str) -> tuple[dict[str, int], int]:
    """Return the processor's registers, and the signal that ended the guest; {} if unknown."""
    if state == "panicked" and guest.record.header_address is not None:
        header = guest.header
        record = Panic.from_buffer_copy(guest.ram.read(header.panic_address, _PANIC_BYTES))
        if header.state == State.PANICKED and record.magic == PANIC_MAGIC:
            values = dict(zip(REGISTERS, record.registers, strict=True))
            return (values if any(values.values()) else {}), min(record.signal, 127)
    try:
        return dict(guest.registers or {}), 0
    except LabError:
        return {}, 0


def _notes(guest: Any, state: str) -> list[Note]:
    data = guest.image.path.read_bytes()
    facts = {"version": VERSION, "name": guest.name, "uuid": guest.uuid, "state": state,
             "exit_status": guest.exit_status, "made_at": time.time(),
             "image": {"path": str(guest.image.path), "name": guest.image.name,
                       "sha256": hashlib.sha256(data).hexdigest(),
                       "header_address": guest.image.header_address,
                       "kit": guest.record.kit}}
    text = guest.console.text.encode("utf-8", "replace")[-CONSOLE_BYTES:]
    return [Note(NOTE_OWNER, NOTE_FACTS, json.dumps(facts).encode()),
            Note(NOTE_OWNER, NOTE_CONSOLE, text),
            Note(NOTE_OWNER, NOTE_IMAGE, zlib.compress(data, 1))]


def _loads(guest: Any, runs: list[tuple[int, int]], registers: dict[str, int]) -> list[Load]:
    """Return RAM as the runtime sees it, the image where it was linked, and what the process
    that ran had mapped; only the first is sure to be there.  A guest that maps its RAM one to
    one has that alone."""
    if is_identity_mapped(guest):
        return [Load(start, start, size, _EVERYTHING) for start, size in runs]
    loads = [Load(DIRECT_BASE + start, start, size) for start, size in runs]
    last = runs[-1][0] + runs[-1][1]
    for segment in ElfFile.read(guest.image.path).segments:
        start = segment.virtual_address & ~0xFFF
        size = segment.virtual_address + segment.memory_bytes - start
        if segment.type == PT_LOAD and size > 0 and start + size <= runs[0][1]:
            loads.append(Load(start, start, size, segment.flags & 7))
    try:
        root = registers.get("cr3") or guest.header.page_table_address
    except GuestError:
        return loads
    image_end = max((load.virtual + load.size_bytes for load in loads[len(runs):]), default=0)
    parts = PageTables(guest.ram.read, root).ranges(image_end, APPLICATION_END) if root else []
    loads += [Load(part.start, part.physical, part.size_bytes)
              for part in parts[:MOST_APPLICATION_LOADS]
              if part.start >= image_end and any(
                  start <= part.physical and part.physical + part.size_bytes <= start + size
                  for start, size in runs) and part.physical < last]
    return loads

