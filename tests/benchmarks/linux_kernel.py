"""Debian's cloud kernel and an initramfs of one program: the guest to compare with.

The kernel comes from the package archive when it is first needed and is kept in the
cache, never in the project.
"""

import re
import subprocess
from pathlib import Path

from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir

__all__ = ["linux_image", "initramfs", "COMMAND_LINE"]

_PACKAGE = "linux-image-cloud-amd64"
# Says nothing, probes nothing slow, and leaves at once when the program ends.
COMMAND_LINE = "console=ttyS0 quiet loglevel=0 panic=-1 reboot=t random.trust_cpu=on"


def linux_image() -> Path:
    """Return the cloud kernel's bzImage, fetching the package if it is not cached.

    Raises HostError when apt cannot get it.
    """
    folder = cache_dir() / "benchmarks" / "linux"
    found = sorted(folder.glob("boot/vmlinuz-*"))
    if found:
        return found[-1]
    folder.mkdir(parents=True, exist_ok=True)
    depends = _apt(["apt-cache", "depends", _PACKAGE], folder)
    package = re.search(r"Depends: (linux-image-\S+)", depends)
    if not package:
        raise HostError(f"apt knows no package {_PACKAGE}",
                        next_step="run apt-get update; the benchmark needs Debian's archive")
    _apt(["apt-get", "download", package[1]], folder)
    archive = next(folder.glob(f"{package[1]}_*.deb"))
    _apt(["dpkg-deb", "-x", str(archive), str(folder)], folder)
    archive.unlink()
    return next(folder.glob("boot/vmlinuz-*"))


def _apt(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise HostError(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-500:]}",
                        next_step="look at the network and run apt-get update")
    return done.stdout


def initramfs(program: Path, target: Path) -> Path:
    """Write an initramfs (cpio "newc", as Linux's initramfs-buffer-format describes)
    with `program` as /init; the kernel's own one has /dev/console.
    """
    data = program.read_bytes()
    target.write_bytes(_member("init", 0o100755, data) + _member("TRAILER!!!", 0, b""))
    return target


def _member(name: str, mode: int, data: bytes) -> bytes:
    """Return one cpio member: a header of 13 hexadecimal words, a name, the content."""
    path = name.encode() + b"\0"
    words = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    header = b"070701" + "".join(f"{word:08X}" for word in words).encode() + path
    return _padded(header) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
