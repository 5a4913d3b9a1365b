"""The map that GNU ld writes beside what it links: which object each byte came from.

The runtime reaches the linker as one object that was made of many, a layer at a time; the
maps of those links are kept with it, as one short table.

Source: the manual of GNU ld, options -Map and --print-map-discarded.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import ImageError

__all__ = ["LinkMap", "Piece", "parse_map", "read_objects", "write_objects"]

MOST_MAP_BYTES = 256 << 20
_FILL = "*fill*"
_INPUT = re.compile(r"^ (\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?: (.*))?$")
_OUTPUT = re.compile(r"^(\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)")
_REASON = re.compile(r"^(\S.*?\))\s+(\S.*?) \((.+)\)$", re.MULTILINE)
_WHOLE = re.compile(r"^(\S.*?\))\s+\((--whole-archive)\)$", re.MULTILINE)
_NEXT_PART = re.compile(r"^(As-needed|Discarded|There are|Allocating|Merging|Memory) ",
                        re.MULTILINE)
_LOAD = re.compile(r"^LOAD (.+)$")
_MAP_PART = "Linker script and memory map"
_MEMBERS_PART = "Archive member included"
_PLACED = (".text", ".rodata", ".data", ".bss", ".init", ".fini", ".tdata", ".tbss", ".eh_frame",
           ".gcc_except_table", ".note", ".ctors", ".dtors", "COMMON")


@dataclass(frozen=True, slots=True)
class Piece:
    """One input section where the linker put it.

    `output` is the section of the image it is in, `section` its own name, `address` where it
    starts and `size_bytes` how long it is; `object` is the file it came from, as
    "folder/libc.a(printf.lo)" or "folder/main.o", "" for what the linker filled in.
    """

    output: str
    section: str
    address: int
    size_bytes: int
    object: str


@dataclass(frozen=True)
class LinkMap:
    """A parsed map: the `pieces` by address; `reasons`, archive member → (the object that
    wanted it, the symbol it was wanted for), or ("", "--whole-archive") if all members of its
    archive were asked for; `loaded`, the files in the linker's order."""

    pieces: tuple[Piece, ...]
    reasons: dict[str, tuple[str, str]]
    loaded: tuple[str, ...]


def parse_map(text: str) -> LinkMap:
    """Return what a map of GNU ld says; parts that it does not have are empty."""
    head, _, body = text.partition(f"\n{_MAP_PART}\n")
    loaded = tuple(match[1] for match in map(_LOAD.match, body.splitlines()) if match)
    return LinkMap(tuple(sorted(_pieces(body.splitlines()), key=lambda one: one.address)),
                   _reasons(head), loaded)


def _reasons(head: str) -> dict[str, tuple[str, str]]:
    _, _, members = head.partition(_MEMBERS_PART)
    end = _NEXT_PART.search(members)
    members = members[:end.start() if end else None]
    found = {match[1]: ("", match[2]) for match in _WHOLE.finditer(members)}
    for match in _REASON.finditer(members):
        found.setdefault(match[1], (match[2], match[3]))
    return found


def _pieces(lines: Iterable[str]) -> Iterator[Piece]:
    output, waiting = "", ""
    for line in lines:
        name, waiting = waiting, ""
        if not line:
            continue
        if line[0] not in " \t":
            word = line.split(None, 1)[0]
            output = word if _OUTPUT.match(line) or line == word else output
        elif line[0] == " " and line[1:2] not in (" ", "") and " 0x" not in line:
            if "(" not in line:
                waiting = line[1:].strip()  # a long name: its numbers are in the next line
        elif (match := _INPUT.match(line)) and (match[1] or name) and \
                (match[4] or match[1] == _FILL):
            size = int(match[3], 16)
            if size:
                filled = match[1] == _FILL
                yield Piece(output, match[1] or name, int(match[2], 16), size,
                            "" if filled else (match[4] or "").strip())


def write_objects(maps: Iterable[tuple[str, Path]], place: Path) -> None:
    """Write the table of the runtime's objects from the maps of its layers.

    `maps` are (layer, map of the link that joined its objects).  Each line of the table has a
    section as the image's linker meets it, an offset in it, a size, both in bytes, and the
    object's path below the folder of the layer's sources.
    """
    lines = []
    for layer, path in maps:
        for piece in parse_map(path.read_text("utf-8", "replace")).pieces:
            if piece.object and piece.output.startswith(_PLACED):
                name = piece.object.rsplit(f"/{layer}/", 1)[-1]
                lines.append(f".{layer}{piece.output}\t{piece.address}\t{piece.size_bytes}"
                             f"\t{layer}/{name}\n")
    place.write_text("".join(lines), "utf-8")


def read_objects(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    """Return section → (offset, size, object) of each piece, as `write_objects` wrote it.

    Raises ImageError (attribute `path`) if the file is something else.
    """
    found: dict[str, list[tuple[int, int, str]]] = {}
    try:
        for line in path.read_text("utf-8").splitlines():
            section, offset, size, name = line.split("\t")
            found.setdefault(section, []).append((int(offset), int(size), name))
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} is no record of the runtime's objects", path=path,
                         next_step="build the image again") from error
    return found
