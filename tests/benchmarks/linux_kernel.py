"""Debian's cloud kernel: the guest to compare with.

The kernel comes from the package archive when it is first needed and is kept in the
cache, never in the project.
"""

import re
import subprocess
from pathlib import Path

from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir

__all__ = ["linux_image", "linux_command_line"]

_PACKAGE = "linux-image-cloud-amd64"
# Says nothing, probes nothing slow, and leaves at once when the program ends.
_COMMAND_LINE = "console=ttyS0 quiet loglevel=0 panic=-1 reboot=t random.trust_cpu=on"


def linux_command_line(tsc_hz: int) -> str:
    """Return Linux's command line; told the counter's frequency (0: unknown), Linux keeps
    its time by it at once and its vDSO serves clock_gettime, which a calibration on a busy
    host may deny it.  Source: Documentation/admin-guide/kernel-parameters.txt.
    """
    known = f" tsc=reliable tsc_early_khz={tsc_hz // 1000}" if tsc_hz else ""
    return _COMMAND_LINE + known


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
