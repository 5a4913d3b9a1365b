"""Where a function's body went that the compiler put into its callers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError
from kernel_magics.inspect.images.names import plain_name

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.line_addresses import LineAddresses
    from kernel_magics.inspect.images.symbols import SymbolIndex

__all__ = ["inlined_at", "is_named"]

MOST_ADDRESSES = 200_000


def is_named(path: Path, name: str) -> bool:
    """Return whether an image's debugging information has a name at all.

    To look for it among the lines of thousands of files, as of a Rumprun image, takes a minute.
    """
    wanted = name.rpartition("::")[2].encode() + b"\0"
    try:
        elf = ElfFile.read(path)
        sections = [elf.section(".debug_str"), elf.section(".debug_info")]
        return any(wanted in elf.section_bytes(section) for section in sections if section)
    except ImageError:
        return False


def inlined_at(name: str, files: Iterable[str], lines: LineAddresses,
               symbols: SymbolIndex) -> list[int]:
    """Return the first address of each place where a function was inlined.

    `files` are the sources that its lines may be of.  A place is known by its caller and the
    line of the call: the compiler mixes the instructions of both, and a stop is wanted once.
    """
    found: dict[tuple[object, ...], int] = {}
    statements = sorted({address for file in files for address in lines.statements(file)})
    for address in statements[:MOST_ADDRESSES]:
        places = symbols.lines(address)
        for depth, place in enumerate(places[:-1]):
            if plain_name(place.function) == name:
                caller = symbols.at(address)
                call = tuple((one.file, one.line, one.column) for one in places[depth + 1:])
                found.setdefault((caller[0].address if caller else 0, call), address)
                break
    return sorted(found.values())
