"""Disks and devices of upstream Rumprun's guests: file systems, buses, network interfaces."""

import pytest
from capabilities import need
from rumprun_programs import FILES, RAW

from kernel_magics import Lab
from kernel_magics.errors import GuestPanic, HostError, UsageError

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def lab():
    need("qemu", "rumprun", "makefs")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(params=["qemu", "libvirt"])
def driver(request):
    if request.param == "libvirt":
        need("libvirt")
    return request.param


@pytest.fixture(scope="module")
def files(lab):
    return lab.build(FILES, "files", kit="rumprun")


@pytest.fixture(scope="module")
def generic(lab):
    return lab.build(FILES, "generic", kit="rumprun", bake="hw_generic")


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from a file")
    return folder


@pytest.mark.parametrize(("fstype", "size_mib", "called", "status"), [
    ("ext2", 8, "ext2fs", 0), ("ffs", 8, "ffs", 0), ("iso9660", None, "cd9660", 4)])
def test_a_file_system_is_mounted(lab, files, tree, tmp_path, fstype, size_mib, called, status):
    disk = lab.disk(tmp_path / "data.img", size_mib, fstype, folder=tree)
    guest = lab.boot(files, memory_mib=64, argv=["files", "/data/deep"],
                     disks=[f"{disk.path}:/data/deep"])
    assert guest.wait(60) == status
    lines = guest.console.text.splitlines()
    assert f"/data/deep is {called} of /dev/ld0a" in lines and "read <hello from a file>" in lines
    if fstype == "ext2":
        assert disk.check().clean
    if fstype == "iso9660":
        assert "cannot write: Read-only file system" in lines


def test_what_a_guest_wrote_the_next_one_reads(lab, files, tmp_path):
    disk = lab.disk(tmp_path / "data.img", 4, "ffs", mountpoint="/data")
    assert lab.boot(files, memory_mib=64, argv=["files", "/data"], disks=[disk]).wait(60) == 0
    assert b"written by the guest" in disk.path.read_bytes()


def test_a_disk_without_a_file_system(lab, tmp_path):
    path = tmp_path / "raw.img"
    path.write_bytes(bytes(512) + b"text of the host".ljust(1 << 20, b"\0"))
    guest = lab.boot(lab.build(RAW, "raw", kit="rumprun"), memory_mib=64,
                     argv=["raw", "/dev/rld0d"], disks=[path])
    assert guest.wait(60) == 0 and "read <text of the host>" in guest.console.text
    assert path.read_bytes()[1024:1040] == b"from the guest\0\0"


def test_other_devices(lab, generic, tree, tmp_path, driver):
    """A disk on a SCSI bus, and an e1000."""
    disk = lab.disk(tmp_path / "data.img", 4, "ext2", folder=tree, serial="S-1")
    guest = lab.boot(generic, memory_mib=64, argv=["files", "/data"], disk_bus="scsi",
                     disks=[disk.at("/data")], nic="e1000", net="user", driver=driver)
    assert guest.wait(60) == 0
    text = guest.console.text
    assert "/data is ext2fs of /dev/sd0a" in text and "read <hello from a file>" in text
    assert "dhcp: wm0: adding IP address 10.0.2.15/24" in text


def test_the_second_of_two_disks(lab, files, tree, tmp_path, driver):
    first = lab.disk(tmp_path / "first.img", 4)
    second = lab.disk(tmp_path / "second.img", 4, "ffs", folder=tree)
    guest = lab.boot(files, memory_mib=64, argv=["files", "/data"],
                     disks=[first, second.at("/data")], machine="q35", driver=driver)
    assert guest.wait(60) == 0 and "/data is ffs of /dev/ld1a" in guest.console.text


def test_further_entries_of_blk(lab, files, tree, tmp_path):
    """A file on a mounted disk is a disk, too: vnd."""
    lab.disk(tree / "inner.iso", fstype="iso9660", folder=_folder(tmp_path, "of the inner one"))
    disk = lab.disk(tmp_path / "data.img", 8, "ffs", folder=tree)
    blk = {"source": "vnd", "path": "/data/inner.iso", "fstype": "blk", "mountpoint": "/inner"}
    guest = lab.boot(files, memory_mib=64, argv=["files", "/inner"],
                     disks=[f"{disk.path}:/data"], blk=blk)
    assert guest.wait(60) == 4 and guest.spec["blk"] == [blk]
    assert "/inner is cd9660 of /dev/vnd0d" in guest.console.text
    assert "read <of the inner one>" in guest.console.text


def _folder(place, text):
    folder = place / "inner"
    folder.mkdir()
    (folder / "hello.txt").write_text(text)
    return folder


def test_addresses(lab, files):
    """A static one of either family: two keys "net"."""
    guest = lab.boot(files, memory_mib=64, argv=["files", "/tmp"], net="user",
                     address="10.0.2.15/24,fec0::15/64")
    assert guest.wait(60) == 0
    assert guest.spec["address"] == ["10.0.2.15/24 via 10.0.2.2", "fec0::15/64 via fec0::2"]


def test_a_disk_that_cannot_be_mounted(lab, files, tmp_path):
    lab.disk(tmp_path / "empty.img", 1)
    absent = {"source": "dev", "path": "/dev/ld0a", "fstype": "blk", "mountpoint": "/data"}
    guest = lab.boot(files, memory_mib=64, blk=absent, disks=[tmp_path / "empty.img"])
    with pytest.raises(GuestPanic, match="started no program: failed to mount") as refused:
        guest.wait(60)
    assert "lab.disk" in refused.value.next_step and guest.end.kind == "refused"
    assert guest.state == "panicked" and repr(guest.programs) == "files  not started"


@pytest.mark.parametrize(("asked", "says"), [
    ({"disks": ["d.ffs:/data:ro"]}, "mounts ffs to write, and d.ffs is read-only"),
    ({"disks": ["d.ffs"], "disk_bus": "scsi"}, "without a driver for a virtio SCSI disk"),
    ({"disks": ["d.ffs", "e.ffs"], "disk_bus": "scsi"}, "device files for 1 of its disks"),
    ({"nic": "e1000", "net": "user"}, "without a driver for an e1000"),
    ({"nic": "rtl8139", "net": "user"}, "nic='rtl8139' is not known"),
    ({"shares": {"/work": "."}}, "no file system for host folders"),
    ({"machine": "microvm"}, "devices on PCI, and a microvm has none"),
    ({"terminal": True}, "console is no terminal"),
    ({"blk": {"source": "nfs", "path": "x"}}, "source='nfs' is not known"),
])
def test_what_such_guests_cannot_have(lab, files, tmp_path, monkeypatch, asked, says):
    monkeypatch.chdir(tmp_path)
    lab.disk("d.ffs", 2, "ffs")
    lab.disk("e.ffs", 2)
    with pytest.raises(UsageError, match=says) as refused:
        lab.boot(files, memory_mib=64, **asked)
    assert refused.value.next_step
    assert not [guest for guest in lab.guests() if guest.state == "running"]


def test_disks_that_cannot_be_made(lab, tree, tmp_path, monkeypatch):
    for fields, says in (
            ({"fstype": "iso9660"}, "does not exist"),
            ({"fstype": "iso9660", "size_mib": 4}, "as large as what is in it"),
            ({"fstype": "ffs", "folder": tree}, "has no size"),
            ({"size_mib": 4, "folder": tree}, "no file system to hold a folder"),
            ({"fstype": "ffs", "size_mib": 4, "folder": tree / "none"}, "is no folder"),
            ({"fstype": "zfs", "size_mib": 4}, "guests mount no 'zfs'")):
        with pytest.raises(UsageError, match=says):
            lab.disk(tmp_path / "x.img", **fields)
    (tree / "large").write_bytes(bytes(3 << 20))
    with pytest.raises(HostError, match="makefs could not make"):
        lab.disk(tmp_path / "x.img", 1, "ffs", folder=tree)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("kernel_magics.boot.devices.filesystems._SBIN", "")
    with pytest.raises(HostError, match="makefs was not found") as missing:
        lab.disk(tmp_path / "x.img", 4, "ffs")
    assert missing.value.next_step == "install it: sudo apt install makefs"
    assert not (tmp_path / "x.img").exists()
