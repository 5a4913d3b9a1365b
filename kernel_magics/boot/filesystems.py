"""File systems on disk images, made and checked by e2fsprogs on the host."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import HostError

__all__ = ["DiskCheck", "make_filesystem", "check_filesystem", "repair_filesystem", "find_tool"]

# An ordinary user's PATH has no sbin on Debian, and that is where these are.
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
BLOCK_BYTES = 4096        # a guest's page: file data can be cached and mapped as it lies
# e2fsck(8), exit code: a sum of these
_MENDED, _REBOOT, _LEFT, _TROUBLE = 1, 2, 4, 8


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
    """Return the path of a program of e2fsprogs; raises HostError if it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if not found:
        raise HostError(f"{name} was not found", next_step="install it: sudo apt install e2fsprogs")
    return found


def make_filesystem(path: Path) -> None:
    """Put an empty ext2 file system on an image; raises HostError.

    Nothing is reserved for root: a guest has one user.  Source: mke2fs(8).
    """
    command = [find_tool("mkfs.ext2"), "-q", "-F", "-m", "0", "-b", str(BLOCK_BYTES), str(path)]
    done = _run(command)
    if done.returncode:
        raise HostError(f"mkfs.ext2 could not make a file system on {path}: "
                        f"{done.stdout.strip()}", path=path,
                        next_step="free some space there, or make the disk larger: size_mib=64")


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
