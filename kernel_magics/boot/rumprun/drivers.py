"""The devices a Rumprun guest has drivers for: what it calls them, and whether it has them.

A baked image holds the drivers of its configuration and no others; what of them is in the file
is found by the names in its data, which are there without symbols too.
Source: etc/rumprun-bake.conf of github.com/rumpkernel/rumprun; NetBSD's vioif(4), wm(4),
virtio(4), vioscsi(4), ld(4), sd(4).
"""

from dataclasses import dataclass

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.errors import UsageError

__all__ = ["interface", "disk_path", "check_drivers"]


@dataclass(frozen=True, slots=True)
class _Driver:
    """`device` is what the guest calls what it drives; `mark` is in an image that has it;
    `bakes` are configurations that do; `nodes` how many of them get device files there."""

    device: str
    mark: bytes
    bakes: str
    shown: str
    nodes: int = 1


_INTERFACES = {
    "virtio": _Driver("vioif0", b"if_vioif.c", "hw_virtio or hw_generic",
                      "a virtio network interface (vioif)"),
    "e1000": _Driver("wm0", b"i82540EM", "hw_generic", "an e1000 network interface (wm)"),
}
_DISKS = {
    "virtio": _Driver("ld", b"ld_virtio", "hw_virtio or hw_generic", "a virtio disk (ld)",
                      10),
    "scsi": _Driver("sd", b"vioscsi", "hw_virtio_scsi or hw_generic", "a virtio SCSI disk (sd)"),
}


_FEWER = 'give it fewer, or disk_bus="virtio", where there are ten'


def interface(nic: str) -> str:
    """Return what the guest calls its network interface."""
    return _INTERFACES[nic or "virtio"].device


def disk_path(bus: str, index: int) -> str:
    """Return the device file of a disk in the guest: the whole disk, it has no partitions."""
    return f"/dev/{_DISKS[bus or 'virtio'].device}{index}a"


def check_drivers(name: str, data: bytes, devices: Devices) -> None:
    """Raise UsageError if the image `name`, a file of bytes `data`, drives not all of `devices`."""
    wanted = []
    if devices.network:
        wanted.append(_INTERFACES[devices.nic or "virtio"])
    if devices.disks:
        wanted.append(_DISKS[devices.disk_bus or "virtio"])
    if devices.disks and len(devices.disks) > (most := wanted[-1].nodes):
        raise UsageError(f"a Rumprun guest has device files for {most} of its disks on this bus, "
                         f"and these are {len(devices.disks)}", next_step=_FEWER)
    for driver in wanted:
        if driver.mark not in data:
            raise UsageError(f"{name} was baked without a driver for {driver.shown}",
                             next_step=f"bake it with {driver.bakes}, or give it another device: "
                                       "nic= and disk_bus= choose")
