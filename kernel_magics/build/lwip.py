"""lwIP's source, the TCP/IP stack of the runtime: Debian's source package, unpacked once.

Nothing of lwIP is part of the project.  `DebianArchive` fetches the package with an apt that
checks the archive's signatures; dpkg-source unpacks it with Debian's patches applied.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.build.debian import DebianArchive
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir

__all__ = ["ensure_lwip", "find_lwip", "lwip_identity"]

PACKAGE = "lwip"
# Every runtime's sources are read with this file; without it the unpacking did not end.
_A_FILE = Path("src") / "core" / "init.c"


def find_lwip() -> Path | None:
    """Return the folder of the unpacked source, None if it was never fetched."""
    folder = _shelf() / "source"
    return folder if (folder / _A_FILE).exists() else None


def lwip_identity(source: Path | None) -> str:
    """Return a text that differs when the stack that a runtime is built with does.

    Debian's change log begins with the package's version.
    """
    if source is None:
        return "no lwIP"
    return digest((source / "debian" / "changelog").read_bytes())


def ensure_lwip() -> Path:
    """Return the folder of the unpacked source, fetching it first if it is not there.

    Raises HostError if a tool is missing, no archive answers, a signature or checksum does
    not hold, or the disk is full; its `log` has what the tool said.
    """
    shelf = _shelf()
    with disk_errors(shelf):
        shelf.mkdir(parents=True, exist_ok=True)
        with (shelf / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return find_lwip() or _unpack(shelf)


def _shelf() -> Path:
    return cache_dir() / PACKAGE


def _unpack(shelf: Path) -> Path:
    if shutil.which("dpkg-source") is None:
        raise HostError("no dpkg-source: lwIP's source cannot be unpacked",
                        next_step="install it: sudo apt-get install dpkg-dev")
    package = DebianArchive().source(PACKAGE)
    with tempfile.TemporaryDirectory(prefix=".staging-", dir=shelf) as folder:
        # apt has checked the description against the signed index; the tar files are
        # checked against the description here.
        command = ["dpkg-source", "--no-copy", "-x", str(package.dsc), f"{folder}/source"]
        code, log = run_tool(command)
        if code:
            raise _refused(shelf, log)
        shutil.rmtree(shelf / "source", ignore_errors=True)
        os.rename(f"{folder}/source", shelf / "source")
    return shelf / "source"


def _refused(shelf: Path, log: str) -> HostError:
    if "No space left on device" in log:
        return HostError(f"cannot unpack lwIP's source into {shelf}: no space left on device",
                         next_step="free some space there, or set RUMPLAB_CACHE to a folder "
                                   "on another disk", log=log)
    last = log.strip().splitlines()[-1:] or ["dpkg-source said nothing"]
    return HostError(f"lwIP's source cannot be unpacked: {last[0]}",
                     next_step=f"remove {cache_dir() / 'debian' / 'sources' / PACKAGE}, then "
                               "build again", log=log)
