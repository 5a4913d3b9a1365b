"""Who allocated and who freed each block of a heap, from books the program itself keeps.

`lab.build(…, heap_calls=True)` puts them in: images/rumpkit/heap/calls.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.mapping import memory_of
from kernel_magics.places import images_dir

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HEAP_BOOKS", "HeapCall", "HeapCalls", "heap_calls_flags"]

HEAP_BOOKS = "lab_heap_calls"

FRAMES = 3
MOST_SLOTS = 1 << 20
_HEAD = Struct("<IIQQi4x")
_CALL = np.dtype([("address", "<u8"), ("bytes", "<u8"), ("allocated", "<u8", FRAMES),
                  ("freed", "<u8", FRAMES), ("number", "<u8")])
_WRAPPED = ("malloc", "calloc", "realloc", "aligned_alloc", "free",
            "_Znwm", "_Znam", "_ZdlPv", "_ZdlPvm", "_ZdaPv")


def heap_calls_flags() -> tuple[list[str], list[str]]:
    """Return what to give the compiler and the linker so that a program keeps the books."""
    header = images_dir() / "rumpkit" / "heap" / "calls.h"
    return ["-include", str(header)], [f"-Wl,--wrap={name}" for name in _WRAPPED]


@dataclass(frozen=True)
class HeapCall:
    """One block: when it was allocated (`number` counts allocations from 1), by whom, and, if
    it was freed, by whom; places are "function (file:line)", innermost first."""

    address: int
    size_bytes: int
    number: int
    allocated: tuple[str, ...]
    freed: tuple[str, ...]

    def __repr__(self) -> str:
        end = f"\nfreed by {' ← '.join(self.freed)}" if self.freed else "\nin use"
        return (f"{self.size_bytes} bytes at {self.address:#x}, allocation {self.number} by "
                f"{' ← '.join(self.allocated)}{end}")


class HeapCalls:
    """The books of a guest's program; each access is a fresh look.

    Raises UsageError if the image was built without them.
    """

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        symbols = subject.image.symbols
        if HEAP_BOOKS not in symbols.names:
            raise UsageError(f"{subject.image.name} keeps no books about its heap",
                             next_step="build it with heap_calls=True")
        self._symbol = symbols.find(HEAP_BOOKS)

    def _read(self) -> tuple[np.ndarray, int, int]:
        ram = memory_of(self._subject)
        slots, frames, count, lost = _HEAD.unpack(
            ram.read_virtual(self._symbol.address, _HEAD.size))[:4]
        if not slots and not count:
            return np.empty(0, _CALL), 0, 0
        if frames != FRAMES or slots > MOST_SLOTS \
                or _HEAD.size + slots * _CALL.itemsize > self._symbol.size_bytes:
            raise GuestError("the books about the heap are damaged", name=self._subject.name,
                             next_step="something has overwritten lab_heap_calls")
        data = ram.read_virtual(self._symbol.address + _HEAD.size, slots * _CALL.itemsize)
        calls = np.frombuffer(data, _CALL)
        return calls[calls["address"] != 0], count, lost

    def sites(self) -> dict[int, str]:
        """Return by the address of each block in use who allocated it."""
        calls = self._read()[0]
        return {int(call["address"]): self._site(call["allocated"]) for call in calls
                if not call["freed"][0]}

    def _site(self, frames: Any) -> str:
        """Return the innermost place in the program's own files, not in a library's header."""
        places = self._places(frames)
        own = (place for place in places if "(" in place and "(/" not in place)
        return next(own, places[0])

    def at(self, address: int) -> HeapCall | None:
        """Return what is known of the block an address lies, or lay, in: who freed what a
        stale pointer leads to.  None if nothing is known; the latest of several."""
        calls = self._read()[0]
        start = calls["address"]
        inside = (start <= address) & (address < start + np.maximum(calls["bytes"], 1))
        found = calls[inside]
        return self._call(found[np.argmax(found["number"])]) if len(found) else None

    @property
    def df(self) -> pd.DataFrame:
        """A row per place that allocated: blocks and bytes in use, blocks freed again (of those
        that are still known); the most bytes in use first."""
        import pandas as pd

        calls = self._read()[0]
        rows: dict[str, list[int]] = {}
        for call in calls:
            row = rows.setdefault(self._site(call["allocated"]), [0, 0, 0])
            if call["freed"][0]:
                row[2] += 1
            else:
                row[0] += 1
                row[1] += int(call["bytes"])
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["blocks", "bytes", "freed"])
        table.index.name = "call_site"
        return table.sort_values("bytes", ascending=False)

    def _call(self, call: Any) -> HeapCall:
        freed = self._places(call["freed"]) if call["freed"][0] else ()
        return HeapCall(int(call["address"]), int(call["bytes"]), int(call["number"]),
                        self._places(call["allocated"]), freed)

    def _places(self, frames: Any) -> tuple[str, ...]:
        names = []
        for address in (int(frame) for frame in frames if frame):
            places = self._subject.image.symbols.lines(address - 1)
            names += [f"{place.function} ({place.file}:{place.line})" for place in places]
            if not places:
                found = self._subject.image.symbols.at(address - 1)
                names.append(found[0].name if found else hex(address))
        return tuple(names) or ("?",)

    def __repr__(self) -> str:
        calls, count, lost = self._read()
        used = calls[calls["freed"][:, 0] == 0]
        missed = f", {lost} not kept" if lost else ""
        return (f"{self._subject.name}: {count} allocations{missed}, {len(used)} blocks of "
                f"{int(used['bytes'].sum())} bytes in use\n{self.df.head(12)}")
