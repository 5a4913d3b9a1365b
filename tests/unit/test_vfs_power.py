"""The power goes in the middle of writes: what fsync reported is on the disk.

The disk of tests/host_seam/power.c keeps writes in a cache until it is told to flush; at the
n-th write some of what is in there is on the disk, and some is not, in no order.  e2fsck
mends that, and debugfs says what is in it.  RUMPLAB_POWER_CUTS is how many are tried.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from capabilities import need
from test_vfs_disk import BLOCK_BYTES, CLEAN, CORRECTED, TIMEOUT_S, fsck, make_image

CUTS = int(os.environ.get("RUMPLAB_POWER_CUTS", "16"))
# Pages of RAM: with few, the cache is small, and writes go out before a flush asks for them.
RAM_PAGES = (512, 65536)
# What ledger_scenario.c does to a file.
REPLACED, RENAMED, APPENDED, CHANGED, REMOVED = range(5)


def content(seed: int, start: int, count: int) -> bytes:
    """The bytes that ledger_scenario.c writes."""
    return bytes((seed * 31 + at * 7 + (at >> 8)) & 255 for at in range(start, start + count))


def after(before: bytes | None, kind: int, seed: int, start: int, count: int) -> bytes | None:
    """Return what a file is after a change of it; None: it is not there."""
    if kind == REMOVED:
        return None
    new = content(seed, start, count)
    if kind in (REPLACED, RENAMED):
        return new
    return (before or b"").ljust(start, b"\0")[:start] + new + (before or b"")[start + count:]


def agrees(found: bytes | None, before: bytes | None, change: list[int]) -> bool:
    """Whether a file is one that was being changed when the power went."""
    kind, _, start, count = change
    if found in (before, after(before, *change)):
        return True
    if kind in (RENAMED, REMOVED) or (found is None and before is not None):
        return False
    if kind == REPLACED:   # its old bytes are given up first
        return True
    old, new = before or b"", found or b""
    return new[:start] == old[:start] and new[start + count:] == old[start + count:]


def promised(lines: list[str]) -> tuple[dict[str, bytes | None], str, list[int]]:
    """Return each file as it was promised, and the change that was under way."""
    files: dict[str, bytes | None] = {}
    name, change = "", [REMOVED, 0, 0, 0]
    for line in lines:
        words = line.split()
        if words[0] == "begin":
            name, change = words[1], [int(word) for word in words[2:]]
        elif words[0] == "done":
            files[name] = after(files.get(name), *change)
            name = ""
        elif words[0] == "sync":
            assert line == "sync 0"
    return files, name, change


def contents(image: Path, folder: Path) -> dict[str, bytes]:
    """Return the files in a disk's root, as debugfs(8) finds them."""
    folder.mkdir()
    subprocess.run(["/sbin/debugfs", "-R", f"rdump / {folder}", image], check=True,
                   capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def cut(program: Path, folder: Path, seed: int, *, most: int = 1500) -> None:
    """Let the power go at a write that the seed says, and compare."""
    where = random.Random(seed).randrange(2, most)
    image = make_image(folder, BLOCK_BYTES[seed % len(BLOCK_BYTES)], "2M")
    stable = shutil.copy(image, folder / "stable.img")
    done = subprocess.run(
        [program, "disk", image, "ledger"], capture_output=True, text=True, timeout=TIMEOUT_S,
        env={**os.environ, "POWER_CUT": str(where), "SEED": str(seed), "STABLE": str(stable),
             "RAM_PAGES": str(RAM_PAGES[seed % len(RAM_PAGES)])})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert fsck(stable, "-y") in (CLEAN, CORRECTED) and fsck(stable, "-n") == CLEAN
    found = contents(stable, folder / "found")
    files, under_way, change = promised(lines)
    for name, expected in files.items():
        if name == under_way:
            assert agrees(found.get(name), expected, change), f"{seed}: {name}, under way {change}"
        else:
            assert found.get(name) == expected, f"{seed}: {name}"


@pytest.mark.parametrize("seed", range(CUTS))
def test_what_was_synced_is_there(vfs_host: Path, tmp_path: Path, seed: int) -> None:
    need("e2fsprogs")
    cut(vfs_host, tmp_path, seed)
