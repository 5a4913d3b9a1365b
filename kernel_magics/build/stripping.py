"""A copy of an image without what only debuggers read."""

from kernel_magics.build.elf import EHDR, PHDR, PT_LOAD, SHDR, ElfFile, align

__all__ = ["strip"]


def strip(data: bytes) -> bytes:
    """Return an ELF file without symbols and debugging data, at unchanged offsets.

    Everything a loader needs stays byte for byte where it was, and so do the headers of
    loaded sections, from which bytes per layer are read.  Done here rather than by a
    strip process, which would cost a tenth of a small build.
    Raises ImageError if `data` is not an x86-64 ELF file.
    """
    elf = ElfFile(data)
    end = max((segment.offset + segment.file_bytes for segment in elf.segments
               if segment.type == PT_LOAD), default=EHDR.size)
    end = max(end, elf.segment_offset + len(elf.segments) * PHDR.size)
    kept = [section for section in elf.sections if section.is_loaded]
    names = b"\0" + b"".join(section.name.encode() + b"\0" for section in kept) + b".shstrtab\0"
    table_offset = align(end + len(names), 8)
    rows = [SHDR.pack(*[0] * 10)]
    name_at = 1
    for section in kept:
        rows.append(SHDR.pack(name_at, section.type, section.flags, section.address,
                              section.offset, section.size, 0, 0, section.alignment,
                              section.entry_size))
        name_at += len(section.name.encode()) + 1
    rows.append(SHDR.pack(name_at, 3, 0, 0, end, len(names), 0, 0, 1, 0))
    header = list(EHDR.unpack_from(data))
    header[6], header[12], header[13] = table_offset, len(rows), len(rows) - 1
    body = (data[:end] + names).ljust(table_offset, b"\0") + b"".join(rows)
    return EHDR.pack(*header) + body[EHDR.size:]
