"""Where a function's body went that the compiler put into its callers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kernel_magics.inspect.images.names import plain_name

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.line_addresses import LineAddresses
    from kernel_magics.inspect.images.symbols import SymbolIndex

__all__ = ["inlined_at"]

MOST_ADDRESSES = 200_000


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
