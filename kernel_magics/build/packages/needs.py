"""Which files of the packages a program needs to start, by what its ELF headers say.

Source: System V ABI, chapter 5 (dynamic section); ld.so(8), "search order".
"""

import io
import posixpath
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from stat import S_ISREG

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from kernel_magics.build.packages.tree import RootTree

__all__ = ["ElfNeeds", "LIBRARY_FOLDERS", "elf_needs", "needed_paths"]

MULTIARCH = "x86_64-linux-gnu"
LIBRARY_FOLDERS = (f"usr/lib/{MULTIARCH}", "usr/lib", "usr/lib64")
# Files beside a library that it opens itself: glibc unwinds with libgcc_s for pthread_cancel,
# and iconv(3) knows few character sets without the modules in gconv (the others are large).
_OPENED_BY = {"libc.so.6": (
    "libgcc_s.so.1", "gconv/gconv-modules", "gconv/gconv-modules.cache",
    *(f"gconv/{name}.so" for name in ("ISO8859-1", "ISO8859-15", "UTF-16", "UTF-32")))}


@dataclass(slots=True)
class ElfNeeds:
    """What an ELF file asks of its loader: names of libraries, where to look, its loader."""

    libraries: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    loader: str = ""
    machine: str = ""


def elf_needs(data: bytes) -> ElfNeeds | None:
    """Return what an ELF file needs, None if `data` is something else or damaged."""
    if data[:4] != b"\x7fELF":
        return None
    found = ElfNeeds()
    try:
        elf = ELFFile(io.BytesIO(data))
        found.machine = elf["e_machine"]
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_INTERP":
                found.loader = segment.get_interp_name()  # type: ignore[attr-defined]
            elif segment["p_type"] == "PT_DYNAMIC":
                _read_dynamic(segment, found)
    except (ELFError, AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return None  # what pyelftools makes of a damaged file, or of another use of the format
    return found


def _read_dynamic(segment: object, found: ElfNeeds) -> None:
    for tag in segment.iter_tags():  # type: ignore[attr-defined]
        if tag.entry.d_tag == "DT_NEEDED":
            found.libraries.append(tag.needed)
        elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            text = getattr(tag, "rpath", "") or getattr(tag, "runpath", "")
            found.folders += text.split(":")


def needed_paths(tree: RootTree, roots: Iterable[str]) -> tuple[set[str], dict[str, str]]:
    """Return what loading the files at `roots` opens, links on the way included.

    The second result maps a library that is not in the tree to the file that asks for it.
    """
    kept: set[str] = set()
    missing: dict[str, str] = {}
    todo = deque(roots)
    seen: set[str] = set()
    while todo:
        path = todo.popleft()
        kept |= _way(tree, path)
        real = tree.resolve(path)
        node = tree.nodes.get(real) if real is not None else None
        if node is None or real is None or real in seen or not S_ISREG(node.mode):
            continue
        seen.add(real)
        needs = elf_needs(node.data)
        if needs is None:
            todo.extend(_interpreter(node.data))
            continue
        todo.extend([needs.loader.strip("/")] if needs.loader else [])
        folder = posixpath.dirname(real)
        todo.extend(f"{folder}/{name}" for name in _OPENED_BY.get(posixpath.basename(real), ()))
        for name in needs.libraries:
            found = _library(tree, name, needs.folders, folder)
            if found:
                todo.append(found)
            else:
                missing.setdefault(name, f"/{real}")
    return kept, missing


def _way(tree: RootTree, path: str) -> set[str]:
    """Return the path, and where its last links lead."""
    found = set()
    for _ in range(8):
        real = posixpath.join(tree.resolve(posixpath.dirname(path)) or "",
                              posixpath.basename(path))
        node = tree.nodes.get(real)
        if node is None:
            break
        found.add(real)
        if not node.target:
            break
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(real),
                                                 node.target)).strip("/")
    return found


def _library(tree: RootTree, name: str, folders: list[str], origin: str) -> str | None:
    where = [folder.replace("$ORIGIN", f"/{origin}").replace("${ORIGIN}", f"/{origin}")
             for folder in folders]
    for folder in (*where, *LIBRARY_FOLDERS):
        path = name if "/" in name else f"{folder}/{name}"
        if tree.find(path.strip("/")) is not None:
            return posixpath.normpath(path).strip("/")
    return None


def _interpreter(data: bytes) -> list[str]:
    """Return the program that a script names in its first line, execve(2)."""
    if data[:2] != b"#!":
        return []
    words = data[2:258].split(b"\n", 1)[0].split()
    return [words[0].decode("utf-8", "replace").strip("/")] if words else []
