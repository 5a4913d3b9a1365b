"""Guests of upstream Rumprun: the configuration they take, and what their console says of ends.

They know no lab header, never power off and give QEMU no status: all is on the console.
Source: doc/config.md, lib/librumprun_base/{config,rumprun,syscall_misc}.c and
platform/hw/{kernel.c,arch/amd64/machdep.c} of github.com/rumpkernel/rumprun.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel_magics.boot.devices import Devices
from kernel_magics.errors import UsageError

__all__ = ["KIT", "MACHINE", "RumprunEnd", "read_end", "rumprun_configuration"]

KIT, MACHINE = "rumprun", "pc"
TAIL_BYTES = 1 << 16  # the end is said in the last lines
_RETURNED = re.compile(r'^=== main\(\) of "(.*)" returned (-?\d+) ===\r?$', re.MULTILINE)
_EXITED = re.compile(r"^=== (?:ERROR: )?_exit\((-?\d+)\) called ===\r?$", re.MULTILINE)
_TRAP = re.compile(r"^FATAL TRAP: (.+) at (0x[0-9a-f]+|\(nil\)) \((0x[0-9a-f]+)\)\r?$",
                   re.MULTILINE)
_PANIC = re.compile(r"^(?:PANIC|panic): (.+?)\r?$", re.MULTILINE)
_NO_MEMORY = re.compile(r"^cannot handle page request order (\d+)/", re.MULTILINE)
_HALTED = re.compile(r"^halted\r?$", re.MULTILINE)
PAGE_KIB = 4


@dataclass(frozen=True, slots=True)
class RumprunEnd:
    """How a guest has ended.

    `status` is the last program's exit status, 0 to 255, None if it crashed before; `reason`
    is a sentence about the crash, "" for an orderly end.
    """

    status: int | None
    reason: str = ""


def read_end(text: str) -> RumprunEnd | None:
    """Return what a console says of the guest's end, None if it goes on.

    A program that returned may have others beside it; the end is when the kernel halts, or a
    trap, after which nothing more is said.
    """
    text = text[-TAIL_BYTES:]
    if trap := _last(_TRAP, text):
        return RumprunEnd(None, f"{trap[1]} at {trap[2]}, address {trap[3]}" + _memory(text))
    if not _HALTED.search(text):
        return None
    if panic := _last(_PANIC, text):
        return RumprunEnd(None, panic[1] + _memory(text))
    told = _last(_EXITED, text) or _last(_RETURNED, text)
    status = int(told[told.re.groups]) & 0xFF if told else None
    return RumprunEnd(status, "" if told else "it halted and no program had ended" + _memory(text))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter([*pattern.finditer(text)][-1:]), None)


def _memory(text: str) -> str:
    """Return what an earlier message about memory means, "" if there was none."""
    short = _last(_NO_MEMORY, text)
    if short is None:
        return ""
    wanted = (1 << int(short[1])) * PAGE_KIB
    return f"; before, {wanted} KiB in one piece could not be had: it needs more memory"


def rumprun_configuration(programs: Sequence[Mapping[str, object]], env: Mapping[str, str],
                          hostname: str, devices: Devices) -> list[tuple[str, object]]:
    """Return the configuration as ordered pairs; keys are repeated where upstream wants it.

    `programs` are as BootSpec has them, with argv[0] in "argv".  Raises UsageError for what
    such guests cannot have: shares, more than one network address.
    """
    if devices.shares:
        raise UsageError("a Rumprun guest has no file system for host folders",
                         next_step="put the files on a disk: lab.disk(…), or use the kit rumpkit")
    pairs: list[tuple[str, object]] = [("rc", [_program(program) for program in programs])]
    pairs += [("env", f"{name}={value}") for name, value in env.items()]
    pairs.append(("hostname", hostname))
    if devices.network:
        addresses = devices.network.configuration()
        if len(addresses) > 1:
            raise UsageError("a Rumprun guest's interface gets one address",
                             next_step='pass address="dhcp" or one address')
        # It refuses keys that it does not know.
        pairs += [("net", {key: value for key, value in entry.items() if key != "dns"})
                  for entry in addresses]
    for index, disk in enumerate(devices.disks):
        if disk.mountpoint:
            pairs.append(("blk", {"source": "dev", "path": f"/dev/ld{index}a", "fstype": "blk",
                                  "mountpoint": disk.mountpoint}))
    return pairs


def _program(program: Mapping[str, object]) -> dict[str, object]:
    """Upstream's "bin" is argv[0] and its "argv" what follows."""
    if program.get("workdir"):
        raise UsageError("a Rumprun guest's programs start in /",
                         next_step="leave workdir out, or let the program change its folder")
    argv = program["argv"]
    assert isinstance(argv, Sequence)
    entry: dict[str, object] = {"bin": argv[0], "argv": list(argv[1:])}
    return entry | ({"runmode": program["runmode"]} if program.get("runmode") else {})
