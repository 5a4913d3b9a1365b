"""Where the lab keeps what it makes: the project, its cache, its running guests."""

import os
import tempfile
from pathlib import Path

__all__ = ["project_dir", "images_dir", "cache_dir", "runtime_dir"]

# QEMU's and libvirt's sockets live below the runtime directory and a Unix socket's
# path has 108 bytes; guests' RAM files live there too, so it should be in memory.
_SHM = Path("/dev/shm")


def project_dir() -> Path:
    """Return the folder that holds kernel_magics/ and images/."""
    return Path(__file__).resolve().parent.parent


def images_dir() -> Path:
    """Return images/, the sources of everything that runs inside a guest."""
    return project_dir() / "images"


def cache_dir() -> Path:
    """Return the folder of things that can be made again (built runtime, images).

    $RUMPLAB_CACHE, else $XDG_CACHE_HOME/rumplab, else ~/.cache/rumplab; created.
    """
    chosen = os.environ.get("RUMPLAB_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(chosen) if chosen else base / "rumplab"
    path.mkdir(parents=True, exist_ok=True)
    return path


def runtime_dir() -> Path:
    """Return the folder of running guests: RAM files, sockets, consoles; mode 0700.

    $RUMPLAB_RUNTIME, else /dev/shm/rumplab-UID, else one in the temporary folder.
    It is the same for every process of a user, so that notebooks see each other's guests.
    """
    chosen = os.environ.get("RUMPLAB_RUNTIME")
    if chosen:
        path = Path(chosen)
    else:
        base = _SHM if os.access(_SHM, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
        path = base / f"rumplab-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
