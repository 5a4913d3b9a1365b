"""The build cache: what went in names what came out.

An entry is a folder `images/KEY/VARIANT`; the key digests everything a build reads that is
known beforehand, the variant the headers the program turned out to include.  Entries are
made aside and renamed into place, so that two notebooks may build the same program, one
may be interrupted, and a reader never sees half an image.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir

__all__ = ["BuildCache", "digest", "disk_errors", "file_digest", "load_record"]

RECORD = "record.json"
KEPT_ENTRIES = 400
STAGING_SECONDS = 24 * 3600


def digest(*parts: str | bytes) -> str:
    """Return a hex SHA-256 over the parts and their boundaries."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def file_digest(path: Path | str) -> str:
    """Return the digest of a file's contents, "" if it cannot be read."""
    try:
        return digest(Path(path).read_bytes())
    except OSError:
        return ""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a full, read-only or forbidden disk under `folder` does into a HostError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise HostError(f"cannot write the build cache {folder}: {reason}",
                        next_step="free some space there, or set RUMPLAB_CACHE to a folder "
                                  "on another disk", path=folder) from error


def load_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of an entry, None if its files or the headers it used changed."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        intact = all((folder / name).stat().st_size == size
                     for name, size in record["files"].items())
        current = all(file_digest(path) == expected
                      for path, expected in record["dependencies"].items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return record if intact and current else None


class BuildCache:
    """A content-addressed store of built images under `root` (default: the lab's cache).

    It keeps `kept` entries, and the last of them that fit into `kept_bytes` (0: no limit).
    """

    def __init__(self, root: Path | None = None, *, kept: int = KEPT_ENTRIES,
                 kept_bytes: int = 0) -> None:
        self.root = root or cache_dir() / "images"
        self.kept = kept
        self.kept_bytes = kept_bytes

    def find(self, key: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the entry of `key` whose files and included headers are all as they were."""
        try:
            variants = sorted((self.root / key).iterdir())
        except OSError:
            return None
        for folder in variants:
            record = load_record(folder)
            if record is not None:
                with suppress(OSError):
                    os.utime(folder.parent)  # used: `_prune` takes the longest unused
                return folder, record
        return None

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a fresh folder on the cache's disk; it is gone afterwards, whatever happens.

        Raises HostError if the disk is full or not writable.
        """
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=self.root))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def store(self, key: str, staged: Path, files: Iterable[str],
              dependencies: Iterable[str], record: dict[str, Any]) -> Path:
        """Make an entry of `files` in the `staged` folder; return the entry's folder.

        `dependencies` are the paths of headers the build read besides its sources.
        """
        hashes = {path: file_digest(path) for path in sorted(dependencies)}
        variant = digest(*(part for item in hashes.items() for part in item))[:16]
        entry = staged / "entry"
        entry.mkdir()
        sizes = {}
        for name in files:
            os.replace(staged / name, entry / name)
            sizes[name] = (entry / name).stat().st_size
        record = {**record, "files": sizes, "dependencies": hashes}
        (entry / RECORD).write_text(json.dumps(record), "utf-8")
        place = self.root / key / variant
        place.parent.mkdir(exist_ok=True)
        self._move_into_place(entry, place)
        self._prune()
        return place

    def _move_into_place(self, entry: Path, place: Path) -> None:
        try:
            os.rename(entry, place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # Another notebook was first (then its entry is as good), or it is damaged.
            if load_record(place) is None:
                os.rename(place, entry.parent / "damaged")
                os.rename(entry, place)

    def remember(self, name: str, folder: Path) -> None:
        """Let `name` mean the entry in `folder`, for a kernel that restarts."""
        names = self.root / "names"
        with disk_errors(self.root):
            names.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".", dir=names)
            with os.fdopen(handle, "w") as stream:
                stream.write(str(folder.relative_to(self.root)))
            os.replace(temporary, names / name)

    def recall(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the entry that was last built under `name`, if it is still there."""
        try:
            folder = self.root / (self.root / "names" / name).read_text("utf-8")
        except (OSError, ValueError):
            return None
        record = load_record(folder)
        return (folder, record) if record is not None else None

    def names(self) -> list[str]:
        """Return every name `recall` knows, sorted."""
        try:
            return sorted(path.name for path in (self.root / "names").iterdir()
                          if not path.name.startswith("."))
        except OSError:
            return []

    def _prune(self) -> None:
        """Remove the oldest entries beyond what is kept, and what killed builds left."""
        entries = []
        for path in self.root.iterdir():
            if path.name.startswith(".staging-"):
                if time.time() - _modified(path) > STAGING_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
            elif path.name != "names":
                entries.append(path)
        entries.sort(key=_modified)
        surplus = len(entries) - self.kept * 3 // 4 if len(entries) > self.kept else 0
        for path in entries[:max(surplus, self._beyond_bytes(entries))]:
            shutil.rmtree(path, ignore_errors=True)

    def _beyond_bytes(self, entries: list[Path]) -> int:
        """Return how many of the oldest entries do not fit; the newest always does."""
        room = self.kept_bytes
        for index in range(len(entries) - 1, -1, -1) if room else ():
            room -= _bytes_in(entries[index])
            if room < 0:
                return min(index + 1, len(entries) - 1)
        return 0


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _bytes_in(folder: Path) -> int:
    """Return how much a folder's files take, each shared one by its share."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            stat = path.stat()
            total += stat.st_size // stat.st_nlink if path.is_file() else 0
    return total
