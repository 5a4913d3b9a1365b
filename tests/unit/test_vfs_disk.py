"""The guest's ext2 on this host: as tmpfs and Linux, e2fsck's verdict, crashes, errors.

The same calls as in test_vfs_host, with the guest's root on a disk image; mke2fs makes the
images, and e2fsck judges what is left of them.
"""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from capabilities import CAPABILITIES, need

TIMEOUT_S = 100
CLEAN, CORRECTED = 0, 1  # e2fsck(8), exit status
# Scenarios of names and data whose results do not depend on the file system.
SCENARIOS = ("hard_links", "symbolic_links", "link_counts", "many_entries", "listing_in_pieces",
             "times", "working_directory", "reading_and_writing", "vectors", "sending", "locking",
             "memory_files", "pipes", "fifos", "polling")
BLOCK_BYTES = (1024, 2048, 4096)


def _e2fsprogs() -> str:
    try:
        subprocess.run(["/sbin/e2fsck", "-V"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return ""


CAPABILITIES.setdefault("e2fsprogs", _e2fsprogs)


def make_image(folder: Path, block_bytes: int = 4096, size: str = "40M", kind: str = "ext2",
               *options: str) -> Path:
    """Make a file system with the directories that a guest's root has."""
    need("e2fsprogs")
    content = folder / "content"
    for name in ("dev", "etc", "proc", "root", "sys", "tmp"):
        (content / name).mkdir(parents=True, exist_ok=True)
    image = folder / "disk.img"
    image.unlink(missing_ok=True)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", kind, "-b", str(block_bytes), *options,
                    "-d", content, image, size], check=True, capture_output=True)
    return image


def fsck(image: Path, *options: str) -> int:
    return subprocess.run(["/sbin/e2fsck", "-f", *options, image],
                          capture_output=True).returncode


def run(program: Path, image: Path, *scenario: str, **settings: int) -> tuple[list[str], str]:
    """Run a scenario on a disk; return its notes and the guest's console."""
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    done = subprocess.run([program, "disk", image, *scenario], capture_output=True, text=True,
                          errors="replace", timeout=TIMEOUT_S, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def linux(program: Path, root: Path, *scenario: str) -> list[str]:
    need("namespaces")
    root.mkdir(exist_ok=True)
    done = subprocess.run([program, "linux", root, *scenario], capture_output=True, text=True,
                          errors="replace", timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def without_blocks(lines: list[str]) -> list[str]:
    """Drop what file systems differ in: how many blocks a file takes."""
    return [re.sub(r" blocks \d+", "", line) for line in lines]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_calls_as_on_linux(vfs_host: Path, tmp_path: Path, scenario: str) -> None:
    image = make_image(tmp_path)
    expected = without_blocks(linux(vfs_host, tmp_path / "root", scenario))
    assert without_blocks(run(vfs_host, image, scenario)[0]) == expected
    assert fsck(image, "-n") == CLEAN


@pytest.mark.parametrize("block_bytes", BLOCK_BYTES)
@pytest.mark.parametrize("seed", range(1, 3))
def test_random_calls_as_on_linux(vfs_host: Path, tmp_path: Path, seed: int,
                                  block_bytes: int) -> None:
    image = make_image(tmp_path, block_bytes, "128M")
    arguments = ("fuzz", str(seed), "2000", "small")
    expected = without_blocks(linux(vfs_host, tmp_path / "root", *arguments))
    assert without_blocks(run(vfs_host, image, *arguments)[0]) == expected
    assert fsck(image, "-n") == CLEAN


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_at_any_write_is_repaired_without_questions(vfs_host: Path, tmp_path: Path,
                                                             seed: int) -> None:
    lost_from = random.Random(seed).randrange(2, 900)
    image = make_image(tmp_path, BLOCK_BYTES[seed % len(BLOCK_BYTES)])
    run(vfs_host, image, "fuzz", str(seed), "1500", "small", LOSE_FROM=lost_from)
    assert fsck(image, "-p") in (CLEAN, CORRECTED)
    assert fsck(image, "-n") == CLEAN


@pytest.mark.parametrize(("reads", "writes"), [(0, 30), (7, 0), (50, 200)])
def test_errors_of_the_device_are_contained(vfs_host: Path, tmp_path: Path, reads: int,
                                            writes: int) -> None:
    image = make_image(tmp_path, 1024)
    _, console = run(vfs_host, image, "fuzz", "3", "1500", "small", FAIL_READS=reads,
                     FAIL_WRITES=writes)
    assert ("writing failed" in console) == bool(writes)
    assert fsck(image, "-y") in (CLEAN, CORRECTED)
    assert fsck(image, "-n") == CLEAN
    if not writes:
        assert "run e2fsck" not in console


def test_failing_allocations_leave_a_clean_disk(vfs_host: Path, tmp_path: Path) -> None:
    image = make_image(tmp_path, 1024)
    run(vfs_host, image, "failing_allocations")
    assert fsck(image, "-n") == CLEAN


def test_a_full_disk_says_so_and_stays_clean(vfs_host: Path, tmp_path: Path) -> None:
    image = make_image(tmp_path, 1024, "2M")
    lines, console = run(vfs_host, image, "large_writes")
    assert any("-28" in line or line.endswith("= 1040384") for line in lines) or not console
    assert fsck(image, "-n") == CLEAN


@pytest.mark.parametrize(("kind", "options", "line"), [
    ("ext4", (), "mounted read-only"),
    ("ext2", ("-O", "huge_file"), "mounted read-only"),
    ("ext2", ("-O", "meta_bg,^resize_inode"), "unknown incompatible features"),
])
def test_features_that_are_not_ext2s(vfs_host: Path, tmp_path: Path, kind: str,
                                     options: tuple[str, ...], line: str) -> None:
    image = make_image(tmp_path, 4096, "40M", kind, *options)
    before = image.read_bytes()
    done = subprocess.run([vfs_host, "disk", image, "use_everything"], capture_output=True,
                          text=True, timeout=TIMEOUT_S)
    assert line in done.stderr
    assert image.read_bytes() == before


def test_a_disk_without_a_file_system_is_refused_in_one_line(vfs_host: Path,
                                                             tmp_path: Path) -> None:
    image = tmp_path / "empty.img"
    image.write_bytes(bytes(1 << 20))
    done = subprocess.run([vfs_host, "disk", image, "use_everything"], capture_output=True,
                          text=True, timeout=TIMEOUT_S)
    assert "no ext2 file system: make one with mke2fs" in done.stderr
