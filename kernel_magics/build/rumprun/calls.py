"""Calls of a program that will fail in its guest: system calls of components that were not baked
in, and functions that are there only so that programs link.

A wrapper of every system call is linked whether or not the component is there that implements
it, so the linker says nothing; the program would get ENOSYS.

Source: the names in Rumprun's libraries: rump___sysimpl_ (wrappers of system calls), rumpns_sys_
(what implements them), and libc_stubs of librumprun_base.
"""

import json
import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from kernel_magics.build.cache import digest
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.kits import Source
from kernel_magics.build.rumprun.components import ALWAYS
from kernel_magics.build.rumprun.missing import how_to_add
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.places import cache_dir

__all__ = ["CallTable", "call_table", "failing_calls", "undefined_names"]

_LINE = re.compile(r"^\S*/lib(\S+?)\.a[:\[](\S+?)\]?: (\S+) ([TW]) ", re.MULTILINE)
_USED = re.compile(r"^\S+: (\S+) U", re.MULTILINE)
_KERNEL, _WRAPPER, _STUBS = "rumpns_sys_", "rump___sysimpl_", "libc_stubs.o"
_VERSION = re.compile(r"(?<=[a-z0-9])(?:13|14|30|40|50|60)$")
_SYMBOL, UNDEFINED = struct.Struct("<IBBHQQ"), 0
# Functions of the C library that do nothing else than call one of the stubs.
THROUGH = {"system": "fork", "popen": "fork", "posix_spawnp": "posix_spawn",
           **dict.fromkeys(("execl", "execle", "execlp", "execv", "execvp"), "execve")}


@dataclass(frozen=True)
class CallTable:
    """What a toolchain's libraries implement: system call → the libraries that do; `stubs`, the
    functions that always fail; and `inside`, what libraries call themselves, whose parts are
    linked into programs.  Names are without underscores before and version after."""

    implemented: dict[str, tuple[str, ...]]
    stubs: tuple[str, ...]
    inside: frozenset[str]


def plain_name(symbol: str) -> str:
    """Return what a program's source calls a symbol: "__wait450" is wait4, "__socket30" socket."""
    return _VERSION.sub("", symbol.removeprefix("_sys_").lstrip("_"))


def failing_calls(program: Path, texts: Callable[[], Sequence[Source]], components: Iterable[str],
                  toolchain: RumprunToolchain) -> list[Diagnostic]:
    """Return a warning for each call of a program, not baked yet, that will fail in an image with
    these components.

    `texts` returns its sources: what they do not call, only a library does, and there is no
    warning.  If it returns none, all is warned of that no library calls.
    """
    table = call_table(toolchain)
    baked = {*components, *ALWAYS}
    found: list[Diagnostic] = []
    for name in sorted({plain_name(symbol) for symbol in undefined_names(program)}):
        if message := _problem(name, table, baked, toolchain):
            sources = texts()
            warning = _warning(name, sources, message)
            if warning.line or (not sources and name not in table.inside):
                found.append(warning)
    return found


def _problem(name: str, table: CallTable, baked: Set[str], toolchain: RumprunToolchain) -> str:
    """Return what is wrong with calling a function, "" if nothing is."""
    owners = table.implemented.get(name, ())
    if owners and not baked & set(owners):
        return (f"{name} fails with ENOSYS: no component of this image implements it; "
                f"{owners[0]} does: {how_to_add(owners[:1], toolchain)}")
    stub = THROUGH.get(name, name)
    if stub not in table.stubs:
        return ""
    why = "is" if stub == name else f"calls {stub}, which is"
    return f"{name} does nothing: it {why} a stub in Rumprun and returns 86, ENOTSUP"


def _warning(name: str, sources: Sequence[Source], message: str) -> Diagnostic:
    call = re.compile(rf"(?<![\w.>]){re.escape(name)}(?=\s*\()")
    for source in sources:
        for number, line in enumerate(source.text.splitlines(), source.first_line):
            if match := call.search(line):
                column = match.start() + 1
                return Diagnostic(source.filename, number, column, "warning", message, line,
                                  ((column, column + len(name)),))
    return Diagnostic("", 0, 0, "warning", message)


def undefined_names(program: Path) -> list[str]:
    """Return the names that an object file uses and does not define.

    Read here: a process for it costs more than everything else about a small program.
    Raises ImageError for a file that is no x86-64 ELF file.  Source: gABI, "Symbol Table".
    """
    elf = ElfFile.read(program)
    table = elf.section(".symtab")
    if table is None or table.link >= len(elf.sections):
        return []
    names, rows = elf.section_bytes(elf.sections[table.link]), elf.section_bytes(table)
    found = []
    for row in _SYMBOL.iter_unpack(rows[:len(rows) // _SYMBOL.size * _SYMBOL.size]):
        if row[0] and row[3] == UNDEFINED:
            end = names.find(b"\0", row[0])
            found.append(names[row[0]:end if end >= 0 else None].decode("utf-8", "replace"))
    return found


def call_table(toolchain: RumprunToolchain) -> CallTable:
    """Return what the libraries of a toolchain implement; kept until it is replaced."""
    return _table(toolchain)


@lru_cache(maxsize=4)
def _table(toolchain: RumprunToolchain) -> CallTable:
    place = cache_dir() / "rumprun" / f"{digest('calls 2', toolchain.identity)[:24]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        record = json.loads(place.read_text("utf-8"))
        return CallTable({name: tuple(owners) for name, owners in record["implemented"].items()},
                         tuple(record["stubs"]), frozenset(record["inside"]))
    table = _read(toolchain)
    with suppress(OSError):  # it is only read again, then
        place.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump({**asdict(table), "inside": sorted(table.inside)}, stream)
        os.replace(temporary, place)
    return table


def _read(toolchain: RumprunToolchain) -> CallTable:
    archives = sorted(map(str, toolchain.platform_folder.glob("librump*.a")))
    _, text = run_tool([str(toolchain.tool("nm")), "-A", "-P", "--defined-only", *archives])
    wrappers: set[str] = set()
    stubs: set[str] = set()
    owners: dict[str, set[str]] = {}
    for library, member, symbol, _ in _LINE.findall(text):
        if symbol.startswith(_WRAPPER):
            wrappers.add(plain_name(symbol.removeprefix(_WRAPPER)))
        elif symbol.startswith(_KERNEL):
            owners.setdefault(plain_name(symbol.removeprefix(_KERNEL)), set()).add(library)
        elif member == _STUBS and not symbol.startswith("__sigaction"):
            stubs.add(plain_name(symbol))
    return CallTable({name: tuple(sorted(owners[name])) for name in sorted(wrappers & set(owners))},
                     tuple(sorted(stubs)), _inside(toolchain))


def _inside(toolchain: RumprunToolchain) -> frozenset[str]:
    """Return the names that the libraries use which programs are linked with."""
    folder = toolchain.platform_folder.parent
    archives = sorted(map(str, folder.glob("*.a")))
    _, text = run_tool([str(toolchain.tool("nm")), "-A", "-P", "-u", *archives])
    return frozenset(plain_name(name) for name in _USED.findall(text))
