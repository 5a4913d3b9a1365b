"""How guests of upstream Rumprun are booted: what they can have, and how they are told of it."""

import re
from dataclasses import replace

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.handover import MODULE, Handover
from kernel_magics.boot.hypervisor.accel import Accelerator
from kernel_magics.boot.programs import parse_programs, programs_of
from kernel_magics.boot.rumprun import MACHINE
from kernel_magics.boot.rumprun.configuration import (
    parse_blk,
    render_rumprun,
    rumprun_configuration,
)
from kernel_magics.boot.rumprun.drivers import check_drivers
from kernel_magics.boot.rumprun.symbols import boot_symbols
from kernel_magics.boot.rumprun.trace import trace_prefix
from kernel_magics.boot.spec import BootSpec
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import UsageError

__all__ = ["RumprunKind"]

# platform/hw/multiboot.c: what a command line, with the kernel's path that QEMU puts before it,
# and a module may have; lib/librumprun_base/config.c: what a file may.
APPEND_BYTES, MODULE_BYTES, FILE_BYTES = 4095, 4094, 64 << 10
_DISK_FILE = re.compile(r"/dev/r?(?:ld|sd)\d")
ROOT_FILE = "_RUMPRUN_ROOTFSCFG="


class RumprunKind:
    """Guests of upstream Rumprun, platform hw: a PC with PCI."""

    machine = MACHINE

    def devices(self, image: GuestImage, elf: ElfFile, spec: BootSpec,
                devices: Devices) -> Devices:
        """Return the devices as the guest can use them; raises UsageError for what it cannot."""
        _refuse(spec, devices)
        found = replace(devices, transitional=True, nic=spec.nic or "virtio",
                        disk_bus=spec.disk_bus or "virtio")
        check_drivers(image.name, elf.data, found)
        return found

    def programs(self, image: GuestImage, spec: BootSpec) -> BootSpec:
        """Return the spec with one entry for each program that is to run.

        Upstream starts what was baked in, in that order, each with the next entry.
        """
        found = programs_of(spec.rc, image.name, spec.argv)
        baked = (len(image.baked.programs) if image.baked
                 else boot_symbols(image.path).programs)
        if baked and not spec.rc and not image.rc and baked > 1:
            # Its programs have no names in the image.
            found = [{"bin": f"{image.name}-{n}", "argv": [f"{image.name}-{n}"]}
                     for n in range(1, baked + 1)]
            if spec.argv != (image.name,):
                found[-1]["argv"] = list(spec.argv)
        if baked and len(found) > baked:
            raise UsageError(f"rc has {len(found)} programs, and {image.name} was baked of {baked}",
                             next_step="bake the others in, too: each runs with the entry of its "
                                       "number")
        if found[-1].get("runmode") == "|":
            raise UsageError("rc: the last program has no next one to pipe its output into",
                             next_step='leave its runmode "|" out')
        return replace(spec, rc=tuple(found), argv=())

    def handover(self, image: GuestImage, spec: BootSpec, chosen: Accelerator, devices: Devices,
                 console: str) -> Handover:
        """Return the configuration: on the command line, or, if it is long, in a module or in a
        file of a disk that the guest mounts on /rootfs."""
        kernel = str(image.stripped_path)
        # Upstream looks for the first {, and what was baked in for tracing before it.
        prefix = trace_prefix(spec, chosen.tsc_hz) if image.header_address is not None else ""
        text = prefix + _text(spec, devices, 0)
        size = len(text.encode())
        is_plain = "{" not in kernel and ROOT_FILE not in kernel
        if is_plain and len(kernel.encode()) + 1 + size <= APPEND_BYTES:
            return Handover(text)
        if size <= MODULE_BYTES and not spec.initrd:
            return Handover("", module=text)
        text = _text(spec, devices, 1)
        _check_first_disk(image, spec, devices)
        if len(text.encode()) > FILE_BYTES or ROOT_FILE in kernel:
            raise UsageError(f"the guest's configuration has {len(text.encode())} bytes, it may "
                             f"have {FILE_BYTES}",
                             next_step="pass fewer or shorter arguments and environment variables")
        return Handover(f"{prefix}{ROOT_FILE}/{MODULE}", disk=text)


def _check_first_disk(image: GuestImage, spec: BootSpec, devices: Devices) -> None:
    """Refuse what a disk of the lab's own, before all others, would put in another place."""
    named = [one["path"] for one in parse_blk(spec.blk) if _DISK_FILE.match(one["path"])]
    if named:
        raise UsageError(f"blk: {named[0]} would be another disk: the guest's configuration is "
                         f"longer than {MODULE_BYTES} bytes, and comes on the first one",
                         next_step="shorten arguments and environment, or mount it by disks=")
    check_drivers(image.name, image.stripped_path.read_bytes(),
                  replace(devices, disks=(Disk(image.path), *devices.disks)))


def _text(spec: BootSpec, devices: Devices, first_disk: int) -> str:
    return render_rumprun(rumprun_configuration(
        parse_programs(spec.rc), spec.env, spec.hostname, devices, spec.blk,
        first_disk=first_disk))


def _refuse(spec: BootSpec, devices: Devices) -> None:
    """Raise UsageError for what only rumpkit's guests can have."""
    if spec.machine == "microvm":
        raise UsageError("a Rumprun guest finds its devices on PCI, and a microvm has none",
                         next_step='give machine="pc" or "q35", or leave machine out')
    if devices.shares:
        raise UsageError("a Rumprun guest has no file system for host folders",
                         next_step="put the files on a disk: lab.disk(path, fstype=…, folder=…), "
                                   "or use the kit rumpkit")
    if spec.initrd:
        raise UsageError("a Rumprun guest has no root archive: what it calls a module is its "
                         "configuration", next_step="put the files on a disk: lab.disk(path, "
                                                    "fstype=…, folder=…)")
    if spec.terminal:
        raise UsageError("a Rumprun guest's console is no terminal: it reads no input",
                         next_step="leave terminal out, or use the kit rumpkit")
    if spec.record:
        raise UsageError("a Rumprun guest is not recorded: QEMU's replay of the PC's firmware that "
                         "it needs does not always come to its end",
                         next_step="debug it while it runs: guest.debugger; or record the program "
                                   "under rumpkit")
    for disk in devices.disks:
        if disk.mountpoint and disk.read_only and disk.fstype != "iso9660":
            raise UsageError(f"a Rumprun guest mounts {disk.fstype} to write, and {disk.path.name} "
                             "is read-only", next_step="give it a copy to write to, or an ISO "
                                                       'image: lab.disk(…, fstype="iso9660")')
