"""Where a guest is stopped in any case: where it panics, and where a recording ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel_magics.errors import LabError

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.places import Places

__all__ = ["KnownEnds"]

REASON_BYTES = 256
Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class _End:
    """A function with which a guest ends: `text` is the register that points to its reason, ""
    if there is none; `place` and `address` those of the instruction and what it accessed.
    With `needs_text` it is a panic only if there is a reason, else an orderly end."""

    function: str
    text: str = ""
    place: str = ""
    address: str = ""
    is_panic: bool = True
    needs_text: bool = False


# By kit.  void bmk_panic(kind, signal, trap, fault_address, reason) of images/rumpkit/bmk;
# cpu_fattrap(name, rip, cr2) and bmk_platform_halt(panicstring) of upstream's platform/hw.
_ENDS = {
    "rumprun": (_End("cpu_fattrap", "rdi", "rsi", "rdx"),
                _End("bmk_platform_halt", "rdi", needs_text=True)),
}
_RUMPKIT = (_End("bmk_panic", "r8"), _End("bmk_exit", is_panic=False))


class KnownEnds:
    """The ends of one image; `is_replay` says that also an orderly one stops the guest.

    `addresses` are the instructions that a guest is to be stopped at.
    """

    def __init__(self, places: Places, is_replay: bool) -> None:
        self._is_replay = is_replay
        self._ends: dict[int, _End] = {}
        for one in _ENDS.get(places.image.kit, _RUMPKIT):
            address = _address_of(places, one.function)
            if address and (one.is_panic or is_replay):
                self._ends[address] = one
        self.addresses = set(self._ends)

    def reason(self, address: int, registers: Mapping[str, int], read: Read,
               name_of: Callable[[int], str]) -> tuple[str, tuple[()], str] | None:
        """Return reason and note if the guest panics at an address, or its recording ends.

        `read(address, size_bytes)` reads its memory; `name_of` is a symbol's.
        """
        one = self._ends[address]
        if one.is_panic and (registers[one.text] or not one.needs_text):
            return "panic", (), _note(one, registers, read, name_of)
        if not self._is_replay:
            return None
        return "end", (), "reverse_step and reverse_cont go back from here"


def _note(one: _End, registers: Mapping[str, int], read: Read,
          name_of: Callable[[int], str]) -> str:
    try:
        told = read(registers[one.text], REASON_BYTES).split(b"\0")[0].decode("utf-8", "replace")
    except (LabError, OSError, ValueError):
        told = ""
    if not one.place:
        return told
    place = registers[one.place]
    return (f"{told} at {name_of(place) or hex(place)}, address "
            f"{registers[one.address]:#x}")


def _address_of(places: Places, name: str) -> int:
    try:
        return places.image.symbols.find(name).address
    except LabError:
        return 0
