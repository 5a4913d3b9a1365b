"""Call frame information: where a function keeps its caller's registers.

Source: DWARF 5, section 6.4; System V ABI for x86-64, section 3.7 (register numbers).
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["CallFrames", "FrameRule"]

_RBP, _RSP, _RETURN_ADDRESS = 6, 7, 16


@dataclass(frozen=True, slots=True)
class FrameRule:
    """At one instruction: the frame's end is register + `offset`, where register is rbp
    if `from_rbp`, else rsp; the caller's rbp is saved at the end + `rbp_offset`, if not
    None; the return address lies in the eight bytes below the end."""

    from_rbp: bool
    offset: int
    rbp_offset: int | None


class CallFrames:
    """The call frame information of an ELF file, both kinds: for exceptions and debuggers.

    A function compiled without it (musl's are) has no rule.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[int, list[dict[Any, Any]]] = {}

    @cached_property
    def _entries(self) -> tuple[list[int], list[Any]]:
        from elftools.dwarf.callframe import FDE
        from elftools.elf.elffile import ELFFile

        found: dict[int, Any] = {}
        with self._path.open("rb") as stream:
            dwarf = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
            tables = [dwarf.CFI_entries() if dwarf.has_CFI() else [],
                      dwarf.EH_CFI_entries() if dwarf.has_EH_CFI() else []]
            for entry in (entry for table in tables for entry in table):
                if isinstance(entry, FDE):
                    found[entry.header["initial_location"]] = entry
        starts = sorted(found)
        return starts, [found[start] for start in starts]

    def rule(self, address: int) -> FrameRule | None:
        """Return the rule at an instruction, None where there is none this lab can follow."""
        starts, entries = self._entries
        index = bisect_right(starts, address) - 1
        if index < 0 or address >= starts[index] + entries[index].header["address_range"]:
            return None
        if index not in self._tables:
            self._tables[index] = entries[index].get_decoded().table
        rows = [row for row in self._tables[index] if row["pc"] <= address]
        return _rule(rows[-1]) if rows else None


def _rule(row: dict[Any, Any]) -> FrameRule | None:
    end, saved, back = row["cfa"], row.get(_RBP), row.get(_RETURN_ADDRESS)
    if end.expr is not None or end.reg not in (_RBP, _RSP):
        return None
    if back is None or back.type != "OFFSET" or back.arg != -8:
        return None
    rbp_offset = saved.arg if saved is not None and saved.type == "OFFSET" else None
    return FrameRule(end.reg == _RBP, end.offset, rbp_offset)
