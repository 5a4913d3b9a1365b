"""What is in a .deb file: its fields, its scripts, its files.

dpkg-deb takes the outer format apart (and knows every compression a package may have);
the tar archives are read here, so that nothing is written and no permission is needed.

Source: deb(5), deb-control(5), tar(5).
"""

import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_IFDIR, S_IFLNK, S_IFREG

from kernel_magics.build.debian import fields_of
from kernel_magics.errors import HostError

__all__ = ["DebControl", "DebFile", "read_control", "read_files"]

MERGED = re.compile(r"(bin|sbin|lib|lib32|lib64|libx32)(?=/|$)")


@dataclass(frozen=True, slots=True)
class DebFile:
    """A file of a package: `path` without a leading slash, `mode` with the file's type.

    `target` is a symbolic link's text, or the path of the file that a hard link is another
    name of; `mtime` is in seconds.
    """

    path: str
    mode: int
    mtime: int
    data: bytes = b""
    target: str = ""
    is_hard_link: bool = False


@dataclass(frozen=True, slots=True)
class DebControl:
    """A package's control fields and the text of its script that runs after unpacking."""

    fields: dict[str, str]
    postinst: str

    @property
    def source(self) -> str:
        """The name of the source package."""
        return self.fields.get("Source", self.fields["Package"]).split()[0]


def read_control(path: Path) -> DebControl:
    """Return the control data of a .deb; raises HostError if it is damaged."""
    texts = {"control": "", "postinst": ""}
    for member, data in _members(path, "--ctrl-tarfile", lambda name: name in texts):
        texts[member.name.removeprefix("./")] = data.decode("utf-8", "replace")
    return DebControl(fields_of(texts["control"]), texts["postinst"])


def read_files(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[DebFile]:
    """Yield the files, links and directories of a .deb whose path is `wanted`.

    A package that still ships /bin, /sbin or /lib has them below /usr, as on a merged
    system.  Raises HostError if the file is damaged.
    """
    for member, data in _members(path, "--fsys-tarfile", wanted):
        name = normal(member.name)
        mode = member.mode & 0o7777
        if member.isdir():
            yield DebFile(name, S_IFDIR | mode, int(member.mtime))
        elif member.issym():
            yield DebFile(name, S_IFLNK | 0o777, int(member.mtime), target=member.linkname)
        elif member.islnk():
            yield DebFile(name, S_IFREG | mode, int(member.mtime), is_hard_link=True,
                          target=normal(member.linkname))
        elif member.isfile():
            yield DebFile(name, S_IFREG | mode, int(member.mtime), data)


def normal(path: str) -> str:
    """Return a path of a package without ./ and as it is on a system with a merged /usr."""
    path = path.removeprefix(".").strip("/")
    return f"usr/{path}" if MERGED.match(path) else path


def _members(path: Path, part: str,
             wanted: Callable[[str], bool]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    process = subprocess.Popen(["dpkg-deb", part, path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    assert process.stdout and process.stderr
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                if normal(member.name) and wanted(normal(member.name)):
                    stream = tar.extractfile(member) if member.isreg() else None
                    yield member, stream.read() if stream else b""
        process.stdout.read()  # what follows the archive's end
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(path, process.stderr.read().decode("utf-8", "replace")) from error
    finally:
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        code = process.wait()
    if code:
        raise _damaged(path, said.decode("utf-8", "replace"))


def _damaged(path: Path, said: str) -> HostError:
    return HostError(f"a package's file is damaged: {path}", path=path, log=said,
                     next_step="remove that file and build again; it is fetched anew")
