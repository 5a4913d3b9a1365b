"""How a Rumprun guest is handed its configuration, and what its image tells before it boots."""

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from capabilities import need

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.hypervisor.accel import Accelerator
from kernel_magics.boot.kinds import kind_of
from kernel_magics.boot.rumprun.symbols import count_programs, find_symbols, idle_code
from kernel_magics.boot.spec import BootSpec
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError, UsageError

CHOSEN = Accelerator("tcg", "max", 0, "")
KIND = kind_of("rumprun")
DISK = Disk(Path("/data.img"), "/data", "ffs")
DEVICES = Devices("pc", None, (DISK,), transitional=True)


class Kernel(SimpleNamespace):
    """The path of an image that has a driver for virtio disks."""

    def __str__(self):
        return self.path

    def read_bytes(self):
        return b"ld_virtio vioscsi"


def handover(size, *, kernel="/x/hello.elf", devices=DEVICES, **spec):
    image = SimpleNamespace(name="hello", stripped_path=Kernel(path=kernel), path=Path(kernel),
                            header_address=None)
    spec = BootSpec(rc=[{"bin": "hello", "argv": ["hello"]}], env={"A": "x" * size}, **spec)
    return KIND.handover(image, spec, CHOSEN, devices, "serial")


def test_a_short_configuration_is_a_command_line():
    short = handover(10)
    assert short.append.startswith('{"rc":[') and not (short.module or short.disk)
    empty = len(handover(0).append) + len("/x/hello.elf ")
    assert handover(4095 - empty).append  # what the guest has room for, and no byte more
    assert handover(4096 - empty).module


def test_a_longer_one_is_a_module_and_a_long_one_a_file_on_a_disk(tmp_path):
    module = handover(3950)
    assert module.append == "" and len(module.module) <= 4094
    files = GuestFiles(tmp_path)
    assert module.prepare(files, "", DEVICES) == (str(tmp_path / "configuration.json"), DEVICES)
    assert (tmp_path / "configuration.json").read_text() == module.module
    disk = handover(5000)
    assert disk.append == "_RUMPRUN_ROOTFSCFG=/configuration.json"
    assert '"path":"/dev/ld1a"' in disk.disk  # the lab's own comes first
    root, devices = disk.prepare(files, "", DEVICES)
    assert root == "" and [one.path.name for one in devices.disks] == [
        "configuration.img", "data.img"]
    held = subprocess.run(["debugfs", "-R", "cat /configuration.json", devices.disks[0].path],
                          capture_output=True, text=True)
    assert held.stdout == disk.disk


def test_a_configuration_that_is_too_long():
    with pytest.raises(UsageError, match="it may have 65536"):
        handover(65536)


def test_what_a_disk_of_the_labs_own_would_put_elsewhere():
    raw = {"source": "dev", "path": "/dev/ld0a", "fstype": "blk", "mountpoint": "/raw"}
    assert handover(100, blk=raw).append
    with pytest.raises(UsageError, match="/dev/ld0a would be another disk"):
        handover(5000, blk=raw)
    with pytest.raises(UsageError, match="device files for 1 of its disks"):
        handover(5000, devices=replace(DEVICES, disk_bus="scsi"))


def test_a_path_that_the_guest_would_take_for_its_configuration():
    assert handover(10, kernel="/x{y}/hello.elf").module.startswith('{"rc":[')
    with pytest.raises(UsageError, match="it may have 65536"):
        handover(5000, kernel="/_RUMPRUN_ROOTFSCFG=/x")


@pytest.mark.parametrize(("spec", "devices", "says"), [
    (BootSpec(machine="microvm"), Devices("pc"), "a microvm has none"),
    (BootSpec(initrd="/x"), Devices("pc"), "no root archive"),
    (BootSpec(terminal=True), Devices("pc"), "is no terminal"),
    (BootSpec(record="/x"), Devices("pc"), "is not recorded"),
    (BootSpec(), replace(DEVICES, disks=(replace(DISK, read_only=True),)), "is read-only"),
    (BootSpec(), Devices("pc", None, (Disk(Path("a")),) * 11), "device files for 10"),
])
def test_what_such_guests_cannot_have(spec, devices, says):
    image = SimpleNamespace(name="x")
    elf = SimpleNamespace(data=b"if_vioif.c ld_virtio")
    with pytest.raises(UsageError, match=says) as refused:
        KIND.devices(image, elf, spec, devices)
    assert refused.value.next_step


def test_a_rumpkit_guest_mounts_ext2_only():
    kind, image = kind_of("rumpkit"), SimpleNamespace(name="x")
    assert kind.devices(image, None, BootSpec(), Devices()) == Devices()
    with pytest.raises(UsageError, match=r"mounts ext2, and data\.img has a file system of ffs"):
        kind.devices(image, None, BootSpec(), DEVICES)


def test_an_iso_image_is_never_written():
    iso = replace(DISK, fstype="iso9660", read_only=True)
    found = KIND.devices(SimpleNamespace(name="x"), SimpleNamespace(data=b"ld_virtio"),
                         BootSpec(), Devices("pc", None, (iso,)))
    assert found.transitional and found.disk_bus == "virtio"


def linked(folder, text):
    """Assemble and link a text, at an address."""
    need("compiler")
    (folder / "x.S").write_text(text)
    command = ["gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x100000", "-o", folder / "x",
               folder / "x.S"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "x"


PROGRAMS = """
	.globl rumprun_notmain, rumprun_main1, rumprun_main2, rumprun_main3, _start
_start:
rumprun_notmain: ret
	.set rumprun_main3, rumprun_notmain
rumprun_main1: ret
rumprun_main2: ret
	.type bmk_platform_cpu_block, @function
bmk_platform_cpu_block: hlt
	ret
	.size bmk_platform_cpu_block, 2
"""


def test_symbols_that_booting_needs(tmp_path):
    path = linked(tmp_path, PROGRAMS)
    elf = ElfFile.read(path)
    assert count_programs(elf) == 2
    assert len(idle_code(elf)) == 2 and idle_code(elf).start == 0x100003
    assert find_symbols(elf, ["rumprun_main", "none"]) == {}
    subprocess.run(["strip", path], check=True)
    bare = ElfFile.read(path)
    assert count_programs(bare) is None and not idle_code(bare)


def test_an_image_for_xen_is_refused_as_one(tmp_path):
    path = linked(tmp_path, '.section __xen_guest\n.ascii "GUEST_OS=Mini-OS"\n.text\n'
                            ".globl _start\n_start: ret\n")
    with pytest.raises(ImageError, match="guest for paravirtual Xen") as refused:
        ElfFile.read(path).check_guest()
    assert "hw_virtio" in refused.value.next_step
