"""BootSpec: how a guest is to be started, and the configuration it is given.

The configuration is the JSON that Rumprun documents (an ordered list of pairs, since
repeated keys are legal there), with a key "lab" of this lab's own: one model for both
kits.  Everything here is pure.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernel_magics.boot.console.devices import ONLY_SERIAL
from kernel_magics.boot.devices.devices import DISK_BUSES, MACHINES, NICS, Devices
from kernel_magics.boot.devices.disks import parse_disks
from kernel_magics.boot.devices.shares import parse_shares
from kernel_magics.boot.network.network import parse_network
from kernel_magics.boot.programs import parse_programs, programs_of
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.errors import UsageError

__all__ = ["BootSpec", "Launch", "configuration", "render", "check_guest_name",
           "guest_name_of"]

ACCELERATORS = ("auto", "kvm", "tcg")
DRIVERS = ("libvirt", "qemu")
TRACES = ("off", "hypercalls", "all", "chosen")
ON_PANIC = ("exit", "halt")
# What a kernel command line may have: the limit Rumprun documents, kept for both kits.
CONFIGURATION_BYTES = 4096
TERMINAL = "xterm-256color"  # what the notebook's console view understands; terminfo(5)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")


@dataclass(frozen=True, slots=True)
class BootSpec:
    """How to start a guest.

    `argv` includes argv[0], empty means the image's name; `name` empty means the same.
    `memory_mib` is the guest's RAM; `accel` "auto" is decided by measurement; `uri` is a
    libvirt URI, None the embedded driver; `paused` leaves the guest before its first
    instruction; `timeout` (seconds) is what `wait` uses when it is given none.
    `trace` "chosen" is what `trace_settings` says, which are members of the guest's
    configuration (Lab.boot makes them of a TracePlan, event names or patterns);
    `trace_records` is rounded up to a power of two by the guest.

    `initrd` is a cpio archive, the guest's root; `rc` the programs to start, by default one,
    `argv`: {"bin": path, "argv": […], "runmode": "&", "workdir": "/"}.
    `ports` are forwarded from 127.0.0.1: {8080: 80} or ["8080:80", 80]; `net` is "user",
    "passt", "tap:NAME", "bridge:NAME" or None, `address` "dhcp", "auto" or "10.0.2.15/24",
    `capture` records the traffic.  `disks` are Disks, paths or "path:/mountpoint:ext2:ro";
    `shares` {"/mountpoint": folder} or "folder:/mountpoint:ro".

    `terminal` is for programs that draw on a whole screen: the console behaves as a terminal
    does (CR before LF, what is typed is echoed at once), and TERM names one.
    `record` is a folder that a recording of the run is made in, for `lab.replay`.

    For guests of upstream Rumprun: `nic` "e1000" and `disk_bus` "scsi" are other devices than
    virtio's own, for images baked with their drivers; `blk` are further entries of that key of
    its configuration.
    """

    memory_mib: int = 32
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    accel: str = "auto"
    machine: str = ""
    driver: str = "libvirt"
    uri: str | None = None
    trace: str = "off"
    trace_records: int = 4096
    trace_settings: Mapping[str, object] = field(default_factory=dict)
    on_panic: str = "exit"
    hostname: str = ""
    name: str = ""
    timeout: float | None = None
    paused: bool = False
    initrd: Path | str | None = None
    rc: object = ()
    ports: object = ()
    net: str | None = None
    address: object = "dhcp"
    capture: bool = False
    disks: object = ()
    shares: object = ()
    terminal: bool = False
    record: Path | str | None = None
    nic: str = ""
    disk_bus: str = ""
    blk: object = ()

    def devices(self) -> Devices:
        """Return the devices asked for; raises UsageError naming the field that is wrong."""
        network = parse_network(self.net, self.ports, self.address, self.capture)
        return Devices(self.machine or MACHINES[0], network, parse_disks(self.disks),
                       parse_shares(self.shares)).check()

    def check(self) -> "BootSpec":
        """Return itself; raises UsageError naming the field that is wrong."""
        _choice("accel", self.accel, ACCELERATORS)
        _choice("driver", self.driver, DRIVERS)
        _choice("machine", self.machine, ("", *MACHINES))
        _choice("trace", self.trace, TRACES)
        _choice("on_panic", self.on_panic, ON_PANIC)
        _choice("nic", self.nic, ("", *NICS))
        _choice("disk_bus", self.disk_bus, ("", *DISK_BUSES))
        _whole("memory_mib", self.memory_mib, 1, "the guest's RAM in MiB")
        _whole("trace_records", self.trace_records, 0, "how many records the ring keeps")
        if self.name:
            check_guest_name(self.name)
        _texts("argv", self.argv)
        _texts("env", [text for pair in self.env.items() for text in pair])
        for variable in self.env:
            if not variable or "=" in variable:
                raise UsageError(f"not a name of an environment variable: {variable!r}",
                                 next_step='pass env={"NAME": "value"}')
        parse_programs(self.rc)
        self.devices()
        return self

    def with_image(self, image_name: str, *, machine: str = MACHINES[0],
                   initrd: Path | None = None, rc: object = (),
                   env: Mapping[str, str] | None = None) -> "BootSpec":
        """Return the spec with what it leaves open taken from the image."""
        programs = self.rc or rc
        return replace(self, machine=self.machine or machine, rc=programs,
                       initrd=self.initrd or initrd,
                       argv=self.argv or (() if programs else (image_name,)),
                       env={**({"TERM": TERMINAL} if self.terminal else {}), **(env or {}),
                            **self.env},
                       hostname=self.hostname or self.name or image_name)


@dataclass(frozen=True, slots=True)
class Launch:
    """All a driver needs to start one guest; the input of argv and of the domain XML.

    `accel` is "kvm" or "tcg" and `cpu` QEMU's name of a CPU model for it.
    """

    name: str
    uuid: str
    kernel: str
    configuration: str
    memory_mib: int
    machine: str
    accel: str
    cpu: str
    files: GuestFiles
    paused: bool = False
    initrd: str = ""
    devices: Devices = field(default_factory=Devices)
    kit: str = "rumpkit"
    console: str = ONLY_SERIAL
    recording: str = ""        # the folder of a run that is recorded, or replayed
    is_replay: bool = False
    device_uuid: str = ""      # what devices' addresses are made of, if not `uuid`
    further: tuple[str, ...] = ()  # arguments for QEMU, of one who traces it from outside


def configuration(spec: BootSpec, program: str, tsc_hz: int, epoch_ns: int,
                  devices: Devices | None = None,
                  console: str = ONLY_SERIAL) -> list[tuple[str, object]]:
    """Return the guest's configuration as ordered (key, value) pairs.

    `program` is the name of what runs, `tsc_hz` the measured frequency of the guest's
    time-stamp counter (0: unknown), `epoch_ns` the Unix time of the start.
    Source: Rumprun's configuration format; key "lab" is described in lab_abi.h's terms.
    """
    pairs: list[tuple[str, object]] = [("rc", programs_of(spec.rc, program, spec.argv))]
    pairs += [("env", f"{key}={value}") for key, value in spec.env.items()]
    pairs += (devices or spec.devices()).configuration()
    pairs.append(("hostname", spec.hostname))
    consoles = {} if console == ONLY_SERIAL else {"console": console}
    terminal = {"terminal": "on"} if spec.terminal else {}
    trace = "off" if spec.trace == "chosen" else spec.trace
    pairs.append(("lab", {"tsc_hz": tsc_hz, "epoch_ns": epoch_ns, "trace": trace,
                          **spec.trace_settings,
                          "trace_records": spec.trace_records, "on_panic": spec.on_panic,
                          **consoles, **terminal}))
    return pairs


def render(pairs: Iterable[tuple[str, object]]) -> str:
    """Return pairs as one JSON object in UTF-8 order, repeated keys kept.

    Raises UsageError if it is longer than a guest's command line may be.
    """
    inner = ",".join(f"{_json(key)}:{_json(value)}" for key, value in pairs)
    text = "{" + inner + "}"
    size = len(text.encode())
    if size > CONFIGURATION_BYTES:
        raise UsageError(
            f"the guest's configuration has {size} bytes, it may have {CONFIGURATION_BYTES}",
            next_step="pass fewer or shorter arguments and environment variables")
    return text


def check_guest_name(name: str) -> str:
    """Return `name` if a guest can be called that; raises UsageError saying what may."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"not a name for a guest: {name!r}",
                         next_step="use 1 to 48 letters, digits, - _ or ., "
                                   "starting with a letter or digit")
    return name


def guest_name_of(image_name: str) -> str:
    """Return the name a guest gets from its image: a file's name may have any character."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", image_name).strip("-.")[:48] or "guest"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{what}={value!r} is not known",
                         next_step=f"use one of {', '.join(choices)}")


def _whole(what: str, value: int, least: int, meaning: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{what}={value!r} is not a whole number of at least {least}",
                         next_step=f"{what} is {meaning}")


def _texts(what: str, values: Iterable[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise UsageError(f"{what} holds {value!r}, which is not a text",
                             next_step=f"pass texts, such as {str(value)!r}")
        if "\0" in value:
            raise UsageError(f"{what} holds a text with a NUL character: {value!r}",
                             next_step="a C program could not see what comes after it")
