"""File systems on disk images, made by e2fsprogs and makefs, checked by e2fsprogs."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import HostError

__all__ = ["DiskCheck", "FILESYSTEMS", "make_filesystem", "filesystem_on", "check_filesystem",
           "repair_filesystem", "find_tool"]

FILESYSTEMS = ("ext2", "ffs", "iso9660")
"""What guests mount: rumpkit's ext2, Rumprun's all of them."""

# An ordinary user's PATH has no sbin on Debian, and that is where these are.
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
BLOCK_BYTES = 4096        # a guest's page: file data can be cached and mapped as it lies
# e2fsck(8), exit code: a sum of these
_MENDED, _REBOOT, _LEFT, _TROUBLE = 1, 2, 4, 8
# Where a magic number says what is on a disk.  NetBSD's sys/ufs/ffs/fs.h (fs_magic of a
# superblock at 8 KiB, or at 64 KiB for version 2), ECMA-119 8.1, Linux's ext2 superblock.
_MAGICS = ((1024 + 0x38, b"\x53\xef", "ext2"), (32768 + 1, b"CD001", "iso9660"),
           (8192 + 1372, b"\x54\x19\x01\x00", "ffs"), (65536 + 1372, b"\x19\x01\x54\x19", "ffs"))
BYTES_PER_INODE = 16384
_PACKAGES = {"makefs": "makefs"}


@dataclass(frozen=True, slots=True)
class DiskCheck:
    """What e2fsck said: `status` is its exit code, `output` its text."""

    path: Path
    status: int
    output: str

    @property
    def clean(self) -> bool:
        """Whether there was nothing to mend."""
        return self.status == 0

    @property
    def mended(self) -> bool:
        """Whether the file system is in order now, after mending."""
        return not self.status & ~(_MENDED | _REBOOT)

    def __repr__(self) -> str:
        verdict = "clean" if self.clean else "mended" if self.mended else "damaged"
        return f"{self.path.name}: {verdict}\n{self.output.strip()}"


def find_tool(name: str) -> str:
    """Return the path of a program of e2fsprogs or makefs; raises HostError if there is none."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if not found:
        raise HostError(f"{name} was not found", next_step="install it: sudo apt install "
                                                           + _PACKAGES.get(name, "e2fsprogs"))
    return found


def filesystem_on(path: Path) -> str:
    """Return what a raw image holds, one of FILESYSTEMS, "" for something else; OSError."""
    with open(path, "rb") as image:
        for at, magic, name in _MAGICS:
            image.seek(at)
            if image.read(len(magic)) == magic:
                return name
    return ""


def make_filesystem(path: Path, fstype: str = "ext2", folder: Path | None = None) -> None:
    """Put a file system on an image, with what is in `folder`; raises HostError.

    An image of ext2 or ffs has its size before; one of ISO 9660 gets the size of its contents.
    Nothing is reserved for root: a guest has one user.  Source: mke2fs(8), makefs(8).
    """
    with tempfile.TemporaryDirectory(prefix="rumplab-") as empty:
        command = _making(path, fstype, folder or Path(empty), is_empty=folder is None)
        done = _run(command)
    if done.returncode:
        tool = Path(command[0]).name
        raise HostError(f"{tool} could not make a file system on {path}: "
                        f"{done.stdout.strip()}", path=path,
                        next_step="free some space there, or make the disk larger: size_mib=64")


def _making(path: Path, fstype: str, folder: Path, *, is_empty: bool) -> list[str]:
    if fstype == "ext2":
        contents = [] if is_empty else ["-d", str(folder)]
        return [find_tool("mkfs.ext2"), "-q", "-F", "-m", "0", "-b", str(BLOCK_BYTES), *contents,
                str(path)]
    if fstype == "ffs":
        size_bytes = path.stat().st_size
        return [find_tool("makefs"), "-t", "ffs", "-s", str(size_bytes), "-m", str(size_bytes),
                "-f", str(size_bytes // BYTES_PER_INODE), str(path), str(folder)]
    return [find_tool("makefs"), "-t", "cd9660", "-o", "rockridge", str(path), str(folder)]


def check_filesystem(path: Path) -> DiskCheck:
    """Check an ext2 file system and change nothing; raises HostError, also if there is none."""
    return _fsck(path, "-n")


def repair_filesystem(path: Path) -> DiskCheck:
    """Mend an ext2 file system, answering yes to everything; raises HostError."""
    return _fsck(path, "-y")


def _fsck(path: Path, answer: str) -> DiskCheck:
    done = _run([find_tool("e2fsck"), "-f", answer, str(path)])
    # One that gave up in the middle of damage found damage; else it could not even begin.
    if done.returncode & ~(_MENDED | _REBOOT | _LEFT | _TROUBLE) or done.returncode == _TROUBLE:
        raise HostError(f"e2fsck cannot check {path}: {done.stdout.strip()}", path=path,
                        next_step='make a file system: lab.disk(path, size_mib=64, fstype="ext2")')
    return DiskCheck(path, done.returncode, done.stdout)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C"})
