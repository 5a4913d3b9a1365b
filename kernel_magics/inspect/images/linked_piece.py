"""A stretch of an image that came from one object."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RUNTIME", "LinkedPiece", "is_temporary", "split_member"]

RUNTIME = "rumpkit.o"
"""The archive that the objects of rumpkit's runtime are said to be of."""

_MEMBER = re.compile(r"^(.*)\(([^()]+)\)$")
_COMPILED = re.compile(r"(?:^|/)cc\w{6}(?:\.ltrans\d+\.ltrans)?\.o$")


@dataclass(frozen=True, slots=True)
class LinkedPiece:
    """A stretch of the image from one object: `archive` is "libc.a", "rumpkit.o" or "" for
    an object given by itself; `object` is "printf.lo", "vfs/file.o" or "hello.c"; `section` is
    where it is in the image, `input_section` what that stretch was called in the object."""

    address: int
    size_bytes: int
    section: str
    archive: str
    object: str
    input_section: str = ""

    @property
    def named(self) -> str:
        """Archive and object in one word, as the linker writes them: "libc.a(printf.lo)"."""
        if not self.archive or self.archive == RUNTIME:
            return self.object
        return f"{self.archive}({self.object})"


def split_member(name: str) -> tuple[str, str]:
    """Return (archive, object) of a name as the linker writes it: "folder/libc.a(printf.lo)"."""
    member = _MEMBER.match(name)
    return (Path(member[1]).name, member[2]) if member else ("", Path(name).name)


def is_temporary(name: str) -> bool:
    """Whether an object is one that the compiler driver made for itself and deleted."""
    return bool(_COMPILED.search(name))
