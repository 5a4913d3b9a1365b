"""Source lines of code addresses, from DWARF, through drgn."""

import re
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

from kernel_magics.build.elf import PT_LOAD, ElfFile

__all__ = ["LineTable", "SourcePlace", "shown_file"]

# Above lib/libbmk_core and its like, platform/hw, and NetBSD's tree.
_UPSTREAM = re.compile(r"^.*/src-netbsd/|^.*/(?=lib/lib(?:bmk|rump|unwind|compiler)\w*/|platform/"
                       r"(?:hw|xen)/)")


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A place in a source file; `function` is what is defined there, "" if unknown."""

    file: str
    line: int
    column: int
    function: str


def shown_file(file: str) -> str:
    """Return a source file as it is told: of upstream's, where in its tree it is.

    An installed toolchain knows its sources by where they lay when it was built.
    """
    return _UPSTREAM.sub("", file) if file.startswith("/") else file


def _plain(file: str) -> str:
    """Return a path without steps that cancel each other."""
    return normpath(file) if "/.." in file else file.removeprefix("./")


class LineTable:
    """Address → source places of one image; the debugging data is read at the first look.

    `damage` says in a few words what is wrong with the debugging data, "" as far as is known.
    """

    def __init__(self, elf: ElfFile) -> None:
        self._elf = elf
        self._program: Any = None
        self._is_unreadable = False
        self.damage = ""

    def at(self, address: int) -> tuple[SourcePlace, ...]:
        """Return the places of `address`, innermost inlined function first, or ().

        Where the debugging data is damaged there are none either, and `damage` says so.
        """
        if self._is_unreadable:
            return ()
        try:
            found = self._load().source_location(address)
            return tuple(SourcePlace(_plain(one.filename), one.line, one.column,
                                     one.name() or "") for one in found if one.line)
        except LookupError:
            return ()
        except (TypeError, OverflowError):
            raise  # not the file's mistake
        except Exception as error:  # what drgn raises for damaged data has no class of its own
            self.damage = str(error).splitlines()[0] if str(error) else type(error).__name__
            self._is_unreadable = self._program is None
            return ()

    def is_inlined(self, name: str) -> bool:
        """Whether the program has a function of this name, but only as parts of others."""
        if self._is_unreadable:
            return False
        try:
            return bool(self._load().function(name).absent_)
        except LookupError:
            return False
        except Exception as error:  # see above
            self.damage = str(error).splitlines()[0] if str(error) else type(error).__name__
            return False

    def type_of(self, name: str, address: int) -> Any:
        """Return the type of the variable of a name at an address, a drgn.Type; None if there
        is no such, as far as the debugging data tells."""
        if self._is_unreadable:
            return None
        try:
            found = self._load().variable(name)
            return found.type_ if found.address_ == address else None
        except LookupError:
            return None
        except Exception as error:  # see above
            self.damage = str(error).splitlines()[0] if str(error) else type(error).__name__
            return None

    def _load(self) -> Any:
        if self._program is None:
            import drgn

            loads = [one for one in self._elf.segments if one.type == PT_LOAD]
            program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
            module = program.extra_module(self._elf.path.name, create=True)
            module.address_range = (min(one.virtual_address for one in loads),
                                    max(one.virtual_address + one.memory_bytes
                                        for one in loads))
            # Not searched for elsewhere: the file is the one the guest was booted from.
            module.try_file(str(self._elf.path))
            self._program = program
        return self._program
