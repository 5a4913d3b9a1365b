"""Where the lab keeps what it makes: the project, its cache, its running guests."""

import os
import re
import tempfile
from pathlib import Path

from kernel_magics.errors import HostError

__all__ = ["project_dir", "images_dir", "cache_dir", "runtime_dir"]

# QEMU's and libvirt's sockets live below the runtime directory and a Unix socket's
# path has 108 bytes; guests' RAM files live there too, so it should be in memory.
_SHM = Path("/dev/shm")
# What libvirt takes in the URI of its embedded driver and in the name of its log.
_PLAIN_PATH = re.compile(r"[\w./+@=~-]+", re.ASCII)


def project_dir() -> Path:
    """Return the folder that holds kernel_magics/ and images/."""
    return Path(__file__).resolve().parent.parent


def images_dir() -> Path:
    """Return images/, the sources of everything that runs inside a guest."""
    return project_dir() / "images"


def cache_dir() -> Path:
    """Return the folder of things that can be made again (built runtime, images).

    $RUMPLAB_CACHE, else $XDG_CACHE_HOME/rumplab, else ~/.cache/rumplab; created.  Raises
    HostError if it cannot be written.
    """
    chosen = os.environ.get("RUMPLAB_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return _made(Path(chosen or base, "" if chosen else "rumplab"), 0o777, "RUMPLAB_CACHE",
                 "the cache of what is built")


def runtime_dir() -> Path:
    """Return the folder of running guests: RAM files, sockets, consoles; mode 0700.

    $RUMPLAB_RUNTIME, else /dev/shm/rumplab-UID, else one in the temporary folder.
    It is the same for every process of a user, so that notebooks see each other's guests.
    Raises HostError if it cannot be written, or has a path that libvirt does not take.
    """
    chosen = os.environ.get("RUMPLAB_RUNTIME")
    if chosen:
        path = Path(chosen)
    else:
        base = _SHM if os.access(_SHM, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
        path = base / f"rumplab-{os.getuid()}"
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise HostError(f"the folder of running guests is {str(path)!r}, and libvirt takes only "
                        "letters, digits and ./+@=~_- in it",
                        next_step="set RUMPLAB_RUNTIME to another folder")
    return _made(path, 0o700, "RUMPLAB_RUNTIME", "the folder of running guests")


def _made(path: Path, mode: int, variable: str, what: str) -> Path:
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        reason = "" if os.access(path, os.W_OK | os.X_OK) else "it is not writable"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason:
        raise HostError(f"{what}, {path}, cannot be used: {reason}",
                        next_step=f"set {variable} to a folder that this user can write")
    return path
