"""A root file system in memory: what a guest will find, before it becomes an archive."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from stat import S_IFDIR, S_IFLNK, S_IFREG, S_ISDIR, S_ISLNK, S_ISREG

__all__ = ["Node", "RootTree", "PROGRAM_FOLDERS"]

PROGRAM_FOLDERS = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
MERGED_FOLDERS = ("bin", "sbin", "lib", "lib64")
_MAX_LINKS = 40  # as Linux follows at most: path_resolution(7)


@dataclass(slots=True)
class Node:
    """A file: `mode` with its type, `target` a symbolic link's text, `owner` its package.

    Hard links are paths that share one Node.
    """

    mode: int
    data: bytes = b""
    target: str = ""
    owner: str = ""
    mtime: int = 0


@dataclass(slots=True)
class RootTree:
    """Paths (without a leading slash) and what they are; usr-merged as Debian's are."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in MERGED_FOLDERS:
            self.nodes[name] = Node(S_IFLNK | 0o777, target=f"usr/{name}")
            self.nodes[f"usr/{name}"] = Node(S_IFDIR | 0o755)
        self.nodes["usr"] = Node(S_IFDIR | 0o755)

    def put(self, path: str, node: Node) -> None:
        """Put a file at `path`, the folders above it too; a folder keeps what is in it."""
        found = self.nodes.get(path)
        if found and S_ISDIR(found.mode) and S_ISDIR(node.mode):
            return
        above = posixpath.dirname(path)
        if above and above not in self.nodes:
            self.put(above, Node(S_IFDIR | 0o755, owner=node.owner, mtime=node.mtime))
        self.nodes[path] = node

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Make a folder unless something is there."""
        if path not in self.nodes:
            self.put(path, Node(S_IFDIR | mode))

    def file(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Put a regular file, in place of what is there."""
        self.put(path, Node(S_IFREG | mode,
                            data.encode() if isinstance(data, str) else data))

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link unless something is there."""
        if path not in self.nodes:
            self.put(path, Node(S_IFLNK | 0o777, target=target))

    def resolve(self, path: str) -> str | None:
        """Return where `path` leads, links followed; None if there is nothing."""
        todo, done, links = path.strip("/").split("/"), "", 0
        while todo:
            part = todo.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = posixpath.dirname(done)
                continue
            node = self.nodes.get(f"{done}/{part}".strip("/"))
            if node is None:
                return None
            if S_ISLNK(node.mode):
                links += 1
                if links > _MAX_LINKS:
                    return None
                todo = node.target.split("/") + todo
                done = "" if node.target.startswith("/") else done
            else:
                done = f"{done}/{part}".strip("/")
        return done

    def find(self, path: str) -> Node | None:
        """Return what `path` leads to, or None."""
        found = self.resolve(path)
        return self.nodes.get(found) if found is not None else None

    def program(self, name: str) -> str | None:
        """Return the absolute path of a program as a shell would find it, or None."""
        names = [name.strip("/")] if "/" in name else [f"{at}/{name}" for at in PROGRAM_FOLDERS]
        for path in names:
            node = self.find(path)
            if node and S_ISREG(node.mode) and node.mode & 0o111:
                return f"/{path}"
        return None

    def programs(self, owners: set[str] | None = None) -> list[str]:
        """Return the names of all programs (of these packages), sorted."""
        return sorted({posixpath.basename(path) for path, node in self.nodes.items()
                       if posixpath.dirname(path) in PROGRAM_FOLDERS
                       and (owners is None or node.owner in owners)
                       and (found := self.find(path)) is not None
                       and S_ISREG(found.mode) and found.mode & 0o111})

    def files(self) -> Iterator[tuple[str, Node]]:
        """Yield every path and node, sorted by path."""
        for path in sorted(self.nodes):
            yield path, self.nodes[path]
