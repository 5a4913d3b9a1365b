"""Disks behind the hypercalls, with QEMU's block devices: data, errors, limits."""

import json
from pathlib import Path

import device_guest
import pytest
from capabilities import need
from device_guest import device, run

pytestmark = pytest.mark.guest

MIB = 1 << 20
ENOENT, EIO, EBADF, ENOMEM, EINVAL, ENOSPC, EROFS = 2, 5, 9, 12, 22, 28, 30


@pytest.fixture
def image() -> Path:
    need("qemu")
    return device_guest.image()


@pytest.fixture
def disk(tmp_path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(8 * MIB))
    return path


def drive(machine: str, path: Path, name: str = "d", **properties: object) -> list[str]:
    """Return the arguments for a disk over a file."""
    read_only = ",read-only=on" if properties.pop("read_only", False) else ""
    return ["-blockdev", f"driver=file,node-name={name}f,filename={path}{read_only}",
            "-blockdev", f"driver=raw,node-name={name},file={name}f{read_only}",
            *device(machine, "blk", drive=name, **properties)]


def faulty(machine: str, path: Path, *rules: dict) -> list[str]:
    """Return the arguments for a disk whose file fails by rules of QEMU's blkdebug."""
    node = {"driver": "raw", "node-name": "d", "file": {
        "driver": "blkdebug", "image": {"driver": "file", "filename": str(path)},
        "inject-error": [{"event": "none", **rule} for rule in rules]}}
    # QEMU merges neighbouring requests that it finds at the same time; an error is then all theirs.
    alone = {"request-merging": "off"}
    return ["-blockdev", json.dumps(node),
            *device(machine, "blk", drive="d", werror="report", rerror="report", **alone)]


def pattern(offset: int, size: int, seed: int) -> bytes:
    """The bytes that the guest's step `write` writes."""
    return bytes(((at * 2654435761 % (1 << 64) >> 8) + seed) & 255
                 for at in range(offset, offset + size))


@pytest.mark.parametrize("machine", device_guest.MACHINES)
def test_what_is_written_lies_on_the_disk_and_is_read_again(image, disk, machine):
    steps = ["info blk0", "open blk0 rw", "write 0 8192 7", "write 1000001 70000 9", "sync",
             "read 0 8192 7", "read 1000001 70000 9", "bio 1 0 65536 64", "close", "read 0 512 0"]
    assert run(image, machine, steps, *drive(machine, disk)) == [
        "info blk0: error 0, 8388608 bytes, type 3", "open blk0: error 0",
        "write 0: error 0, 8192 bytes", "write 1000001: error 0, 70000 bytes", "sync: error 0",
        "read 0: error 0, 8192 bytes, 8192 good",
        "read 1000001: error 0, 70000 bytes, 70000 good",
        "bio: 4194304 bytes, 0 failed, first error 0", "close: error 0",
        f"read 0: error {EBADF}, 0 bytes, 0 good"]
    data = disk.read_bytes()
    assert data[:8192] == pattern(0, 8192, 7)
    assert data[1000001:1070001] == pattern(1000001, 70000, 9)
    assert not any(data[8192:1000001]) and not any(data[1070001:])


@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_disks_are_numbered_in_order_and_found_by_serial_number(image, disk, tmp_path, machine):
    second = tmp_path / "second.img"
    second.write_bytes(bytes(MIB))
    lines = run(image, machine, ["info blk0", "info blk1", "info blk2", "info serial:two",
                                 "info serial:three", "info blk", "info blk0x", "info blk999999"],
                *drive(machine, disk, serial="one"), *drive(machine, second, "e", serial="two"))
    assert lines[:5] == [
        "info blk0: error 0, 8388608 bytes, type 3", "info blk1: error 0, 1048576 bytes, type 3",
        f"info blk2: error {ENOENT}, 0 bytes, type -1",
        "info serial:two: error 0, 1048576 bytes, type 3",
        f"info serial:three: error {ENOENT}, 0 bytes, type -1"]
    assert all(f"error {ENOENT}" in line for line in lines[5:])


def test_the_end_of_a_disk(image, disk):
    steps = ["open blk0 rw", f"write {8 * MIB - 512} 1024 1", f"write {8 * MIB} 512 1",
             f"read {8 * MIB - 512} 1024 1", f"read {8 * MIB} 512 1", f"bio 1 {8 * MIB} 512 1",
             f"bio 1 {8 * MIB - 512} 1024 1", "bio 1 1 512 1", "bio 1 0 511 1", "bio 3 0 512 1",
             "bio 8 0 512 1", "bio 1 9223372036854775296 1024 1"]
    assert run(image, "microvm", steps, *drive("microvm", disk))[1:] == [
        f"write {8 * MIB - 512}: error 0, 512 bytes",
        f"write {8 * MIB}: error {ENOSPC}, 0 bytes",
        f"read {8 * MIB - 512}: error 0, 512 bytes, 512 good",
        f"read {8 * MIB}: error 0, 0 bytes, 0 good",
        *[f"bio: 0 bytes, 1 failed, first error {EINVAL}"] * 7]


def test_a_disk_for_reading_only(image, disk):
    steps = ["open blk0 rw", "open blk0 ro", "read 0 512 0", "write 0 512 0", "sync"]
    read_only = run(image, "microvm", steps, *drive("microvm", disk, read_only=True))
    assert read_only[0] == f"open blk0: error {EROFS}"
    assert read_only[3] == f"write 0: error {EBADF}, 0 bytes"


@pytest.mark.parametrize("machine", ["microvm", "pc"])
def test_an_error_of_the_disk_is_eio_and_a_line_with_the_block(image, disk, machine):
    rules = [{"iotype": "read", "errno": 5, "sector": 128},
             {"iotype": "write", "errno": 28, "sector": 256}]
    steps = ["open blk0 rw", "write 65536 512 7", "read 65536 512 7", "write 131072 4096 3",
             "bio 1 0 1048576 2", "read 0 512 0"]
    assert run(image, machine, steps, *faulty(machine, disk, *rules)) == [
        "open blk0: error 0", "write 65536: error 0, 512 bytes",
        "rumpkit: blk0: read of 512 bytes at block 128 failed",
        f"read 65536: error {EIO}, 0 bytes, 0 good",
        "rumpkit: blk0: write of 2048 bytes at block 256 failed",
        f"write 131072: error {EIO}, 0 bytes",
        "rumpkit: blk0: read of 1048576 bytes at block 0 failed",
        f"bio: 1048576 bytes, 1 failed, first error {EIO}",
        "read 0: error 0, 512 bytes, 1 good"]


def test_a_flush_that_fails_is_an_error_of_the_sync(image, disk):
    rule = {"iotype": "flush", "errno": 5, "once": True}
    steps = ["open blk0 rw", "write 0 512 1", "sync", "write 0 512 1", "sync", "bio 6 0 512 1"]
    lines = run(image, "microvm", steps, *faulty("microvm", disk, rule))
    assert lines[2:4] == ["rumpkit: blk0: flush failed", f"sync: error {EIO}"]
    assert lines[5:] == ["sync: error 0", "bio: 512 bytes, 0 failed, first error 0"]


def test_a_write_that_is_to_be_synchronous_fails_with_its_flush(image, disk):
    rule = {"iotype": "flush", "errno": 5}
    lines = run(image, "microvm", ["open blk0 rw", "bio 6 0 512 1"],
                *faulty("microvm", disk, rule))
    assert lines[1:] == ["rumpkit: blk0: flush failed",
                         f"bio: 512 bytes, 1 failed, first error {EIO}"]


def test_errors_beyond_twenty_are_counted_silently(image, disk):
    steps = ["open blk0 ro", "bio 1 0 4096 50"]
    lines = run(image, "microvm", steps, *faulty("microvm", disk, {"iotype": "read"}))
    assert sum("failed\n" in f"{line}\n" for line in lines) == 20
    assert lines[-2:] == ["rumpkit: blk0: later errors are not printed",
                          f"bio: 0 bytes, 50 failed, first error {EIO}"]


def test_without_memory_a_transfer_is_refused_and_later_ones_work(image, disk):
    steps = ["open blk0 rw", "eat", "tight", "relieve", "tight", "read 0 512 0"]
    assert run(image, "microvm", steps, *drive("microvm", disk)) == [
        "open blk0: error 0", f"tight: error {ENOMEM}", "tight: error 0",
        "read 0: error 0, 512 bytes, 1 good"]


@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_a_disk_that_is_found_without_memory_can_be_had_later(image, disk, machine):
    steps = ["info blk1", "eat", "info blk0", "relieve", "info blk0"]
    lines = run(image, machine, steps, *drive(machine, disk))
    assert lines[1] == f"info blk0: error {ENOMEM}, 0 bytes, type -1"
    assert lines[2] == "info blk0: error 0, 8388608 bytes, type 3"
