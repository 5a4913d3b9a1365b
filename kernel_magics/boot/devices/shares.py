"""Host folders that a guest mounts: what is asked for, and whether it can be had."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernel_magics.errors import UsageError

__all__ = ["Share", "parse_shares", "check_mountpoint"]


@dataclass(frozen=True, slots=True)
class Share:
    """A folder of this machine, at `mountpoint` in the guest; writes reach the folder
    unless it is `read_only`."""

    path: Path
    mountpoint: str
    read_only: bool = False

    def check(self) -> "Share":
        """Return itself with the path made absolute; UsageError if it cannot be shared."""
        path = self.path.expanduser().absolute()
        if not path.exists():
            raise self._refused(path, "does not exist", "make it, or correct the path")
        if not path.is_dir():
            raise self._refused(path, "is not a folder", f"share {path.parent}")
        wanted = os.R_OK | os.X_OK | (0 if self.read_only else os.W_OK)
        if not os.access(path, wanted):
            what = "read" if not os.access(path, os.R_OK | os.X_OK) else "written"
            step = ("share another folder" if what == "read"
                    else f'share it read-only: "{path}:{self.mountpoint}:ro"')
            raise self._refused(path, f"cannot be {what} by this user", step)
        return Share(path, self.mountpoint, self.read_only)

    def _refused(self, path: Path, why: str, step: str) -> UsageError:
        return UsageError(f"the folder for {self.mountpoint}, {path}, {why}", next_step=step,
                          path=path)

    def plain(self) -> str:
        """Return it as the text that `parse_shares` reads."""
        return f"{self.path}:{self.mountpoint}" + (":ro" if self.read_only else "")


def parse_shares(shares: object) -> tuple[Share, ...]:
    """Return shares from {"/work": folder} or from ["folder:/work", "folder:/doc:ro"].

    A value of the mapping is a path (a Path, or a text, which may end in ":ro").
    Raises UsageError naming what is wrong.
    """
    if isinstance(shares, Mapping):
        return tuple(_from_pair(mountpoint, folder) for mountpoint, folder in shares.items())
    if isinstance(shares, str | Share):
        shares = [shares]
    if not isinstance(shares, Iterable):
        raise _no_share(shares)
    return tuple(item if isinstance(item, Share) else _from_text(item) for item in shares)


def _from_pair(mountpoint: object, folder: object) -> Share:
    if isinstance(folder, Share):
        return folder
    if not isinstance(folder, str | os.PathLike) or not str(folder):
        raise _no_share(folder)
    text = os.fspath(folder)
    read_only = isinstance(folder, str) and text.endswith(":ro")
    return Share(Path(text.removesuffix(":ro") if read_only else text),
                 check_mountpoint(mountpoint), read_only)


def _from_text(item: object) -> Share:
    if not isinstance(item, str):
        raise _no_share(item)
    read_only = item.endswith(":ro")
    folder, colon, mountpoint = item.removesuffix(":ro").rpartition(":")
    if not (colon and folder):
        raise _no_share(item)
    return Share(Path(folder), check_mountpoint(mountpoint), read_only)


def check_mountpoint(mountpoint: object) -> str:
    """Return where something is mounted in a guest, without a final slash; UsageError."""
    path = PurePosixPath(str(mountpoint))
    if (not isinstance(mountpoint, str | os.PathLike) or not path.is_absolute()
            or ".." in path.parts or "\0" in str(mountpoint)):
        raise UsageError(f"{mountpoint!r} is no place in the guest to mount something",
                         next_step="give an absolute path, such as /data")
    return str(path)


def _no_share(item: object) -> UsageError:
    return UsageError(f"shares: {item!r} does not say which folder is mounted where",
                      next_step='write {"/work": "folder"} or "folder:/work", with :ro to '
                                "keep the guest from writing")
