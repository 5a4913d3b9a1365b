"""What booting a guest depends on its kit for, in one place: a kind of guest for each kit."""

import time
from typing import Protocol

from kernel_magics.boot.devices.devices import MACHINES, Devices
from kernel_magics.boot.handover import Handover
from kernel_magics.boot.hypervisor.accel import Accelerator
from kernel_magics.boot.rumprun import KIT as RUMPRUN
from kernel_magics.boot.rumprun.kind import RumprunKind
from kernel_magics.boot.spec import BootSpec, configuration, render
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import UsageError

__all__ = ["GuestKind", "kind_of"]


class GuestKind(Protocol):
    """How guests of one kit are booted; `machine` is the type that they know all devices of."""

    machine: str

    def devices(self, image: GuestImage, elf: ElfFile, spec: BootSpec,
                devices: Devices) -> Devices:
        """Return the devices as such a guest can use them.

        `devices` are those asked for, after this machine was looked at.  Raises UsageError for
        what such a guest, or this image, cannot have; also for other fields of the spec.
        """
        ...

    def programs(self, image: GuestImage, spec: BootSpec) -> BootSpec:
        """Return the spec with the programs that run; raises UsageError."""
        ...

    def handover(self, image: GuestImage, spec: BootSpec, chosen: Accelerator, devices: Devices,
                 console: str) -> Handover:
        """Return the configuration and how the guest gets it; raises UsageError."""
        ...


class _RumpkitKind:
    """Guests of the lab's own kit; and any other kernel, which is given the same."""

    machine = MACHINES[0]

    def devices(self, image: GuestImage, elf: ElfFile, spec: BootSpec,
                devices: Devices) -> Devices:
        for what, asked in (("nic", spec.nic), ("disk_bus", spec.disk_bus)):
            if asked not in ("", "virtio"):
                raise UsageError(f"a rumpkit guest has no driver for {what}={asked!r}",
                                 next_step=f"leave {what} out; Rumprun's guests have one")
        if spec.blk:
            raise UsageError("blk= is Rumprun's, and a rumpkit guest has none",
                             next_step='give it a disk: disks=["data.img:/data"]')
        for disk in devices.disks:
            if disk.mountpoint and disk.fstype not in ("", "ext2"):
                raise UsageError(f"a rumpkit guest mounts ext2, and {disk.path.name} has a file "
                                 f"system of {disk.fstype}",
                                 next_step='make one of ext2, or build with kit="rumprun"')
        return devices

    def programs(self, image: GuestImage, spec: BootSpec) -> BootSpec:
        return spec

    def handover(self, image: GuestImage, spec: BootSpec, chosen: Accelerator, devices: Devices,
                 console: str) -> Handover:
        return Handover(render(configuration(spec, image.name, chosen.tsc_hz, time.time_ns(),
                                             devices, console)))


_KINDS: dict[str, GuestKind] = {RUMPRUN: RumprunKind()}
_OTHER: GuestKind = _RumpkitKind()


def kind_of(kit: str) -> GuestKind:
    """Return how guests of a kit are booted."""
    return _KINDS.get(kit, _OTHER)
