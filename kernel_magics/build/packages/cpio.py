"""The root archive: cpio in the new ASCII format, laid out so that a guest can use it in place.

The data of every file of a page or more starts at a page of the archive, which a loader
puts at a page of the guest's memory: the guest maps the file without copying it.  The name
field is filled with NULs up to there; `namesize` counts them, so that any cpio reads it.
The same tree gives the same bytes.

Source: cpio(5), "New ASCII Format".
"""

from collections.abc import Iterator
from stat import S_IFDIR, S_ISDIR, S_ISLNK, S_ISREG

from kernel_magics.build.packages.tree import Node, RootTree

__all__ = ["archive"]

PAGE_BYTES = PATH_MAX = 4096
_HEADER_BYTES = 110
_TRAILER = "TRAILER!!!"


def archive(tree: RootTree, mtime: int) -> Iterator[bytes]:
    """Yield the archive of a tree in pieces; `mtime` (seconds) is for files without one.

    Hard links have one inode number; the data is with the last of them.
    """
    offset = 0
    for path, node, inode, links, has_data in _entries(tree):
        data = b"" if not has_data else node.target.encode() if S_ISLNK(node.mode) else node.data
        fields = (inode, node.mode, 0, 0, links, node.mtime or mtime, len(data), 0, 0, 0, 0)
        above = path.rpartition("/")[0]
        folder = (above or ".", tree.nodes[above].mode if above else S_IFDIR | 0o755)
        for piece in (*_heads(path, fields, offset, folder), data, b"\0" * (-len(data) % 4)):
            offset += len(piece)
            yield piece
    end = _head(_TRAILER, (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), 0)
    yield end + b"\0" * (-(offset + len(end)) % PAGE_BYTES)


def _entries(tree: RootTree) -> Iterator[tuple[str, Node, int, int, bool]]:
    """Yield path, node, inode number, link count and whether the data is here."""
    names: dict[int, list[str]] = {}
    for path, node in tree.files():
        names.setdefault(id(node), []).append(path)
    inodes = {key: number for number, key in enumerate(names, start=1)}
    for path, node in tree.files():
        shared = names[id(node)]
        links = 2 if S_ISDIR(node.mode) else len(shared)
        yield path, node, inodes[id(node)], links, path == shared[-1]


def _heads(path: str, fields: tuple[int, ...], offset: int,
           folder: tuple[str, int]) -> list[bytes]:
    """Return the head of an entry at `offset`; one before it if the name would be too long.

    Linux leaves out an entry whose name field has more than PATH_MAX bytes.  Where filling
    it would take more, the `folder` (path and mode) that the file is in is said once more,
    with that filling.
    """
    whole = len(_head(path, fields, 0))
    mode, size = fields[1], fields[6]
    if not S_ISREG(mode) or size < PAGE_BYTES:
        return [_head(path, fields, 0)]
    filling = -(offset + whole) % PAGE_BYTES
    if whole + filling - _HEADER_BYTES <= PATH_MAX:
        return [_head(path, fields, filling)]
    again = (0, folder[1], 0, 0, 2, *fields[5:6], 0, 0, 0, 0, 0)
    return [_head(folder[0], again, filling - len(_head(folder[0], again, 0))),
            _head(path, fields, 0)]


def _head(path: str, fields: tuple[int, ...], filling: int) -> bytes:
    """Return an entry's header and name, which end at a multiple of four."""
    name = path.encode("utf-8", "surrogateescape") + b"\0"
    name += b"\0" * (-(_HEADER_BYTES + len(name)) % 4 + filling)
    values = (*fields, len(name), 0)
    return b"070701" + b"".join(b"%08x" % value for value in values) + name
