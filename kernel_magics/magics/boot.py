"""%rumpboot and %%rumprun: an image becomes a running guest."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from kernel_magics.boot.devices.devices import DISK_BUSES, MACHINES, NICS
from kernel_magics.errors import GuestError, UsageError
from kernel_magics.magics.arguments import Argument, Command, Option, nearest
from kernel_magics.magics.build import BUILD_OPTIONS, build_cell
from kernel_magics.magics.follow import follow
from kernel_magics.magics.progress import progress
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import (
    disk,
    events,
    forward,
    pattern,
    seconds,
    share,
    variable,
    whole,
)
from kernel_magics.magics.yamlbody import read_body

__all__ = ["MAGICS", "BODY_KEYS"]

DEFAULT_TIMEOUT_S = 60.0


GUEST_OPTIONS = (
    Option("--memory", "the guest's RAM in MiB; 32, or what its image needs", "MIB",
           kind=whole, aliases=("--mem",)),
    Option("--env", "an environment variable", "NAME=VALUE", kind=variable, repeat=True),
    Option("--accel", "what executes the guest; auto is decided by measurement", "ACCEL",
           default="auto", choices=("auto", "kvm", "tcg")),
    Option("--machine", "QEMU's machine type, by default microvm, and pc for a Rumprun image",
           "TYPE", default="", choices=MACHINES),
    Option("--port", "forward a port of this machine, 8080:80, or a free one, 80", "HOST:GUEST",
           kind=forward, repeat=True),
    Option("--net", "the guest's network: user (with --port), passt, tap:NAME, bridge:NAME",
           "NETWORK", complete="network"),
    Option("--address", "dhcp, auto (IPv6) or a static one, 10.0.2.15/24", "ADDRESS",
           default="dhcp"),
    Option("--disk", "a disk image, and where the guest mounts it: data.img:/data:ext2",
           "FILE[:PLACE]", kind=disk, complete="disk", repeat=True),
    Option("--disk-bus", "what a Rumprun guest's disks are on, where it was baked with the driver",
           "BUS", default="", choices=DISK_BUSES),
    Option("--nic", "what a Rumprun guest's network interface is, where it has the driver", "KIND",
           default="", choices=NICS),
    Option("--share", "a folder of this machine in the guest; :ro keeps it from writing",
           "FOLDER:PLACE", kind=share, complete="folder", repeat=True),
    Option("--capture", "record the network traffic, for guest.pcap"),
    Option("--driver", "who starts QEMU: libvirt, or the lab itself, which is quicker",
           "DRIVER", default="libvirt", choices=("libvirt", "qemu")),
    Option("--uri", "another libvirt than the embedded one", "URI", aliases=("--host",)),
    Option("--hostname", "what the guest calls itself", "NAME", default=""),
    Option("--trace", "what to record from the first instruction on: hypercalls, syscalls, "
           "runtime, all, or names or globs of events, with commas between; or later", "WHAT",
           default="off", kind=events, complete="events"),
    Option("--trace-records", "how many events the guest's ring holds (4096; traced 65536)", "N",
           kind=whole),
    Option("--on-panic", "what a panic does with the machine", "ACTION", default="exit",
           choices=("exit", "halt")),
    Option("--timeout", "how long to wait for its end, such as 500ms, 90s or 2m", "TIME",
           kind=seconds, default=DEFAULT_TIMEOUT_S),
    Option("--input", "a text for the program's standard input, \\n ends a line", "TEXT"),
)

RUMPBOOT = Command(
    "rumpboot", "boot an image; show its console until the program ends",
    arguments=(Argument("IMAGE", "an image that was built here, or the path of a guest ELF file",
                        complete="image"),),
    options=(
        Option("--name", "what to call the guest, by default like the image", "NAME"),
        *GUEST_OPTIONS,
        Option("--wait", "go on as soon as the console shows this (a regular expression)",
               "REGEX", kind=pattern),
        Option("--background", "don't wait; the guest's console is live below the cell"),
        Option("--terminal", "for a program that draws on the whole screen or wants single "
               "keys: the console is a terminal; don't wait"),
        Option("--paused", "leave it before its first instruction, for %rumpdebug; don't wait"),
        Option("--record", "record the run in this folder, for %rumpdebug --replay", "FOLDER")),
    rest="the program's arguments",
    body="options in YAML, one a line, such as memory: 64; env is a mapping, argv the whole "
         "argument vector, argv[0] first, rc the programs to start, blk what else a Rumprun "
         "guest mounts",
    details="""The result is a Guest: .exit_status, .console.text, .boot_phases, .trace, and
    .http("/"), .ports, .pcap where it has a network; of a Rumprun image .programs, .end and
    .memory_shortage, too.
    Interrupting the kernel ends the wait, not the guest. A panic ends the cell with a report
    of where and why. An exit status other than 0 does not fail the cell: look at
    .exit_status.""",
    examples=("%rumpboot hello", "%rumpboot hello --memory 8 --trace all -- one \"two words\"",
              "guest = %rumpboot server --background",
              "%rumpboot busybox --terminal -- vi /etc/passwd",
              "%rumpboot server --port 8080:80 --wait listening",
              "%rumpboot database --disk data.img:/data --share notes:/notes:ro"))

RUMPRUN = Command(
    "rumprun", "compile the cell, boot it, show its output: like %%bash, in a unikernel",
    arguments=(Argument("NAME", "what to call image and guest", required=False),),
    options=(*BUILD_OPTIONS, *GUEST_OPTIONS),
    rest="the program's arguments",
    body="the program, with a main function",
    line=False,
    details="An exit status other than 0 fails the cell, as it does with %%bash.",
    examples=("%%rumprun", "%%rumprun greet --memory 8 -- world"))

_BODY_OPTIONS = {o.key: o for o in RUMPBOOT.options}
_BODY_LISTS = ("rc", "blk")  # lists of mappings, as the configuration has them
BODY_KEYS = ("argv", *(key for key in _BODY_OPTIONS if key != "env"), "env", *_BODY_LISTS)
"""The keys that a %%rumpboot cell may have."""


def rumpboot(options: SimpleNamespace, cell: str | None) -> Any:
    """Boot, follow the console unless told not to, and return the Guest."""
    given = vars(options)
    if cell is not None:
        given |= _from_body(cell)
    guest = _boot(notebook_lab(), options.image, given)
    # A text to wait for is waited for, whatever else is said.
    if not given["paused"] and (
            given["wait"] or not (given["background"] or given["terminal"])):
        follow(guest, given["timeout"], given["wait"])
    return guest


def rumprun(options: SimpleNamespace, cell: str | None) -> None:
    """Build, boot, follow; raise GuestError when the status is not 0."""
    image = build_cell(options.name or "run", options, cell, RUMPRUN.title,
                       trace=options.kit == "rumprun" and options.trace != "off")
    guest = _boot(notebook_lab(), image, {**vars(options), "name": None})
    follow(guest, options.timeout)
    if guest.exit_status:
        raise GuestError(f"{guest.name} exited with status {guest.exit_status}",
                         name=guest.name, exit_status=guest.exit_status)


def _boot(lab: Any, image: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(image, str):
        image = lab.image(image)
    arguments = {
        "memory_mib": given["memory"], "env": dict(given["env"]), "accel": given["accel"],
        "ports": given["port"], "net": given["net"], "address": given["address"],
        "disks": given["disk"], "shares": given["share"], "capture": given["capture"],
        "disk_bus": given["disk_bus"], "nic": given["nic"],
        "machine": given["machine"], "driver": given["driver"], "hostname": given["hostname"],
        "trace": given["trace"], "trace_records": given["trace_records"],
        "on_panic": given["on_panic"], "timeout": given["timeout"],
    }
    arguments |= {key: given[key] for key in ("name", "uri", "terminal", "paused", "record",
                                              *_BODY_LISTS)
                  if given.get(key)}
    if given["rest"]:
        program = image.rc[-1]["argv"][0] if image.rc else image.name
        arguments["argv"] = (program, *given["rest"])
    elif given.get("argv"):
        arguments["argv"] = given["argv"]
    with progress(f"booting {image.name}"):
        guest = lab.boot(image, **arguments)
    if given["input"]:
        _send(guest, given["input"].replace("\\n", "\n"))
    return guest


def _send(guest: Any, text: str) -> None:
    """Give a guest its input; one that can be given none is stopped: it was booted for that."""
    try:
        guest.console.send(text)
    except GuestError:
        guest.stop()
        raise


def _from_body(cell: str) -> dict[str, Any]:
    """Return the values of a cell body by option key."""
    values: dict[str, Any] = {}
    for key, value, line in read_body(cell, first_line=2):
        where = f"%%rumpboot, line {line}"
        if key == "argv":
            values["argv"] = _words(value, where)
        elif key == "env":
            values["env"] = _variables(value, where)
        elif key in _BODY_LISTS:
            values[key] = _entries(key, value, where)
        elif key in _BODY_OPTIONS and _BODY_OPTIONS[key].repeat:
            items = value if isinstance(value, list) else [value]
            values[key] = tuple(_convert(_BODY_OPTIONS[key], item, where) for item in items)
        elif key in _BODY_OPTIONS:
            values[key] = _convert(_BODY_OPTIONS[key], value, where)
        else:
            raise UsageError(f"{where}: no setting is called {key!r}",
                             next_step=nearest(key, BODY_KEYS, "settings"))
    return values


def _convert(option: Option, value: Any, where: str) -> Any:
    if not option.metavar:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {option.key} is true or false, not {value!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{where}: {option.key} is a single value, not {value!r}",
                         next_step=f"{option.key}: {option.help}")
    return RUMPBOOT.convert(option, str(value), where)


def _words(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{where}: argv is a list, not {value!r}",
                         next_step='write argv: [program, "two words"]')
    return tuple(str(word) for word in value)


def _entries(key: str, value: Any, where: str) -> list[Any]:
    """Return the entries of a list such as rc; its numbers are texts to a guest."""
    entries = value if isinstance(value, list) else [value]
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise UsageError(f"{where}: {key} is a list of mappings, not {value!r}",
                         next_step=_ENTRIES[key])
    return [{name: [str(word) for word in part] if isinstance(part, list) else str(part)
             for name, part in entry.items()} for entry in entries]


_ENTRIES = {"rc": 'write one a line below rc: - {bin: server, argv: [server, "80"], runmode: "&"}',
            "blk": "write one a line below blk: - {source: dev, path: /dev/ld0a, fstype: blk, "
                   "mountpoint: /data}"}


def _variables(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: env is a mapping, not {value!r}",
                         next_step="write env: {NAME: value}")
    return tuple((str(name), str(text)) for name, text in value.items())


MAGICS = ((RUMPBOOT, rumpboot), (RUMPRUN, rumprun))
