"""Whose memory an address is, for a panic report: heap, stack, mapped file …"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.regions import Region

__all__ = ["GuestRegions"]

# Everything is in the runtime's own view of all RAM: that says nothing.
_SAYS_NOTHING = frozenset({"direct map"})
_WORDS = {"anonymous": "anonymous memory", "file": "a mapped file", "shared": "a shared mapping",
          "archive": "the root archive", "stack": "the stack", "heap": "the heap",
          "guard": "a guard page"}


class GuestRegions:
    """The memory map of a guest, read when first asked for; empty without a guest."""

    def __init__(self, guest: Any) -> None:
        self._guest = guest

    @cached_property
    def _regions(self) -> list[Region]:
        if self._guest is None:
            return []
        try:
            return [one for one in self._guest.memory.regions() if one.kind not in _SAYS_NOTHING]
        except (LabError, LookupError, ValueError):
            return []

    def told(self, address: int) -> str:
        """Return what holds an address, in words; "" if nothing that is known does."""
        holding = [one for one in self._regions if one.start <= address < one.end]
        if not holding:
            return ""
        found = min(holding, key=lambda one: one.end - one.start)
        detail = f": {found.detail}" if found.detail else ""
        return f"in {_WORDS.get(found.kind, found.kind)} of {found.owner}{detail}"
