"""What a guest's devices become: QEMU's arguments, domain XML, the guest's configuration."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_boot_spec import NAMESPACE, launch

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.devices.shares import Share
from kernel_magics.boot.hypervisor.commandline import qemu_arguments
from kernel_magics.boot.hypervisor.domain import domain_xml
from kernel_magics.boot.network.network import parse_network
from kernel_magics.boot.network.usernet import parse_usernet
from kernel_magics.boot.spec import BootSpec, configuration, render
from kernel_magics.errors import UsageError

FULL = BootSpec(ports={8080: 80}, disks=["/d,isk.img:/data", "/plain.img"],
                shares={"/work": Path("/src,dir")}, capture=True)


def arguments(devices: Devices) -> list[str]:
    return qemu_arguments("qemu", launch(devices=devices, machine=devices.machine))


def after(option: str, given: list[str]) -> list[str]:
    return [given[i + 1] for i, word in enumerate(given) if word == option]


def pairs(spec: BootSpec) -> list[tuple[str, object]]:
    rendered = render(configuration(spec.check().with_image("hello"), "hello", 0, 1))
    return json.loads(rendered, object_pairs_hook=lambda found: (
        found if found and found[0][0] == "rc" else dict(found)))


def test_a_guest_without_devices_has_the_arguments_it_always_had():
    given = qemu_arguments("qemu", launch())
    assert given == [
        "qemu", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-name", "hello", "-uuid", "7f2c8f5e-3b1a-4c55-9a83-3d3d6f2f9a01", "-machine",
        "microvm,acpi=off,rtc=on,pit=off,x-option-roms=off,memory-backend=ram",
        "-accel", "tcg", "-cpu", "max", "-m", "32M", "-object",
        "memory-backend-file,id=ram,size=32M,share=on,mem-path=/run/lab/guests/hello/ram",
        "-chardev", "pipe,id=serial,path=/run/lab/guests/hello/serial,"
                    "logfile=/run/lab/guests/hello/console.log,logappend=on",
        "-device", "isa-serial,chardev=serial",
        "-device", "isa-debug-exit,iobase=0x501,iosize=4",
        "-qmp", "unix:/run/lab/guests/hello/qmp.sock,server=on,wait=off",
        "-pidfile", "/run/lab/guests/hello/qemu.pid", "-kernel", "/images/hello.elf",
        "-append", '{"a":"b"}']


def test_the_configuration_names_devices_as_rumprun_does():
    found = pairs(FULL)
    assert [key for key, _ in found] == ["rc", "net", "blk", "blk", "hostname", "lab"]
    assert found[1][1] == {"if": "vioif0", "type": "inet", "method": "dhcp"}
    assert found[2][1] == {"source": "dev", "path": "blk0", "fstype": "ext2",
                           "mountpoint": "/data"}
    assert found[3][1] == {"source": "9p", "path": "share0", "fstype": "9p",
                           "mountpoint": "/work"}


@pytest.mark.parametrize("address, entries", [
    ("10.0.2.20/24", [{"type": "inet", "method": "static", "addr": "10.0.2.20", "mask": "24",
                       "gw": "10.0.2.2", "dns": "10.0.2.3"}]),
    ("dhcp,auto", [{"type": "inet", "method": "dhcp"}, {"type": "inet6", "method": "auto"}]),
    ("fd00::5/64", [{"type": "inet6", "method": "static", "addr": "fd00::5", "mask": "64",
                     "gw": "fd00::2"}]),
])
def test_addresses_of_the_user_mode_network(address, entries):
    found = [value for key, value in pairs(BootSpec(net="user", address=address)) if key == "net"]
    assert found == [{"if": "vioif0", **entry} for entry in entries]


def test_an_address_on_a_tap_has_the_gateway_it_was_given_and_no_other():
    with_gateway = parse_network("tap:t0", address="192.168.7.2/24 via 192.168.7.1")
    assert with_gateway.configuration()[0]["gw"] == "192.168.7.1"
    assert with_gateway.reached_at == "192.168.7.2"
    without = parse_network("tap:t0", address="192.168.7.2/24").configuration()[0]
    assert not {"gw", "dns"} & set(without)
    assert parse_network("bridge:br0").reached_at is None


def test_a_static_address_moves_the_user_mode_network_and_its_forwards():
    given = arguments(Devices(network=parse_network("user", [80], "192.168.9.9/24")))
    assert after("-netdev", given) == [
        "user,id=net0,net=192.168.9.0/24,host=192.168.9.2,dns=192.168.9.3,"
        "hostfwd=tcp:127.0.0.1:0-192.168.9.9:80"]


def test_qemu_has_devices_in_order_and_commas_doubled():
    given = arguments(FULL.devices())
    assert after("-netdev", given) == ["user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80"]
    devices = [text for text in after("-device", given) if text.startswith("virtio")]
    assert [text.split("bus=")[1] for text in devices] == [
        f"virtio-mmio-bus.{number}" for number in (7, 6, 5, 4)]
    assert after("-fsdev", given)[0].startswith("local,id=share0,path=/src,,dir,")
    node = json.loads(after("-blockdev", given)[0])
    assert node["file"]["filename"] == "/d,isk.img" and node["driver"] == "raw"
    assert after("-global", given) == ["virtio-mmio.force-legacy=false"]
    assert any(text.startswith("filter-dump,") for text in after("-object", given))


@pytest.mark.parametrize("machine, bus", [("q35", "pcie.0"), ("pc", "pci.0")])
def test_a_pc_has_virtio_over_pci_and_its_firmware(machine, bus):
    given = arguments(replace(FULL, machine=machine).devices())
    devices = [text for text in after("-device", given) if text.startswith("virtio")]
    assert [text.split(",")[0] for text in devices] == [
        "virtio-net-pci", "virtio-blk-pci", "virtio-blk-pci", "virtio-9p-pci"]
    assert all(f"bus={bus},addr={16 + i:#x}" in text for i, text in enumerate(devices))
    assert all("disable-legacy=on" in text for text in devices)
    assert after("-bios", given) == ["qboot.rom"] and not after("-global", given)


@pytest.mark.parametrize("machine", ["microvm", "q35", "pc"])
def test_a_domain_puts_devices_where_qemu_has_them(machine):
    devices = replace(FULL, machine=machine).devices()
    xml = ElementTree.fromstring(domain_xml(launch(devices=devices, machine=machine)))
    assert [disk.find("source").get("file") for disk in xml.findall("devices/disk")] == [
        "/d,isk.img", "/plain.img"]
    assert xml.find("devices/disk/driver").get("cache") == "writeback"
    assert xml.find("devices/filesystem/target").get("dir") == "share0"
    if machine == "microvm":
        placed = [found.get("value") for found in xml.iterfind(".//qemu:property", NAMESPACE)]
        assert placed == [f"virtio-mmio-bus.{number}" for number in (6, 5, 4)]
    else:
        assert [found.get("slot") for found in xml.iterfind("devices/*/address")] == [
            "0x11", "0x12", "0x13"]
    passed = [arg.get("value") for arg in xml.findall("qemu:commandline/qemu:arg", NAMESPACE)]
    assert after("-netdev", passed) == after("-netdev", arguments(devices))


def test_a_bridge_is_libvirts_own_and_anything_else_is_handed_on():
    devices = Devices(network=parse_network("bridge:br0"))
    xml = ElementTree.fromstring(domain_xml(launch(devices=devices)))
    assert xml.find("devices/interface/source").get("bridge") == "br0"
    assert "-netdev" not in [arg.get("value") for arg in xml.iterfind(".//qemu:arg", NAMESPACE)]


def test_read_only_serial_and_format_reach_both():
    disk = Disk(Path("/x.qcow2"), serial="abc", read_only=True)
    devices = Devices(disks=(disk,), shares=(Share(Path("/s"), "/s", True),))
    given = arguments(devices)
    node = json.loads(after("-blockdev", given)[0])
    assert node["driver"] == "qcow2" and node["read-only"]
    assert any("serial=abc" in text for text in after("-device", given))
    assert after("-fsdev", given)[0].endswith("readonly=on")
    xml = ElementTree.fromstring(domain_xml(launch(devices=devices)))
    assert xml.findtext("devices/disk/serial") == "abc"
    assert xml.find("devices/disk/readonly") is not None
    assert xml.find("devices/filesystem/readonly") is not None


def test_an_initrd_reaches_both():
    given = qemu_arguments("qemu", launch(initrd="/root.cpio"))
    assert after("-initrd", given) == ["/root.cpio"]
    xml = ElementTree.fromstring(domain_xml(launch(initrd="/root.cpio")))
    assert xml.findtext("os/initrd") == "/root.cpio"


def test_programs_come_from_rc_and_argv_is_for_the_last():
    rc = [{"bin": "/bin/a", "runmode": "&"}, {"bin": "/bin/b", "argv": ["b"], "workdir": "/w"}]
    found = dict(pairs(BootSpec(rc=rc, argv=("b", "-v"))))["rc"]
    assert found == [{"bin": "/bin/a", "argv": ["/bin/a"], "runmode": "&"},
                     {"bin": "/bin/b", "argv": ["b", "-v"], "workdir": "/w"}]
    with_defaults = BootSpec().with_image("i", rc=rc, env={"A": "1", "B": "1"})
    assert with_defaults.rc == rc and with_defaults.argv == ()
    assert BootSpec(env={"A": "2"}).with_image("i", env={"A": "1", "B": "1"}).env == {
        "A": "2", "B": "1"}


@pytest.mark.parametrize("spec, said", [
    (BootSpec(ports=["80:"]), "'80:' is no port"),
    (BootSpec(ports={0: 0}), "'0:0' is no port"),
    (BootSpec(ports=[True]), "True is no port"),
    (BootSpec(ports=["8080:80", "8080:81"]), "host port 8080 is given twice"),
    (BootSpec(ports=[80, "8080:80"]), "guest port 80 is given twice"),
    (BootSpec(ports=[80], net="none"), "net='none' leaves no network"),
    (BootSpec(ports=[80], net="tap:t0"), "forwards no ports"),
    (BootSpec(net="wifi"), "net='wifi' is not known"),
    (BootSpec(net="tap:"), "names no interface"),
    (BootSpec(net="user:x"), "has no name"),
    (BootSpec(net="bridge:br0", capture=True), "does not work on a bridge"),
    (BootSpec(net="user", address="10.0.2.300/24"), "is no address"),
    (BootSpec(net="user", address="10.0.2.15"), "is no address"),
    (BootSpec(net="user", address="10.0.2.2/24"), "leaves no room"),
    (BootSpec(net="passt", address="10.0.2.15/24"), "own address"),
    (BootSpec(disks=[3]), "3 is no disk"),
    (BootSpec(disks=["a.img:data"]), "'data' is no place"),
    (BootSpec(disks=["a.img:/d:ntfs"]), "'ntfs'"),
    (BootSpec(disks=[Disk(Path("a"), format="vmdk")]), "format='vmdk'"),
    (BootSpec(disks=[Disk(Path("a"), serial="x" * 21)]), "is no serial"),
    (BootSpec(disks=["a.img"] * 2), "is given twice"),
    (BootSpec(disks=[f"{i}.img" for i in range(9)]), "9 devices are too many"),
    (BootSpec(shares={"work": "."}), "'work' is no place"),
    (BootSpec(shares={"/../x": "."}), "is no place"),
    (BootSpec(shares=["."]), "'.' does not say"),
    (BootSpec(shares={"/a": "x"}, disks=["y:/a/"]), "two things are mounted at /a"),
    (BootSpec(rc="sh"), "'sh' is no program"),
    (BootSpec(rc=[{"bin": "/b", "argv": "b"}]), "is no program"),
    (BootSpec(rc=[{"bin": "/b", "user": "x"}]), "a program has no 'user'"),
    (BootSpec(rc=[{"bin": "/b", "runmode": "x"}]), "runmode='x'"),
])
def test_a_wrong_device_is_named_and_has_a_next_step(spec, said):
    with pytest.raises(UsageError) as caught:
        spec.check()
    assert said in caught.value.message
    assert caught.value.next_step


def test_the_monitor_says_which_ports_were_chosen():
    said = ("Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  "
            "Port RecvQ SendQ\r\n  TCP[HOST_FORWARD]  14       127.0.0.1 33457       10.0.2.15"
            "    80     0     0\r\n  UDP[236 sec]  15  127.0.0.1 1 10.0.2.15 53 0 0\r\n")
    first, second = parse_usernet(said)
    assert (first.protocol, first.state, first.source_port, first.destination_port) == (
        "tcp", "HOST_FORWARD", 33457, 80)
    assert first.descriptor == 14
    assert second.state == "236 sec"
