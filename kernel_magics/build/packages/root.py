"""The root file system of a guest: made once from the same packages, files and settings."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any

from kernel_magics.build.cache import BuildCache, digest
from kernel_magics.build.debian import BinaryPackage
from kernel_magics.build.packages.contents import Unpacked, drop_unneeded, unpack
from kernel_magics.build.packages.cpio import archive
from kernel_magics.build.packages.effects import apply_effects
from kernel_magics.build.packages.request import HostFile, PackageRequest, host_files
from kernel_magics.build.packages.stacks import Stack
from kernel_magics.build.packages.tree import RootTree

__all__ = ["ARCHIVE", "MANIFEST", "make_root", "root_key"]

RECIPE = "2"  # changes when this package makes another root from the same inputs
ARCHIVE = "root.cpio"
MANIFEST = "etc/rumplab/manifest"


def root_key(request: PackageRequest, stack: Stack, packages: Sequence[BinaryPackage]) -> str:
    """Return what names a root in the cache: a digest of all that it is made from."""
    files = host_files(request.files)
    return digest(
        "root", RECIPE, request.contents, stack.identity, *sorted(request.keep),
        *(name.partition("=")[0] for name in request.packages), *(p.sha256 for p in packages),
        *(part for file in files for part in (file.path, str(file.mode), file.data)))


def make_root(cache: BuildCache, key: str, request: PackageRequest, stack: Stack,
              packages: Sequence[BinaryPackage]) -> tuple[Path, dict[str, Any]]:
    """Make a root file system; return its folder and record in the cache.

    The record: "sha256" and "archive_bytes" of the archive; "programs" (name → path),
    "executables" (every path that can be run), "offered" (the names of programs of the
    packages asked for); "packages", the rows of the manifest; "warnings".
    """
    asked = [name.partition("=")[0] for name in request.packages]
    found = unpack(packages, asked, request.contents, (*request.keep, *stack.keep))
    apply_effects(found)
    _add_files(found.tree, stack, host_files(request.files))
    missing: dict[str, str] = {}
    if request.contents == "minimal":
        missing = drop_unneeded(found)
    rows = _manifest(found, packages)
    found.tree.file(MANIFEST, _manifest_text(rows))
    with cache.staging() as folder:
        sha256, size = _write(folder / ARCHIVE, found)
        record = {
            "sha256": sha256, "archive_bytes": size, "packages": rows,
            "programs": {name: found.tree.program(name) for name in found.tree.programs()},
            "executables": _executables(found.tree),
            "offered": found.tree.programs(set(asked)),
            "warnings": [f"{asker} is linked with {name}, which no package here has"
                         for name, asker in sorted(missing.items())]}
        return cache.store(key, folder, [ARCHIVE], (), record), record


def _add_files(tree: RootTree, stack: Stack, files: Sequence[HostFile]) -> None:
    for path in stack.folders:
        tree.folder(path.strip("/"))
    for path, target in stack.links.items():
        tree.link(path.strip("/"), target)
    for path, file in stack.files.items():
        tree.file(path.strip("/"), file.read_bytes())
    for one in files:
        above, _, name = one.path.strip("/").rpartition("/")
        real = tree.resolve(above)  # through the links of the merged /usr
        tree.file(f"{real if real is not None else above}/{name}".strip("/"), one.data, one.mode)


def _executables(tree: RootTree) -> list[str]:
    """Return the paths of everything that can be run but libraries."""
    return [f"/{path}" for path, node in tree.files()
            if S_ISREG(node.mode) and node.mode & 0o111 and ".so" not in path]


def _manifest(found: Unpacked, packages: Sequence[BinaryPackage]) -> list[dict[str, Any]]:
    rows = []
    for package in packages:
        nodes = [node for node in found.tree.nodes.values()
                 if node.owner == package.name and S_ISREG(node.mode)]
        if nodes or package.name in found.whole:
            rows.append({
                "package": package.name, "version": package.version,
                "architecture": package.architecture,
                "contents": "whole" if package.name in found.whole else "libraries",
                "files": len(nodes), "size_bytes": sum(len(node.data) for node in nodes),
                "sha256": package.sha256})
    return rows


def _manifest_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table as lines of fields between tabs, the first line their names."""
    if not rows:
        return ""
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines) + "\n"


def _write(path: Path, found: Unpacked) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with path.open("wb") as stream:
        for piece in archive(found.tree, found.mtime):
            stream.write(piece)
            total.update(piece)
            size += len(piece)
    return total.hexdigest(), size
