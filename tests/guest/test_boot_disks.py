"""Guests with disks and folders of this machine, through both drivers."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from capabilities import need
from test_boot_errors import refused
from test_boot_processes import Notebook, ordinary_user  # noqa: F401

from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import HostError, UsageError
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

# write FILE TEXT: append and fsync; read FILE: print; hold FILE: write, fsync, stay.
PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char text[256] = "";
    int writes = strcmp(argv[1], "read");
    int file = open(argv[2], writes ? O_WRONLY | O_CREAT | O_APPEND : O_RDONLY, 0644);

    if (file < 0)
        return printf("%s: %s\n", argv[2], strerror(errno)), 3;
    if (!writes) {
        read(file, text, sizeof text - 1);
        fputs(text, stdout);
        return 0;
    }
    if (write(file, argv[3], strlen(argv[3])) < 0 || fsync(file))
        return printf("%s: %s\n", argv[2], strerror(errno)), 4;
    puts("written");
    if (!strcmp(argv[1], "hold"))
        pause();
    return 0;
}
"""


@pytest.fixture(scope="module")
def files():
    """The image of a program that writes and reads one file."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        return lab.build(PROGRAM, "files")


def contents(disk: Disk, name: str) -> str:
    """Return a file of an ext2 disk, read on the host."""
    return subprocess.run(["debugfs", "-R", f"cat {name}", disk.path], capture_output=True,
                          text=True, check=True, env={**os.environ,
                                                      "PATH": os.environ["PATH"] + ":/usr/sbin"}
                          ).stdout


@pytest.mark.parametrize("machine", ["microvm", "q35", "pc"])
def test_what_a_guest_wrote_is_on_the_disk_and_in_the_next_guest(driver, lab, files, tmp_path,
                                                                  machine):
    disk = lab.disk(tmp_path / "data.img", size_mib=8, fstype="ext2", mountpoint="/data")
    wrote = lab.boot(files, argv=["files", "write", "/data/note", "kept\n"], disks=[disk],
                     machine=machine)
    assert wrote.wait(timeout=60) == 0, wrote.console.text
    assert contents(disk, "/note") == "kept\n"
    assert disk.check().clean
    read = lab.boot(files, argv=["files", "read", "/data/note"], machine=machine,
                    disks=[f"{disk.path}:/data::ro"])
    assert read.wait(timeout=60) == 0 and read.console.text.endswith("kept\n")


def test_disks_are_found_in_the_order_they_were_given(driver, lab, files, tmp_path):
    disks = [lab.disk(tmp_path / f"{name}.img", size_mib=8, fstype="ext2",
                      mountpoint=f"/{name}") for name in ("first", "second", "third")]
    for number, disk in enumerate(disks):
        guest = lab.boot(files, argv=["files", "write", f"{disk.mountpoint}/n", str(number)],
                         disks=disks)
        assert guest.wait(timeout=60) == 0, guest.console.text
    assert [contents(disk, "/n") for disk in disks] == ["0", "1", "2"]


def test_after_fsync_the_file_is_safe_from_a_kill(driver, lab, files, tmp_path):
    disk = lab.disk(tmp_path / "data.img", size_mib=8, fstype="ext2", mountpoint="/data")
    guest = lab.boot(files, argv=["files", "hold", "/data/note", "synced"], disks=[disk])
    guest.console.expect("written", timeout=60)
    refused(UsageError, disk.check, "is in use by a guest")
    refused(UsageError, disk.repair, "is in use by a guest")
    assert disk.in_use()
    os.kill(guest.pid, signal.SIGKILL)
    assert ProcessId.of(guest.pid).wait(60)
    until = time.monotonic() + 60
    while disk.in_use() and time.monotonic() < until:
        time.sleep(0.01)  # a thread that was writing ends after the process is seen to
    assert not disk.in_use()
    assert disk.repair().mended and disk.check().clean
    assert contents(disk, "/note") == "synced"


def test_a_read_only_disk_cannot_be_written(driver, lab, files, tmp_path):
    disk = lab.disk(tmp_path / "data.img", size_mib=8, fstype="ext2").at("/data", read_only=True)
    guest = lab.boot(files, argv=["files", "write", "/data/x", "no"], disks=[disk])
    assert guest.wait(timeout=60) == 3
    assert "ead-only file system" in guest.console.text


def test_a_qcow2_disk_is_one_too(driver, lab, files, tmp_path):
    need("qemu-img")
    raw, path = tmp_path / "data.img", tmp_path / "data.qcow2"
    lab.disk(raw, size_mib=8, fstype="ext2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
    disk = lab.disk(path, fstype="ext2", mountpoint="/data")
    assert disk.size_bytes == 8 << 20
    for command in (["write", "/data/x", "in qcow2"], ["read", "/data/x"]):
        guest = lab.boot(files, argv=["files", *command], disks=[disk])
        assert guest.wait(timeout=60) == 0
    assert "in qcow2" in guest.console.text
    refused(UsageError, disk.check, "is a qcow2 image and cannot be checked here")
    path.rename(tmp_path / "wrong.img")
    refused(UsageError, lambda: lab.boot(files, disks=[tmp_path / "wrong.img"]),
            "is a qcow2 image, not a raw one")


def test_one_disk_has_one_writer(driver, lab, probe, tmp_path):
    disk = lab.disk(tmp_path / "data.img", size_mib=8)

    def boot(**more):
        return lab.boot(probe, memory_mib=16, argv=["probe", "@h"], **{"disks": [disk], **more})

    boot(name="writer")
    error = refused(UsageError, boot, "is in use by guest writer, and only one may write to it")
    assert 'lab.stop("writer")' in error.next_step
    lab.stop("writer")
    readers = [Disk(disk.path, read_only=True)]
    assert [boot(disks=readers).state for _ in range(2)] == ["running"] * 2


def test_a_disk_keeps_what_it_has(lab, tmp_path):
    path = tmp_path / "data.img"
    lab.disk(path, size_mib=8, fstype="ext2")
    before = path.read_bytes()
    assert lab.disk(path, size_mib=8, fstype="ext2").size_bytes == 8 << 20
    assert lab.disk(path).size_bytes == 8 << 20 and path.read_bytes() == before
    refused(UsageError, lambda: lab.disk(path, size_mib=16), "has 8 MiB, not 16")


def test_disks_that_are_none(lab, probe, tmp_path, monkeypatch):
    def boot(*disks):
        return lab.boot(probe, memory_mib=16, disks=disks)

    error = refused(UsageError, lambda: boot(tmp_path / "none.img"), "does not exist")
    assert "lab.disk(path, size_mib=64)" in error.next_step
    refused(UsageError, lambda: boot(tmp_path), "is not a file")
    (tmp_path / "empty.img").touch()
    refused(UsageError, lambda: boot(tmp_path / "empty.img"), "is too small: it has 0 bytes")
    (tmp_path / "odd.img").write_bytes(bytes(1000))
    refused(UsageError, lambda: boot(tmp_path / "odd.img"), "not whole sectors")
    lab.disk(tmp_path / "blank.img", size_mib=1)
    refused(UsageError, lambda: boot(f"{tmp_path}/blank.img:/data"), "has no ext2 file system")
    refused(HostError, lambda: lab.disk("/proc/no/disk.img", size_mib=1), "cannot be made")
    refused(UsageError, lambda: lab.disk(tmp_path / "x.img", size_mib=0), "is no size of a disk")
    refused(UsageError, lambda: lab.disk(tmp_path / "x.qcow2", size_mib=1), "makes raw ones")
    refused(HostError, lab.disk(tmp_path / "blank.img").check, "e2fsck cannot check")
    monkeypatch.setattr("kernel_magics.boot.devices.filesystems._SBIN", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    error = refused(HostError, lambda: lab.disk(tmp_path / "new.img", size_mib=8, fstype="ext2"),
                    "mkfs.ext2 was not found")
    assert "apt install e2fsprogs" in error.next_step
    assert not (tmp_path / "new.img").exists()


def test_a_damaged_file_system_is_found_and_mended(lab, tmp_path):
    disk = lab.disk(tmp_path / "data.img", size_mib=8, fstype="ext2")
    with open(disk.path, "r+b") as image:  # the block bitmap's pages and the inode table
        image.seek(3 * 4096)
        image.write(b"\xa5" * 8192)
    found = disk.check()
    assert not found.clean and "damaged" in repr(found)
    disk.repair()
    assert disk.check().clean


@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_a_folder_is_the_same_on_both_sides(driver, lab, files, tmp_path, machine):
    (tmp_path / "to guest").write_text("from the host\n")
    guest = lab.boot(files, argv=["files", "read", "/host/to guest"], machine=machine,
                     shares={"/host": tmp_path})
    assert guest.wait(timeout=60) == 0 and guest.console.text.endswith("from the host\n")
    guest = lab.boot(files, argv=["files", "write", "/host/to host", "from the guest"],
                     machine=machine, shares={"/host": str(tmp_path)})
    assert guest.wait(timeout=60) == 0, guest.console.text
    written = tmp_path / "to host"
    assert written.read_text() == "from the guest"
    assert (written.stat().st_uid, written.stat().st_mode & 0o777) == (os.geteuid(), 0o644)


def test_a_folder_shared_read_only_is_not_written(driver, lab, files, tmp_path):
    guest = lab.boot(files, argv=["files", "write", "/host/x", "no"],
                     shares=[f"{tmp_path}:/host:ro"])
    assert guest.wait(timeout=60) == 3
    assert "ead-only file system" in guest.console.text and not list(tmp_path.iterdir())


def test_folders_that_are_none(lab, probe, tmp_path):
    def boot(folder):
        return lab.boot(probe, memory_mib=16, shares={"/host": folder})

    refused(UsageError, lambda: boot(tmp_path / "none"), "does not exist")
    (tmp_path / "file").touch()
    error = refused(UsageError, lambda: boot(tmp_path / "file"), "is not a folder")
    assert str(tmp_path) in error.next_step
    refused(UsageError, lambda: boot(3), "3 does not say which folder")


def test_an_ordinary_user_shares_and_is_told_what_cannot_be_read(
        driver, files, ordinary_user, tmp_path):  # noqa: F811
    prefix, env = ordinary_user
    home = env["HOME"]
    image = shutil.copy(files.path, f"{home}/files.elf")

    class Readable:
        path = image

    notebook = Notebook(Readable, driver, prefix, env)
    boot = "lab.boot(probe, argv=['files', 'write', '/host/x', 'theirs'], shares={'/host': %r})"
    assert notebook.tell(boot % home + ".wait(60)") == "0"
    written = os.stat(f"{home}/x")
    assert written.st_uid == 65534
    assert "UsageError the folder for /host, /root, cannot be read" in notebook.tell(
        boot % "/root")
    assert "cannot be written by this user" in notebook.tell(boot % "/usr")
    assert "HostError port 80 of this machine is for root only" in notebook.tell(
        "lab.boot(probe, ports=['80:80'])") or _all_ports_are_free()
    notebook.close()


def _all_ports_are_free() -> bool:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as start:
        return int(start.read()) <= 80
