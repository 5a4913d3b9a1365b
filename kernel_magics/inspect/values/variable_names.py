"""The names of variables: as the source has them, C++'s too, and in which file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel_magics.inspect.images.symbol import Symbol

__all__ = ["shown_name", "split_name"]

# Between a file and a name is one colon; between a namespace and a name are two.
_FILE = re.compile(r"(?<!:):(?!:)")
_MADE = ("typeinfo ", "vtable for ", "VTT for ", "guard variable for ", "construction vtable ",
         "covariant return thunk ", "non-virtual thunk ", "reference temporary ")
_LINKERS = frozenset(("_GLOBAL_OFFSET_TABLE_", "_DYNAMIC", "__dso_handle", "DW.ref."
                      "__gxx_personality_v0"))
_TAG = re.compile(r"\[abi:\w+\]")


def split_name(wanted: str) -> tuple[str, str]:
    """Return file and name of "file.c:name", "" and the name of one without a file."""
    *files, name = _FILE.split(wanted)
    return ":".join(files), name


def shown_name(symbol: Symbol) -> str:
    """Return how the source calls a variable, "" for what the compiler or the linker made."""
    name = symbol.demangled
    if name.startswith(_MADE) or name in _LINKERS:
        return ""
    return _TAG.sub("", name)
