"""A root file system of a few files, which both guests of a comparison unpack or map.

cpio "newc", as Linux's initramfs-buffer-format describes it.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

__all__ = ["root_archive"]

_FOLDER, _PROGRAM, _FILE, _LINK = 0o040755, 0o100755, 0o100644, 0o120777


def root_archive(target: Path, programs: Mapping[str, bytes],
                 files: Mapping[str, bytes] | None = None,
                 links: Mapping[str, str] | None = None) -> Path:
    """Write an archive of `programs` (executable), `files` and symbolic `links`.

    Keys are paths without a leading slash; folders are made.  Returns `target`.
    """
    entries = [(path, _PROGRAM, data) for path, data in programs.items()]
    entries += [(path, _FILE, data) for path, data in (files or {}).items()]
    entries += [(path, _LINK, to.encode()) for path, to in (links or {}).items()]
    folders = sorted({str(parent) for path, _, _ in entries
                      for parent in PurePosixPath(path).parents if str(parent) != "."})
    with target.open("wb") as archive:
        for path, mode, data in [(folder, _FOLDER, b"") for folder in folders] + entries:
            archive.write(_member(path, mode, data))
        archive.write(_member("TRAILER!!!", 0, b""))
    return target


def _member(name: str, mode: int, data: bytes) -> bytes:
    """Return one cpio member: a header of 13 hexadecimal words, a name, the content."""
    path = name.encode() + b"\0"
    words = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    header = b"070701" + "".join(f"{word:08X}" for word in words).encode() + path
    return _padded(header) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
