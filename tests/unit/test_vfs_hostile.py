"""Disks, 9p servers, archives and programs that hold anything, under the sanitizers.

Seeds are made here, then bytes are changed at random.  RUMPLAB_FUZZ_S is how long each kind
is tried, in seconds; what fails is kept beside the seeds and named in the message.
"""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from capabilities import need
from test_vfs_disk import make_image

FUZZ_S = float(os.environ.get("RUMPLAB_FUZZ_S", "4"))
TIMEOUT_S = 60
REFUSED = 3  # vfs_host could not mount the disk


def rounds() -> Iterator[random.Random]:
    """Give sources of chance, at least three, until the time is over."""
    end = time.monotonic() + FUZZ_S
    number = 0
    while number < 3 or time.monotonic() < end:
        yield random.Random(number)
        number += 1


def damage(data: bytearray, chance: random.Random, places: Callable[[], int]) -> None:
    """Change bytes, bits and numbers at some places."""
    for _ in range(chance.choice((1, 2, 5, 20, 100))):
        at = places()
        kind = chance.randrange(3)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        else:
            value = chance.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, chance.randrange(70000)))
            at = min(at & ~3, len(data) - 4)
            data[at:at + 4] = value.to_bytes(4, "little")


def check(program: Path, arguments: list[str], kept: Path, **settings: str) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True,
                          errors="replace", timeout=TIMEOUT_S, env={**os.environ, **settings})
    assert done.returncode in (0, REFUSED), f"{kept}: {done.stderr[-2000:]}"


def fill(folder: Path) -> None:
    """Files of every kind that a disk or an archive can hold."""
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "big").write_bytes(random.Random(1).randbytes(300_000))
    for number in range(60):
        (folder / "a" / f"file-{number:030d}").write_text("y" * number)
    (folder / "short").symlink_to("a/b")
    (folder / "long").symlink_to("x" * 100)


@pytest.mark.parametrize(("kind", "block_bytes", "size"), [
    ("ext2", 1024, "2M"), ("ext2", 4096, "2M"), ("ext4", 4096, "16M")])
def test_disks(vfs_host: Path, tmp_path: Path, kind: str, block_bytes: int, size: str) -> None:
    fill(tmp_path / "content")
    seed = make_image(tmp_path, block_bytes, size, kind).read_bytes()
    sectors = [at for at in range(0, len(seed), 512) if any(seed[at:at + 512])]
    tables = [at for at in sectors if at < 250_000]
    kept, used = tmp_path / "damaged.img", tmp_path / "used.img"
    for chance in rounds():
        data = bytearray(seed)
        damage(data, chance, lambda chance=chance: (  # type: ignore[misc]
            chance.choice((1024, *tables)) + chance.randrange(512)))
        for image in (kept, used):  # the one is what the other was
            image.write_bytes(data)
        check(vfs_host, ["disk", str(used), "use_everything"], kept)


def test_servers(vfs_host: Path, tmp_path: Path) -> None:
    for number, _ in enumerate(rounds(), 1):
        check(vfs_host, ["guest", "use_server"], tmp_path / f"seed {number}", SERVER=str(number))


def test_archives(vfs_host: Path, tmp_path: Path) -> None:
    fill(tmp_path / "content")
    names = "\n".join(str(path.relative_to(tmp_path / "content"))
                      for path in sorted((tmp_path / "content").rglob("*")))
    seed = archive_of(tmp_path / "content", names.splitlines())
    headers = [at for at in range(0, len(seed), 4) if seed[at:at + 6] == b"070701"]
    kept = tmp_path / "damaged.cpio"
    for chance in rounds():
        data = bytearray(seed)
        for _ in range(chance.choice((1, 3, 30))):
            at = chance.choice(headers) + chance.randrange(130)
            data[at % len(data)] = ord(chance.choice("0123456789abcdef/.\0"))
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)):]
        kept.write_bytes(data)
        check(vfs_host, ["guest", "use_archive"], kept, ARCHIVE=str(kept))


def archive_of(folder: Path, names: list[str]) -> bytes:
    """Make a cpio archive, cpio(5): every third file has the number of the first."""
    parts = []
    for number, name in enumerate([*names, "TRAILER!!!"]):
        path = folder / name
        is_link = path.is_symlink()
        data = os.readlink(path).encode() if is_link else (
            path.read_bytes() if path.is_file() else b"")
        mode = path.lstat().st_mode if name in names else 0
        encoded = name.encode() + b"\0"
        fields = (1 if number % 3 == 0 else number + 1, mode, 0, 0, 1 + (number % 3 == 0), 1,
                  len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        parts.append(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))
    return b"".join(parts)


def test_programs(vfs_host: Path, tmp_path: Path) -> None:
    need("compiler")
    (tmp_path / "program.c").write_text("int many[9999]; int main(void) { return many[3]; }\n")
    subprocess.run(["gcc", "-o", tmp_path / "program", tmp_path / "program.c"], check=True)
    seed = (tmp_path / "program").read_bytes()
    kept = tmp_path / "damaged"
    for chance in rounds():
        data = bytearray(seed)
        damage(data, chance, lambda chance=chance: chance.randrange(900))  # type: ignore[misc]
        data[:6] = seed[:6]
        kept.write_bytes(data)
        check(vfs_host, ["guest", "load"], kept, PROGRAM=str(kept))
