"""Sizes as a tree: the image, its layers, their archives and objects, their symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.inspect.images.size_leaves import SizeLeaf

__all__ = ["SizeTree", "bytes_text", "tree_of"]

LEVELS = ("layer", "archive", "object", "symbol")
SHOWN_CHILDREN, SHOWN_DEPTH = 6, 2


def bytes_text(size_bytes: int) -> str:
    """Return a size in bytes or KiB, with thousands apart."""
    return f"{size_bytes:,} B" if abs(size_bytes) < 1024 else f"{size_bytes / 1024:,.1f} KiB"


@dataclass
class SizeTree:
    """One node: `name`, its `level` ("image", "layer", "archive", "object", "symbol"), its
    `size_bytes`, and `children`, the largest first.  `tree["vfs"]` is the child of that name."""

    name: str
    level: str
    size_bytes: int = 0
    children: list[SizeTree] = field(default_factory=list)
    shown: tuple[int, int] = field(default=(SHOWN_DEPTH, SHOWN_CHILDREN), repr=False, compare=False)

    def view(self, depth: int, children: int = SHOWN_CHILDREN) -> SizeTree:
        """Return the same node, whose text goes to `depth` and shows so many `children`."""
        return replace(self, shown=(depth, children))

    def __getitem__(self, name: str) -> SizeTree:
        for child in self.children:
            if child.name == name:
                return child
        known = ", ".join(child.name for child in self.children[:12]) or "nothing"
        raise KeyError(f"{self.name} has no part {name!r}: it has {known}")

    def __iter__(self) -> Iterator[SizeTree]:
        return iter(self.children)

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], SizeTree]]:
        """Give each node below this one with the names that lead to it, parents first."""
        for child in self.children:
            below = (*path, child.name)
            yield below, child
            yield from child.walk(below)

    @property
    def df(self) -> pd.DataFrame:
        """A row per node below this one: path ("vfs/file.o/vfs_read"), level, size_bytes, share
        (of this node's bytes)."""
        import pandas as pd

        whole = self.size_bytes or 1
        rows = [("/".join(path), node.level, node.size_bytes, node.size_bytes / whole)
                for path, node in self.walk()]
        return pd.DataFrame(rows, columns=["path", "level", "size_bytes", "share"])

    def to_dict(self) -> dict[str, object]:
        """Return the tree as nested mappings: name, level, size_bytes, children."""
        return {"name": self.name, "level": self.level, "size_bytes": self.size_bytes,
                "children": [child.to_dict() for child in self.children]}

    def text(self, depth: int = SHOWN_DEPTH, children: int = SHOWN_CHILDREN) -> str:
        """Return the tree to a `depth`, of each node the largest `children`."""
        return "\n".join(self._lines(depth, children, self.size_bytes or 1, 0))

    def _lines(self, depth: int, count: int, whole: int, indent: int) -> Iterator[str]:
        share = f"{100 * self.size_bytes / whole:5.1f}%"
        yield f"{bytes_text(self.size_bytes):>12} {share}  {'  ' * indent}{self.name}"
        if not depth:
            return
        for child in self.children[:count]:
            yield from child._lines(depth - 1, count, whole, indent + 1)
        rest = self.children[count:]
        if rest:
            size = sum(child.size_bytes for child in rest)
            yield (f"{bytes_text(size):>12} {100 * size / whole:5.1f}%  "
                   f"{'  ' * (indent + 1)}… {len(rest)} more")

    def __repr__(self) -> str:
        return self.text(*self.shown)


def tree_of(name: str, leaves: Iterable[SizeLeaf]) -> SizeTree:
    """Return the tree of an image's leaves; an archive is a level only where there is one."""
    root = SizeTree(name, "image")
    index: dict[tuple[str, ...], SizeTree] = {}
    for leaf in leaves:
        path = [("layer", leaf.layer), ("archive", leaf.archive), ("object", leaf.object),
                ("symbol", leaf.symbol)]
        if leaf.archive in ("", "rumpkit.o"):
            del path[1]
        _add(root, index, path, leaf.size_bytes)
    _sort(root)
    return root


def _add(root: SizeTree, index: dict[tuple[str, ...], SizeTree],
         path: Sequence[tuple[str, str]], size_bytes: int) -> None:
    root.size_bytes += size_bytes
    node, key = root, ()
    for level, name in path:
        key = (*key, name)  # type: ignore[assignment]
        if key not in index:
            index[key] = SizeTree(name, level)
            node.children.append(index[key])
        node = index[key]
        node.size_bytes += size_bytes


def _sort(node: SizeTree) -> None:
    node.children.sort(key=lambda child: (-child.size_bytes, child.name))
    for child in node.children:
        _sort(child)
