"""A guest's devices → QEMU's arguments; where each one sits is the same for both drivers (pure).

Devices have their places in the order network, disks, folders: on a microvm the virtio-mmio
transports in the order in which it announces them, which is from the highest address down, on
a PC the PCI slots from 16 on.  So a guest finds its first disk first, whoever started QEMU.
"""

import json
from dataclasses import dataclass

from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.devices.shares import Share
from kernel_magics.boot.network.network import LOOPBACK, Network
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.errors import UsageError

__all__ = ["Devices", "MACHINES", "NO_LEGACY", "ROOM", "CAPTURE", "device_arguments",
           "NICS", "DISK_BUSES", "network_arguments", "scsi_arguments", "disk_node", "share_tag",
           "place", "mac_address"]

MACHINES = ("microvm", "q35", "pc")
NICS, DISK_BUSES = ("virtio", "e1000"), ("virtio", "scsi")
CAPTURE = "capture"
# The interface of virtio 1.0 on, which is the only one that guests know.
NO_LEGACY = "virtio-mmio.force-legacy=false"
_BUS = {"q35": "pcie.0", "pc": "pci.0"}
_FIRST_SLOT = 0x10
# hw/i386/microvm.c: 8 transports when there is no second I/O APIC; q35 has devices of its
# own in slot 31.
ROOM = {"microvm": 8, "q35": 15, "pc": 15}


@dataclass(frozen=True, slots=True)
class Devices:
    """What a guest has beside its processor, RAM and console.

    `transitional` devices on PCI also speak the virtio of before 1.0, as older guests do.
    `nic` is what the network interface is, one of NICS, and `disk_bus`, one of DISK_BUSES, what
    the disks are on: with "scsi" they have a place together, the first disk's.
    """

    machine: str = "microvm"
    network: Network | None = None
    disks: tuple[Disk, ...] = ()
    shares: tuple[Share, ...] = ()
    transitional: bool = False
    nic: str = "virtio"
    disk_bus: str = "virtio"

    @property
    def count(self) -> int:
        """How many virtio devices there are."""
        return bool(self.network) + len(self.disks) + len(self.shares)

    def disk_slot(self, index: int) -> int:
        """Return the place of a disk among the devices."""
        return bool(self.network) + index

    def share_slot(self, index: int) -> int:
        """Return the place of a shared folder among the devices."""
        return bool(self.network) + len(self.disks) + index

    def check(self) -> "Devices":
        """Return itself; raises UsageError for too many, or two things in one place."""
        if self.count > ROOM[self.machine]:
            step = ('give machine="q35", which has room for 15' if self.machine == "microvm"
                    else "give it fewer disks and folders")
            raise UsageError(f"{self.count} devices are too many: {self.machine} has room for "
                             f"{ROOM[self.machine]}", next_step=step)
        mountpoints = [d.mountpoint for d in self.disks if d.mountpoint]
        mountpoints += [share.mountpoint for share in self.shares]
        _refuse_double(mountpoints, "two things are mounted at {}", "give each its own place")
        _refuse_double([str(d.path.absolute()) for d in self.disks],
                       "the disk {} is given twice", "give each disk once")
        return self

    def configuration(self) -> list[tuple[str, object]]:
        """Return the pairs that the guest's configuration has for them.

        Source: Rumprun's configuration format, keys "net" and "blk"; its source "9p" is
        this lab's own.
        """
        pairs: list[tuple[str, object]] = []
        if self.network:
            pairs += [("net", entry) for entry in self.network.configuration()]
        for index, disk in enumerate(self.disks):
            if disk.mountpoint:
                pairs.append(("blk", _mount("dev", f"blk{index}", disk.fstype or "ext2",
                                            disk.mountpoint, disk.read_only)))
        for index, share in enumerate(self.shares):
            pairs.append(("blk", _mount("9p", share_tag(index), "9p", share.mountpoint,
                                        share.read_only)))
        return pairs


def _mount(source: str, path: str, fstype: str, mountpoint: str,
           read_only: bool) -> dict[str, str]:
    entry = {"source": source, "path": path, "fstype": fstype, "mountpoint": mountpoint}
    return entry | {"options": "ro"} if read_only else entry


def _refuse_double(things: list[str], message: str, step: str) -> None:
    for thing in things:
        if things.count(thing) > 1:
            raise UsageError(message.format(thing), next_step=step)


def disk_node(index: int) -> str:
    """Return what QEMU calls a disk."""
    return f"disk{index}"


def share_tag(index: int) -> str:
    """Return the mount tag of a shared folder, by which the guest finds it."""
    return f"share{index}"


def mac_address(uuid: str) -> str:
    """Return an address for the guest's interface, in QEMU's own range, by its UUID."""
    digits = uuid.replace("-", "")[:6]
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def place(machine: str, slot: int) -> dict[str, str]:
    """Return the properties "bus" and "addr" of the device in place `slot`."""
    if machine == "microvm":
        return {"bus": f"virtio-mmio-bus.{ROOM[machine] - 1 - slot}"}
    return {"bus": _BUS[machine], "addr": f"{_FIRST_SLOT + slot:#x}"}


def device_arguments(devices: Devices, files: GuestFiles, uuid: str) -> list[str]:
    """Return QEMU's arguments for all devices; none for a guest that has none.

    Source: qemu-system-x86_64(1); QEMU docs/system/devices/net.rst, docs/interop (blockdev).
    """
    arguments = network_arguments(devices, files, uuid)
    if devices.disk_bus == "scsi":
        arguments += scsi_arguments(devices)
    else:
        for index, disk in enumerate(devices.disks):
            arguments += _disk_arguments(devices, index, disk)
    for index, share in enumerate(devices.shares):
        arguments += _share_arguments(devices, index, share)
    if arguments and devices.machine == "microvm":
        arguments += ["-global", NO_LEGACY]
    return arguments


def network_arguments(devices: Devices, files: GuestFiles, uuid: str) -> list[str]:
    """Return the arguments for the network interface; libvirt's driver passes them on too.

    libvirt has no words for a port forward, and gives a tap an offload header that would be
    in every captured packet.
    """
    network = devices.network
    if network is None:
        return []
    arguments = ["-netdev", _netdev(network, files)]
    if network.capture:
        arguments += ["-object", f"filter-dump,id={CAPTURE},netdev=net0,"
                                 f"file={_escape(files.capture)}"]
    return [*arguments, "-device", _device(devices, "net", 0, netdev="net0",
                                           mac=mac_address(uuid))]


def _netdev(network: Network, files: GuestFiles) -> str:
    device = _escape(network.device)
    if network.kind == "tap":
        header = ",vnet_hdr=off" if network.capture else ""
        return f"tap,id=net0,ifname={device},script=no,downscript=no{header}"
    if network.kind == "bridge":
        return f"bridge,id=net0,br={device}"
    if network.kind == "passt":
        return (f"stream,id=net0,server=off,addr.type=unix,"
                f"addr.path={_escape(files.passt_socket)}")
    return ",".join(["user", "id=net0", *_user_network(network)])


def _user_network(network: Network) -> list[str]:
    """The network that the guest's static addresses lie in, and the forwards to them."""
    guest, options = "", []
    for address in network.addresses:
        if address.interface is None:
            continue
        net = address.interface.network
        if address.family == "inet":
            guest = str(address.interface.ip)
            options += [f"net={net}", f"host={address.gateway}", f"dns={network.resolver}"]
        else:
            options += [f"ipv6-net={net}", f"ipv6-host={address.gateway}"]
    return options + [f"hostfwd={forward.protocol}:{LOOPBACK}:{forward.host_port}-"
                      f"{guest}:{forward.guest_port}" for forward in network.forwards]


def scsi_arguments(devices: Devices) -> list[str]:
    """Return the arguments for disks on a virtio SCSI bus; libvirt's driver passes them on too.

    Guests number them by their target, from 1 on.
    """
    if not devices.disks:
        return []
    where = ",".join(f"{key}={value}" for key, value
                     in place(devices.machine, devices.disk_slot(0)).items())
    arguments = ["-device", f"virtio-scsi-pci,id=scsi0,{where}"]
    for index, disk in enumerate(devices.disks):
        serial = f",serial={_escape(disk.serial)}" if disk.serial else ""
        arguments += ["-blockdev", _disk_node(index, disk), "-device",
                      f"scsi-hd,bus=scsi0.0,scsi-id={index + 1},drive={disk_node(index)},"
                      f"write-cache=on,werror=report,rerror=report{serial}"]
    return arguments


def _disk_node(index: int, disk: Disk) -> str:
    return json.dumps({
        "driver": disk.image_format, "node-name": disk_node(index),
        "read-only": disk.read_only, "discard": "unmap",
        "file": {"driver": "file", "filename": str(disk.path), "discard": "unmap"}})


def _disk_arguments(devices: Devices, index: int, disk: Disk) -> list[str]:
    """The page cache of this machine is the disk's: a flush of the guest is an fdatasync.

    What goes wrong, a full file system here too, is the guest's to know: by default QEMU
    would pause it.
    """
    more = {"serial": _escape(disk.serial)} if disk.serial else {}
    return ["-blockdev", _disk_node(index, disk), "-device",
            _device(devices, "blk", devices.disk_slot(index), drive=disk_node(index),
                    **more, **{"write-cache": "on"}, werror="report", rerror="report")]


def _share_arguments(devices: Devices, index: int, share: Share) -> list[str]:
    """Files belong to the user who runs QEMU, links and modes are real ones: what another
    model keeps in extended attributes a host's editor would not see, and not every file
    system has those."""
    tag = share_tag(index)
    read_only = ",readonly=on" if share.read_only else ""
    return ["-fsdev", f"local,id={tag},path={_escape(share.path)},security_model=none,"
                      f"multidevs=remap{read_only}",
            "-device", _device(devices, "9p", devices.share_slot(index), fsdev=tag,
                               mount_tag=tag)]


def _device(devices: Devices, kind: str, slot: int, **properties: str) -> str:
    machine = devices.machine
    if kind == "net" and devices.nic != "virtio":
        name, own = devices.nic, {"romfile": ""}
    elif machine == "microvm":
        name, own = f"virtio-{kind}-device", {}
    else:
        name, own = f"virtio-{kind}-pci", {} if devices.transitional else {"disable-legacy": "on"}
        if kind == "net":
            own["romfile"] = ""  # nothing is booted from it
    facts = {**properties, **own, **place(machine, slot)}
    return ",".join([name, *(f"{key}={value}" for key, value in facts.items())])


def _escape(text: object) -> str:
    """Double commas, as QEMU's option syntax wants."""
    return str(text).replace(",", ",,")
