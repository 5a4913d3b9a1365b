"""The steps of a boot, in order: check, claim the name, start, write down, follow."""

import os
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel_magics.boot import registry
from kernel_magics.boot.console.devices import console_kind
from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.preparing import check_initrd, prepare, shares_files
from kernel_magics.boot.guest import Guest
from kernel_magics.boot.hypervisor.accel import Accelerator, accelerator
from kernel_magics.boot.hypervisor.libvirt import LibvirtDriver
from kernel_magics.boot.hypervisor.machine import Driver, Machine
from kernel_magics.boot.hypervisor.qemu import QemuDriver, find_qemu
from kernel_magics.boot.kinds import kind_of
from kernel_magics.boot.network.passt import start_passt
from kernel_magics.boot.network.usernet import host_ports
from kernel_magics.boot.programs import parse_programs
from kernel_magics.boot.recording.recording import TSC_HZ, Recording, recordable
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.boot.rumprun.configuration import parse_blk
from kernel_magics.boot.spec import BootSpec, Launch, guest_name_of
from kernel_magics.boot.tracing import Tracer
from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import HostError, LabError, UsageError
from kernel_magics.places import runtime_dir

__all__ = ["start_guest", "start_launch", "attach_guest", "find_driver"]

MIB = 1 << 20
PAGE_BYTES = 4096


def find_driver(name: str, uri: str | None) -> Driver:
    """Return the driver called "libvirt" or "qemu"."""
    return LibvirtDriver(uri) if name == "libvirt" else QemuDriver()


def start_guest(image: GuestImage, spec: BootSpec, *, keep: bool = False,
                called_ns: int | None = None, tracer: Tracer | None = None) -> Guest:
    """Boot an image and return its guest, running (or paused, if the spec says so).

    `tracer` traces it from outside.
    Raises UsageError, ImageError, HostError or GuestError (a name that is taken) before
    anything is started; BootError if QEMU or libvirt refuses.  Nothing is left then.
    """
    marks = {"called": called_ns or time.monotonic_ns()}
    kind = kind_of(image.kit)
    spec = kind.programs(image, spec.check().with_image(
        image.name, machine=kind.machine, initrd=image.initrd, env=image.env,
        rc=image.rc_for(spec.argv)))
    if spec.record:
        spec = recordable(spec)
    initrd = check_initrd(spec.initrd) if spec.initrd else None
    elf = _check_image(image, spec.memory_mib, initrd)
    _check_memory(spec.memory_mib)
    find_qemu()
    libvirt_uri = spec.uri or "" if spec.driver == "libvirt" else ""
    devices = kind.devices(image, elf, spec, prepare(spec.devices(), libvirt_uri))
    chosen = accelerator(spec.accel)
    record = GuestRecord(
        name=spec.name or guest_name_of(image.name), uuid=str(uuid.uuid4()),
        driver=spec.driver, uri=spec.uri or "", image=str(image.path),
        owner=registry.own_process(), spec=_plain(spec, devices),
        header_address=image.header_address, accel=chosen.name, marks=marks, keep=keep,
        kit=image.kit)
    if spec.record:
        chosen = replace(chosen, tsc_hz=TSC_HZ)
    console = console_kind(image.kit, devices, shares_files(libvirt_uri) and not spec.record)
    handover = kind.handover(image, spec, chosen, devices, console)
    if handover.disk and not shares_files(libvirt_uri):
        raise HostError(f"the guest's configuration is too long for a guest at {libvirt_uri}: it "
                        "would come on a disk, and that libvirt has none of this machine's files",
                        uri=libvirt_uri, next_step="shorten arguments and environment variables, "
                                                   "or use Lab() without a URI")
    files, record = registry.claim(record, numbered=not spec.name)
    try:
        root, devices = handover.prepare(files, str(initrd or ""), devices)
        further = tracer.arguments(files, spec.memory_mib * MIB) if tracer else ()
    except LabError:
        registry.remove(files, record.uuid)
        raise
    launch = Launch(record.name, record.uuid, str(image.stripped_path), handover.append,
                    spec.memory_mib, spec.machine, chosen.name, chosen.cpu, files, spec.paused,
                    root, devices, image.kit, console, further=further)
    return start_launch(image, spec, record, launch, chosen)


def start_launch(image: GuestImage, spec: BootSpec, record: GuestRecord, launch: Launch,
                 chosen: Accelerator) -> Guest:
    """Start what is prepared, under the name that `record` has claimed, and follow it.

    Raises BootError, HostError or UsageError; the name is free again then.
    """
    files, marks = launch.files, record.marks
    try:
        if spec.record and not launch.is_replay:
            made = Recording.create(spec.record, image, launch, record.spec)
            launch = replace(launch, recording=str(made.folder))
        machine, facts = _started(find_driver(spec.driver, spec.uri), launch, marks)
    except BaseException:
        registry.remove(files, record.uuid)
        raise
    guest = Guest(machine, files, replace(record, **facts), image=image, tsc_hz=chosen.tsc_hz)
    guest.why_accel = chosen.why
    guest.watch()
    registry.update(files, record.uuid, marks=marks, **facts)
    return guest


def _started(driver: Driver, launch: Launch,
             marks: dict[str, int]) -> tuple[Machine, dict[str, Any]]:
    """Start the machine; return it and what the record learns from it."""
    network, passt = launch.devices.network, None
    if network and network.kind == "passt":
        passt, network = start_passt(network, launch.files)
    # A guest with devices, or a plug-in, waits until QEMU has them: what it cannot give is an
    # error of the boot then, and the shortest guest is still there to be asked for its ports.
    held = bool(launch.devices.count or launch.further) and not launch.paused
    try:
        machine = driver.start(replace(launch, paused=True) if held else launch, marks)
        try:
            ports = host_ports(network, machine)
            if held:
                marks["created"] = marks["resumed"] = time.monotonic_ns()
                machine.resume()
        except LabError:
            machine.stop()
            raise
    except BaseException:
        if passt:
            passt.terminate()
        raise
    return machine, {"qemu": machine.process, "ram": getattr(machine.ram, "path", ""),
                     "ports": ports}


def attach_guest(files: GuestFiles, record: GuestRecord) -> Guest:
    """Return a guest that another process, or an earlier life of it, started.

    Raises GuestError or HostError if it cannot be held.
    """
    driver = find_driver(record.driver, record.uri or None)
    guest = Guest(driver.attach(files, record), files, record)
    if guest.owner == "survived":
        guest.watch_halting()
    return guest


def _plain(spec: BootSpec, devices: Devices) -> dict[str, object]:
    """Return a spec's fields as JSON can hold them; devices as the texts that name them."""
    network = devices.network
    fields = {name: getattr(spec, name) for name in BootSpec.__slots__}
    return {**fields, "argv": list(spec.argv), "env": dict(spec.env),
            "rc": parse_programs(spec.rc), "blk": parse_blk(spec.blk),
            "initrd": str(spec.initrd or ""), "record": str(spec.record or ""),
            "net": f"{network.kind}:{network.device}".rstrip(":") if network else None,
            "address": [str(one) for one in network.addresses] if network else [],
            "ports": [str(forward) for forward in network.forwards] if network else [],
            "capture": bool(network and network.capture),
            "disks": [disk.plain() for disk in devices.disks],
            "shares": [share.plain() for share in devices.shares]}


def _check_image(image: GuestImage, memory_mib: int, initrd: Path | None) -> ElfFile:
    """Look at the very file QEMU will get, and return it: it may have changed since the image
    was made."""
    elf = ElfFile.read(image.stripped_path)
    elf.check_guest()
    end = max((segment.physical_address + segment.memory_bytes for segment in elf.segments
               if segment.type == PT_LOAD), default=0)
    if initrd:  # QEMU puts it at the end of RAM, on a page's border
        end += initrd.stat().st_size + PAGE_BYTES
    if end > memory_mib * MIB:
        what = f"{image.name} with its root" if initrd else image.name
        raise UsageError(f"{what} does not fit into {memory_mib} MiB of RAM",
                         next_step=f"give it at least memory_mib={-(-end // MIB) + 1}")
    return elf


def _check_memory(memory_mib: int) -> None:
    """Refuse more RAM than there is: QEMU would be killed when the guest touches it."""
    folder = runtime_dir()
    space = os.statvfs(folder)
    limits: list[tuple[int, str, str]] = [
        (_available_bytes(), "this machine has {} MiB of memory available",
         "give the guest less memory, or end other programs"),
        (space.f_bavail * space.f_frsize, f"{folder} has {{}} MiB free for the guest's RAM",
         "give the guest less memory, free some space there, or set RUMPLAB_RUNTIME"),
    ]
    for limit, found, step in limits:
        if memory_mib * MIB > limit:
            raise HostError(f"memory_mib={memory_mib} is too much: "
                            f"{found.format(limit // MIB)}", next_step=step,
                            available_bytes=limit)


def _available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62
