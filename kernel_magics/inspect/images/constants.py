"""Constants of an image that have no symbol: the texts that its code points to."""

from kernel_magics.build.elf import SHT_NOBITS, ElfFile, Section

__all__ = ["string_at"]

LONGEST_SHOWN = 60
LONGEST_STRING = 4096
_WRITABLE, _EXECUTABLE = 1, 4
_PRINTABLE = frozenset([*range(0x20, 0x7F), 0x09, 0x0A, 0x0D, 0x1B])


def string_at(elf: ElfFile, section: Section, address: int) -> str:
    """Return the text constant at an address as C writes it, in quotes; "" if there is none.

    Only constants count, and of those only what is printable and ends with a zero byte.
    """
    if section.flags & (_WRITABLE | _EXECUTABLE) or section.type == SHT_NOBITS:
        return ""
    start = section.offset + address - section.address
    data = elf.data[start:min(start + LONGEST_STRING, section.offset + section.size)]
    end = data.find(b"\0")
    if end < 1 or not _PRINTABLE.issuperset(data[:end]):
        return ""
    text = data[:end].decode("ascii")
    shown = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN - 1] + "…"
    return '"' + shown.encode("unicode_escape").decode().replace("\\u2026", "…") \
        .replace('"', '\\"') + '"'
