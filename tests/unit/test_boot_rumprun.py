"""Upstream Rumprun's configuration: what it says, how it is written, what it cannot say."""

import json

import pytest

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.network.network import parse_network
from kernel_magics.boot.rumprun.configuration import (
    parse_blk,
    render_rumprun,
    rumprun_configuration,
)
from kernel_magics.boot.rumprun.drivers import check_drivers
from kernel_magics.errors import UsageError

PROGRAM = [{"bin": "hello", "argv": ["hello", "a b"]}]
NOTHING = Devices("pc")


def test_the_documented_configuration():
    network = parse_network("user", [80], "10.0.2.15/24", False)
    pairs = rumprun_configuration(PROGRAM, {"A": "1", "B": "x y"}, "host", Devices("pc", network))
    text = render_rumprun(pairs)
    assert text.count('"env":') == 2  # repeated, as upstream wants it
    found = json.loads(text)
    assert found["rc"] == [{"bin": "hello", "argv": ["a b"]}]
    assert found["hostname"] == "host" and "lab" not in found
    assert found["net"]["if"] == "vioif0" and found["net"]["addr"] == "10.0.2.15"
    assert "dns" not in found["net"]  # it refuses keys it does not know


def test_each_address_is_a_net_of_its_own():
    network = parse_network("user", (), "dhcp,fec0::15/64", False)
    pairs = rumprun_configuration(PROGRAM, {}, "", Devices("pc", network, nic="e1000"))
    nets = [value for key, value in pairs if key == "net"]
    assert [(net["if"], net["type"], net["method"]) for net in nets] == [
        ("wm0", "inet", "dhcp"), ("wm0", "inet6", "static")]


@pytest.mark.parametrize(("bus", "first", "paths"), [
    ("virtio", 0, ["/dev/ld0a", "/dev/ld2a"]), ("scsi", 0, ["/dev/sd0a", "/dev/sd2a"]),
    ("virtio", 1, ["/dev/ld1a", "/dev/ld3a"])])
def test_disks_that_are_mounted(tmp_path, bus, first, paths):
    disks = (Disk(tmp_path / "a", "/a", "ffs"), Disk(tmp_path / "b"),
             Disk(tmp_path / "c", "/c/d", "ext2"))
    pairs = rumprun_configuration(PROGRAM, {}, "", Devices("pc", None, disks, disk_bus=bus),
                                  first_disk=first)
    found = [value for key, value in pairs if key == "blk"]
    assert [one["path"] for one in found] == paths
    assert {one["fstype"] for one in found} == {"blk"}  # the guest finds out what is on it
    assert [one["mountpoint"] for one in found] == ["/a", "/c/d"]


def test_further_devices_to_mount():
    kernfs = {"source": "dev", "path": "kernfs", "fstype": "kernfs", "mountpoint": "/kern"}
    pairs = rumprun_configuration(PROGRAM, {}, "", NOTHING, [kernfs, kernfs])
    assert [value for key, value in pairs if key == "blk"] == [kernfs, kernfs]
    assert parse_blk({"source": "vnd", "path": "/data/x.iso"}) == [
        {"source": "vnd", "path": "/data/x.iso"}]


@pytest.mark.parametrize("blk", [
    "x", 3, [7], {"source": "dev"}, {"source": "dev", "path": "/dev/ld0a", "mountpoint": "/a"},
    {"source": "nfs", "path": "x"}, {"source": "etfs", "path": "sda1"},
    {"source": "dev", "path": "x", "options": "ro"},
    {"source": "dev", "path": "x", "fstype": "ufs", "mountpoint": "/a"}])
def test_a_blk_that_is_none(blk):
    with pytest.raises(UsageError, match="blk: "):
        parse_blk(blk)


def test_words_that_only_a_command_line_can_say():
    """jsmn takes no escapes back; rumprun_parseargs does, in what "cmdline" holds."""
    program = [{"bin": "x", "argv": ["x", 'say "a"', "back\\slash", "", "ä"]}]
    text = render_rumprun(rumprun_configuration(program, {}, "", NOTHING))
    assert text.startswith('{"cmdline":"' + r"'x' 'say \"a\"' 'back\\slash' '' 'ä'" + '",')


def test_texts_as_they_are():
    """A line break in a text stands there as it is: escaped, the guest would see the escape."""
    program = [{"bin": "x", "argv": ["x", "two\nlines", "it's"]}]
    assert '"argv":["two\nlines","it\'s"]' in render_rumprun(
        rumprun_configuration(program, {}, "", NOTHING))


@pytest.mark.parametrize(("argv", "env"), [
    (["x", 'a"', "it's"], {}), (["x"], {"A": 'say "a"'}), (["x"], {"A": "\\"})])
def test_texts_that_it_has_no_way_to_write(argv, env):
    with pytest.raises(UsageError, match=r'" or .*\\'):
        render_rumprun(rumprun_configuration([{"bin": "x", "argv": argv}], env, "", NOTHING))
    two = [{"bin": "a", "argv": ["a"]}, {"bin": "x", "argv": ["x", '"']}]
    with pytest.raises(UsageError, match="no way to write"):
        render_rumprun(rumprun_configuration(two, {}, "", NOTHING))


def test_programs_start_in_the_root():
    with pytest.raises(UsageError, match="programs start in /"):
        rumprun_configuration([{**PROGRAM[0], "workdir": "/tmp"}], {}, "", NOTHING)


def test_devices_that_an_image_drives():
    network = parse_network("user", (), "dhcp", False)
    virtio, generic = b"..if_vioif.c..ld_virtio", b"if_vioif.c i82540EM vioscsi ld_virtio"
    check_drivers("x", virtio, Devices("pc", network, (Disk("d"),)))
    check_drivers("x", generic, Devices("pc", network, (Disk("d"),), nic="e1000",
                                        disk_bus="scsi"))
    with pytest.raises(UsageError, match="without a driver for an e1000") as refused:
        check_drivers("x", virtio, Devices("pc", network, nic="e1000"))
    assert "hw_generic" in refused.value.next_step
    with pytest.raises(UsageError, match="virtio SCSI disk"):
        check_drivers("x", virtio, Devices("pc", None, (Disk("d"),), disk_bus="scsi"))
