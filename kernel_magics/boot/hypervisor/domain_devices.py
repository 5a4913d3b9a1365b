"""A guest's devices → parts of a libvirt domain's XML (pure).

libvirt does not choose where a device sits: on a PC the XML says so, and for virtio-mmio,
for which the format has no words, an override of QEMU's properties does.
"""

from xml.sax.saxutils import escape, quoteattr

from kernel_magics.boot.devices.devices import (
    NO_LEGACY,
    Devices,
    mac_address,
    network_arguments,
    place,
    scsi_arguments,
    share_tag,
)
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.devices.shares import Share
from kernel_magics.boot.registry import GuestFiles

__all__ = ["device_elements", "passed_arguments", "overrides"]

NETWORK_ALIAS = "ua-net0"


def device_elements(devices: Devices, uuid: str) -> list[str]:
    """Return the elements for <devices>.  Source: libvirt.org/formatdomain.html."""
    disks = () if devices.disk_bus == "scsi" else devices.disks
    return [*_bridge(devices, uuid),
            *(_disk(devices, index, disk) for index, disk in enumerate(disks)),
            *(_share(devices, index, share) for index, share in enumerate(devices.shares))]


def passed_arguments(devices: Devices, files: GuestFiles, uuid: str) -> list[str]:
    """Return what is handed to QEMU as it is: the network interface, disks on a SCSI bus
    (libvirt would choose their numbers), modern virtio-mmio.

    A bridge is libvirt's own affair: QEMU may start no helper in the sandbox it is given.
    """
    modern = ["-global", NO_LEGACY] if devices.count and devices.machine == "microvm" else []
    network = [] if _on_bridge(devices) else network_arguments(devices, files, uuid)
    scsi = scsi_arguments(devices) if devices.disk_bus == "scsi" else []
    return [*network, *scsi, *modern]


def overrides(devices: Devices) -> list[str]:
    """Return <qemu:override>, which puts devices on their virtio-mmio transports."""
    placed = [(NETWORK_ALIAS, 0)] if _on_bridge(devices) else []
    placed += [(f"ua-disk{index}", devices.disk_slot(index))
              for index in range(len(devices.disks))]
    placed += [(f"ua-share{index}", devices.share_slot(index))
               for index in range(len(devices.shares))]
    if devices.machine != "microvm" or not placed:
        return []
    return ["<qemu:override>", *(_override(alias, devices, slot) for alias, slot in placed),
            "</qemu:override>"]


def _override(alias: str, devices: Devices, slot: int) -> str:
    bus = place(devices.machine, slot)["bus"]
    return (f"<qemu:device alias='{alias}'><qemu:frontend>"
            f"<qemu:property name='bus' type='string' value='{bus}'/>"
            "</qemu:frontend></qemu:device>")


def _on_bridge(devices: Devices) -> bool:
    return bool(devices.network and devices.network.kind == "bridge")


def _bridge(devices: Devices, uuid: str) -> list[str]:
    if not (devices.network and _on_bridge(devices)):
        return []
    model, rom = ("virtio", "") if devices.machine == "microvm" else (
        _pci_model(devices) if devices.nic == "virtio" else devices.nic, "<rom enabled='no'/>")
    return [f"<interface type='bridge'><mac address='{mac_address(uuid)}'/>"
            f"<source bridge={quoteattr(devices.network.device)}/><model type='{model}'/>"
            f"{rom}<alias name='{NETWORK_ALIAS}'/>{_address(devices, 0)}"
            "</interface>"]


def _disk(devices: Devices, index: int, disk: Disk) -> str:
    return "".join([
        f"<disk type='file' device='disk'{_model(devices)}>",
        f"<driver name='qemu' type='{disk.image_format}' cache='writeback' discard='unmap'"
        " error_policy='report' rerror_policy='report'/>",
        f"<source file={quoteattr(str(disk.path))}/>",
        f"<target dev='vd{chr(ord('a') + index)}' bus='virtio'/>",
        "<readonly/>" if disk.read_only else "",
        f"<serial>{escape(disk.serial)}</serial>" if disk.serial else "",
        f"<alias name='ua-disk{index}'/>",
        _address(devices, devices.disk_slot(index)), "</disk>"])


def _share(devices: Devices, index: int, share: Share) -> str:
    return "".join([
        f"<filesystem type='mount' accessmode='squash' multidevs='remap'{_model(devices)}>",
        f"<source dir={quoteattr(str(share.path))}/><target dir='{share_tag(index)}'/>",
        "<readonly/>" if share.read_only else "",
        f"<alias name='ua-share{index}'/>",
        _address(devices, devices.share_slot(index)), "</filesystem>"])


def _model(devices: Devices) -> str:
    return "" if devices.machine == "microvm" else f" model='{_pci_model(devices)}'"


def _pci_model(devices: Devices) -> str:
    return "virtio-transitional" if devices.transitional else "virtio-non-transitional"


def _address(devices: Devices, slot: int) -> str:
    if devices.machine == "microvm":
        return "<address type='virtio-mmio'/>"
    return (f"<address type='pci' domain='0x0000' bus='0x00' "
            f"slot='{place(devices.machine, slot)['addr']}' function='0x0'/>")
