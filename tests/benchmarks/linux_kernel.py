"""Debian's kernels: the guest to compare with.

A kernel comes from the package archive when it is first needed and is kept in the
cache, never in the project.
"""

import re
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir

__all__ = ["CLOUD", "GENERIC", "linux_image", "linux_command_line"]

CLOUD, GENERIC = "linux-image-cloud-amd64", "linux-image-amd64"
# What is kept of a package: the kernel, and modules of paravirtual devices.
_KEPT = re.compile(r"/boot/(vmlinuz|config)-|/kernel/(drivers/(virtio|block|net/[^/]+$)"
                   r"|net/(core|9p)|fs/(9p|netfs|fscache))")
# Says nothing, probes nothing slow, and leaves at once when the program ends.
_COMMAND_LINE = "console=ttyS0 quiet loglevel=0 panic=-1 reboot=t random.trust_cpu=on"


def linux_command_line(tsc_hz: int) -> str:
    """Return Linux's command line; told the counter's frequency (0: unknown), Linux keeps
    its time by it at once and its vDSO serves clock_gettime, which a calibration on a busy
    host may deny it.  Source: Documentation/admin-guide/kernel-parameters.txt.
    """
    known = f" tsc=reliable tsc_early_khz={tsc_hz // 1000}" if tsc_hz else ""
    return _COMMAND_LINE + known


def linux_image(package: str = CLOUD) -> Path:
    """Return the bzImage that a package of Debian's depends on, its modules beside it;
    fetched if it is not cached.  Raises HostError when apt cannot get it.
    """
    folder = cache_dir() / "benchmarks" / package
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as staging:
            _unpack(package, Path(staging))
            with suppress(OSError):  # another process was first
                (Path(staging) / "root").rename(folder)
    return next(folder.glob("boot/vmlinuz-*"))


def _unpack(package: str, folder: Path) -> None:
    depends = re.search(r"Depends: (linux-image-\S+)",
                        _apt(["apt-cache", "depends", package], folder))
    if not depends:
        raise HostError(f"apt knows no package {package}",
                        next_step="run apt-get update; the benchmark needs Debian's archive")
    _apt(["apt-get", "download", depends[1]], folder)
    archive = next(folder.glob(f"{depends[1]}_*.deb"))
    _extract(archive, folder / "root")


def _extract(archive: Path, target: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                          stdout=subprocess.PIPE) as process, \
            tarfile.open(fileobj=process.stdout, mode="r|") as files:
        for member in files:
            if _KEPT.search(member.name):
                files.extract(member, target)


def _apt(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise HostError(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-500:]}",
                        next_step="look at the network and run apt-get update")
    return done.stdout
