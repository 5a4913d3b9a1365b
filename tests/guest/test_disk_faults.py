"""Disks of guests under kills, errors and want of room; e2fsck is the judge."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import GuestPanic
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

PROGRAM = Path(__file__).parent / "disk_programs" / "ledger.c"
EIO = 5
NOT_MOUNTED = 125  # the guest's exit status, mount_list.c


@pytest.fixture(scope="module")
def direct():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def ledger(direct):
    return direct.build(PROGRAM.read_text(), "ledger")


def kill(guest, disk) -> None:
    os.kill(guest.pid, signal.SIGKILL)
    assert ProcessId.of(guest.pid).wait(60)
    end = time.monotonic() + 60
    while disk.in_use() and time.monotonic() < end:  # a thread of QEMU's is in fdatasync still
        time.sleep(0.05)


def output(direct, ledger, disk, *arguments: str) -> str:
    guest = direct.boot(ledger, argv=["ledger", *arguments], disks=[disk])
    assert guest.wait(timeout=60) == 0, guest.console.text
    return guest.console.text


@pytest.mark.parametrize("wait_s", [0.0, 0.15, 0.4])
def test_what_was_committed_survives_a_kill(direct, ledger, tmp_path, wait_s):
    disk = direct.disk(tmp_path / "data.img", size_mib=16, fstype="ext2", mountpoint="/data")
    guest = direct.boot(ledger, argv=["ledger", "run", "100000"], disks=[disk])
    guest.console.expect(r"done 3\n", timeout=60)
    time.sleep(wait_s)
    kill(guest, disk)
    committed = int(re.findall(r"done (\d+)\n", guest.console.text)[-1])
    assert disk.repair().mended and disk.check().clean
    last = int(re.search(r"last (-?\d+)", output(direct, ledger, disk, "check"))[1])
    assert committed <= last <= committed + 1
    assert disk.check().clean


# A way to have bytes on the disk when a call returns: the name of the file says which.
PROMISES = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RWF_DSYNC 2 /* musl 1.2.3 has no pwritev2 */

int main(int count, char **arguments)
{
    const char *path = arguments[count - 1], *way = path + strlen("/data/");
    struct iovec text = { "here", 4 };
    int is_dsync = !strcmp(way, "O_DSYNC"), is_sync = !strcmp(way, "O_SYNC");
    int file = open(path, O_RDWR | O_CREAT | (is_dsync ? O_DSYNC : is_sync ? O_SYNC : 0), 0600);

    if (is_dsync || is_sync) {
        write(file, "here", 4);
    } else if (!strcmp(way, "RWF_DSYNC")) {
        syscall(SYS_pwritev2, file, &text, 1, 0, 0, RWF_DSYNC);
    } else {
        ftruncate(file, 4);
        char *page = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

        memcpy(page, "here", 4);
        if (!strcmp(way, "msync"))
            msync(page, 4, MS_SYNC);
        else
            fdatasync(file);
    }
    puts("there");
    for (;;)
        pause();
}
"""


@pytest.mark.parametrize("way", ["O_DSYNC", "O_SYNC", "RWF_DSYNC", "msync", "mapped"])
def test_each_way_to_ask_for_the_disk_is_honoured(direct, tmp_path, way):
    disk = direct.disk(tmp_path / "data.img", size_mib=2, fstype="ext2", mountpoint="/data")
    guest = direct.boot(direct.build(PROMISES, "promises"), argv=["promises", f"/data/{way}"],
                        disks=[disk])
    guest.console.expect(r"there\n", timeout=60)
    kill(guest, disk)
    assert disk.repair().mended
    held = subprocess.run(["/sbin/debugfs", "-R", f"cat {way}", disk.path], check=True,
                          capture_output=True).stdout
    assert held == b"here"


@pytest.mark.parametrize("rounds", [49, 149, 299])
def test_a_kill_in_the_middle_of_changes_is_repaired(direct, ledger, tmp_path, rounds):
    """Nothing belongs to two files or refers to what is none.

    A file that was being renamed between two folders can be without a name: e2fsck gives it one
    in lost+found.
    """
    disk = direct.disk(tmp_path / "data.img", size_mib=16, fstype="ext2", mountpoint="/data")
    guest = direct.boot(ledger, argv=["ledger", "churn"], disks=[disk])
    guest.console.expect(rf"round {rounds}\n", timeout=60)
    kill(guest, disk)
    repaired = disk.repair()
    assert repaired.mended and disk.check().clean, repaired.output
    assert not re.search(r"claimed|llegal|nvalid|corrupt|bad ", repaired.output), repaired.output
    assert "last" in output(direct, ledger, disk, "check")


def test_a_full_disk_is_an_error_and_no_more(direct, ledger, tmp_path):
    disk = direct.disk(tmp_path / "data.img", size_mib=4, fstype="ext2", mountpoint="/data")
    text = output(direct, ledger, disk, "fill")
    assert "No space left on device" in text
    assert text.count("sync 0") == 2 and "again 4096" in text
    assert disk.check().clean


def boot_with_rules(ledger, disk, rules: dict) -> tuple[int, str]:
    """Run `ledger errors` on a disk whose file fails by rules of QEMU's blkdebug."""
    node = {"driver": "raw", "node-name": "d", "file": {
        "driver": "blkdebug", "image": {"driver": "file", "filename": str(disk.path)}, **rules}}
    return boot(ledger, "errors", ["-blockdev", json.dumps(node), "-device",
                                   "virtio-blk-device,drive=d,werror=report,rerror=report"])


def boot(ledger, command: str, arguments: list[str]) -> tuple[int, str]:
    """Run a command with a disk mounted on /data; the exit status and the console."""
    config = {"blk": {"source": "dev", "path": "blk0", "fstype": "ext2", "mountpoint": "/data"},
              "rc": [{"bin": "ledger", "argv": ["ledger", command]}]}
    done = subprocess.run(
        ["qemu-system-x86_64", "-M", "microvm,rtc=on,acpi=off", "-accel", "tcg", "-cpu", "max",
         "-m", "32", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
         "-serial", "stdio", "-device", EXIT_DEVICE, "-kernel", ledger.path, *arguments,
         "-append", json.dumps(config)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode >> 1, done.stdout


def test_a_failed_write_is_an_error_of_fsync(direct, ledger, tmp_path):
    disk = direct.disk(tmp_path / "data.img", size_mib=8, fstype="ext2", mountpoint="/data")
    # The mount's own mark is flushed; from then on no write succeeds.
    status, text = boot_with_rules(ledger, disk, {
        "set-state": [{"event": "flush_to_disk", "state": 1, "new_state": 2}],
        "inject-error": [{"event": "pwritev", "state": 2, "errno": EIO, "once": False}]})
    assert (f"open 0\nwrite 0\nsync {EIO}\nthen {EIO}\nsync {EIO}\n") in text.replace(
        "\r", "").replace(line_of(text), ""), text
    assert "writing failed; what was written last is lost" in text
    assert status == 0
    assert disk.repair().mended and disk.check().clean


def line_of(text: str) -> str:
    """Return the runtime's line among the program's."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith("rumpkit:"))


def test_a_disk_whose_writes_do_not_last_is_not_mounted(direct, ledger, tmp_path):
    disk = direct.disk(tmp_path / "data.img", size_mib=8, fstype="ext2", mountpoint="/data")
    status, text = boot_with_rules(ledger, disk, {
        "inject-error": [{"event": "none", "iotype": "flush", "errno": EIO, "once": False}]})
    assert "cannot mount blk0" in text and "the device reports an error" in text
    assert status == NOT_MOUNTED


def test_a_file_edited_on_the_host_is_what_the_guest_sees(direct, ledger, tmp_path):
    note = tmp_path / "note"
    note.write_text("one")
    guest = direct.boot(ledger, argv=["ledger", "read", "/host/note"], shares={"/host": tmp_path})
    guest.console.expect("saw one\n", timeout=60)
    note.write_text("two")
    guest.console.expect("saw two\n", timeout=60)
    replacement = tmp_path / "new"
    replacement.write_text("three, another file")
    replacement.rename(note)
    guest.console.expect("saw three, another file\n", timeout=60)
    note.write_text("end")
    assert guest.wait(timeout=60) == 0


def test_a_disk_without_ext2_ends_the_guest_with_one_line(direct, ledger, tmp_path):
    image = tmp_path / "none.img"
    image.write_bytes(bytes(1 << 20))
    status, text = boot(ledger, "check", [
        "-drive", f"if=none,id=d,format=raw,file={image}", "-device", "virtio-blk-device,drive=d"])
    assert status == NOT_MOUNTED
    assert "no ext2 file system: make one with mke2fs" in text
    assert "last" not in text


HUNGRY = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char block[65536];

int main(int count, char **arguments)
{
    int file = open("/data/large", O_RDWR | O_CREAT, 0600);

    (void)arguments;
    for (int i = 0; count > 1 && i < 200; i++)
        write(file, block, sizeof block);
    fsync(file);
    for (int i = 1;; i++) {
        memset(malloc(sizeof block), 1, sizeof block);
        dprintf(1, "%d\n", i);
    }
}
"""
CACHE_KIB = 16 * 1024 // 8


def test_the_cache_gives_way_to_the_program(direct, tmp_path):
    disk = direct.disk(tmp_path / "data.img", size_mib=32, fstype="ext2", mountpoint="/data")
    image = direct.build(HUNGRY, "hungry")
    reached = []
    for arguments in ([], ["fill the cache"]):
        guest = direct.boot(image, memory_mib=16, argv=["hungry", *arguments], disks=[disk])
        with pytest.raises(GuestPanic, match="out of memory"):
            guest.wait(timeout=60)
        reached.append(64 * int(re.findall(r"^(\d+)$", guest.console.text, re.M)[-1]))
    assert reached[0] - reached[1] < CACHE_KIB // 2, reached
