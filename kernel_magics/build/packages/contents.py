"""Which files of which packages go into the root.

A package depends on more than its program opens: on what installs and configures it (dpkg,
debconf, perl for scripts), on whole libraries for one file of each.  So there are three
choices of `contents`:

minimal  The packages asked for, and those that belong to them: optional ones of the same
         section of the archive (php8.2-common for php8.2-cli), and all of the same source
         packages as any of these.  Of every other package the libraries that these files are
         linked with.
full     Every file of every package, but what LEFT_OUT names.
all      Every file of every package.

Source: Debian Policy, 2.4 "Sections" and 2.5 "Priorities".
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from stat import S_ISDIR, S_ISLNK, S_ISREG

from kernel_magics.build.debian import BinaryPackage
from kernel_magics.build.packages.deb import DebControl, DebFile, read_control, read_files
from kernel_magics.build.packages.needs import needed_paths
from kernel_magics.build.packages.tree import Node, RootTree
from kernel_magics.errors import UsageError

__all__ = ["CONTENTS", "LEFT_OUT", "Unpacked", "drop_unneeded", "unpack"]

CONTENTS = ("minimal", "full", "all")
# What a guest has no reader, service manager or compiler for.
LEFT_OUT = re.compile(
    r"usr/share/(doc|doc-base|man|info|locale|lintian|bug|menu|applications|pixmaps|icons|"
    r"bash-completion|zsh|fish|vim|apport|reportbug|metainfo|gdb|dpkg|debconf|initramfs-tools)/"
    r"|usr/(include|src)/|usr/lib/(systemd|tmpfiles\.d|sysusers\.d|udev|debug|pkgconfig)/"
    r"|usr/lib/[\w-]+/(pkgconfig|cmake)/|usr/lib/.*\.(a|la|o)$"
    r"|etc/(init\.d|rc\w?\.d|logrotate\.d|cron\.\w+|ufw|apparmor\.d|systemd|bash_completion\.d)/")
_LIBRARY = re.compile(r"usr/lib(64)?/.*\.so(\.[\w.+-]+)?$|usr/lib/.*/ld-[\w.-]+$|"
                      r"usr/lib/.*/gconv/gconv-modules(\.cache)?$")


@dataclass(slots=True)
class Unpacked:
    """Packages in a tree, their control data, and which of them are there as a whole."""

    tree: RootTree
    controls: dict[str, DebControl]
    whole: set[str]
    mtime: int


def unpack(packages: Sequence[BinaryPackage], asked: Sequence[str], contents: str,
           keep: Sequence[str] = ()) -> Unpacked:
    """Return a tree with the files of `packages` that `contents` chooses.

    `asked` are the packages that were asked for, `keep` others to take as a whole.
    Raises UsageError for another value of `contents`, HostError for a damaged package.
    """
    if contents not in CONTENTS:
        raise UsageError(f"contents={contents!r} is not known",
                         next_step=f"use one of {', '.join(CONTENTS)}")
    controls = {one.name: read_control(one.path) for one in packages}
    whole = set(controls) if contents != "minimal" else _belonging(controls, {*asked, *keep})
    tree, mtime = RootTree(), 0
    for package in packages:
        kept = _chooser(contents, package.name in whole)
        for file in read_files(package.path, kept):
            _put(tree, file, package.name)
            mtime = max(mtime, file.mtime)
    return Unpacked(tree, controls, whole, mtime)


def _chooser(contents: str, as_whole: bool) -> Callable[[str], bool]:
    """Return which paths of a package go into the tree."""
    def kept(path: str) -> bool:
        if contents == "all":
            return True
        return bool(as_whole or _LIBRARY.match(path)) and not LEFT_OUT.match(f"{path}/") \
            and not LEFT_OUT.match(path)
    return kept


def drop_unneeded(found: Unpacked) -> dict[str, str]:
    """Remove the libraries that no file of a whole package, and none of the user's, needs.

    Returns those that are missing: name → the file that asks for it.
    """
    tree = found.tree
    roots = [path for path, node in tree.nodes.items()
             if (not node.owner or node.owner in found.whole) and S_ISREG(node.mode)]
    kept, missing = needed_paths(tree, roots)
    for path, node in list(tree.nodes.items()):
        if node.owner and node.owner not in found.whole and path not in kept \
                and not S_ISDIR(node.mode):
            del tree.nodes[path]
    _drop_empty_folders(found)
    return missing


def _drop_empty_folders(found: Unpacked) -> None:
    used = {path.rpartition("/")[0] for path in found.tree.nodes}
    for path in sorted(found.tree.nodes, reverse=True):
        node = found.tree.nodes[path]
        if S_ISDIR(node.mode) and path not in used and node.owner \
                and node.owner not in found.whole:
            del found.tree.nodes[path]
            used = used if "/" not in path else {
                other.rpartition("/")[0] for other in found.tree.nodes}


def _belonging(controls: dict[str, DebControl], asked: set[str]) -> set[str]:
    """Return the packages that belong to those asked for: see "minimal" above."""
    chosen = {name: control for name, control in controls.items() if name in asked}
    sources = {control.source for control in chosen.values()}
    sections = {control.fields.get("Section", "") for control in chosen.values()} - {
        "libs", "oldlibs", "admin", "utils"}
    whole, before = set(chosen), 0
    while len(whole) > before:  # ruby is ruby3.1, whose modules are libruby3.1's
        before = len(whole)
        for name, control in controls.items():
            optional = control.fields.get("Priority") in ("optional", "extra")
            if control.source in sources or (optional and
                                             control.fields.get("Section") in sections):
                whole.add(name)
        sources |= {controls[name].source for name in whole}
    return whole


def _put(tree: RootTree, file: DebFile, owner: str) -> None:
    if file.is_hard_link:
        if file.target in tree.nodes:
            tree.nodes[file.path] = tree.nodes[file.target]
        return
    found = tree.nodes.get(file.path)
    if found and S_ISLNK(found.mode) and S_ISDIR(file.mode):
        return  # a folder of the merged /usr
    tree.put(file.path, Node(file.mode, file.data, file.target, owner, file.mtime))
