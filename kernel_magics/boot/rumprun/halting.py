"""Whether a Rumprun guest has ended: what its console says, held against its processor.

The lines that say so could be a program's own text; a processor that halts, and not because
all threads wait, is no program's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.boot.hypervisor.machine import Machine
from kernel_magics.boot.registers import Registers, parse_registers
from kernel_magics.boot.rumprun.ends import RESET, RumprunEnd
from kernel_magics.boot.rumprun.story import RumprunStory
from kernel_magics.errors import GuestError, LabError

__all__ = ["ConfirmedEnd", "confirmed_end", "halts_for_ever", "has_reset"]

LOOKS, LOOK_S = 20, 0.005      # between the line and the halt lie some instructions
RESET_MARK = b"Triple fault"   # QEMU target/i386/tcg/excp_helper.c
LOG_BYTES = 1 << 16
HALT_LOOP = b"\xf4\xeb\xfd"   # hlt, and back to it
INTERRUPTS = 1 << 9            # RFLAGS.IF; Intel SDM volume 1, 3.4.3.3


@dataclass(frozen=True, slots=True)
class ConfirmedEnd:
    """A guest's end; `registers` are the halted processor's, None if they could not be had."""

    end: RumprunEnd
    registers: Registers | None = None


def confirmed_end(story: RumprunStory, machine: Machine, processor_log: Path,
                  idle: Callable[[], range]) -> ConfirmedEnd | None:
    """Return a guest's end, None while it goes on or only seems to have ended.

    `idle` returns where the processor halts while all threads wait.
    """
    gone = machine.has_ended()  # asked first: what it wrote before is there then
    end = story.look()
    if gone:
        if end is None and has_reset(processor_log):
            end = RESET
        return ConfirmedEnd(end) if end else None
    if end is None:
        return None
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_S)
        try:
            said = machine.monitor("info registers")
        except GuestError:  # it went meanwhile, or only another notebook may ask
            return ConfirmedEnd(end)
        registers = parse_registers(said)
        if halts_for_ever(end.kind, said, _code_at(machine, registers), idle):
            return ConfirmedEnd(end, registers)
    return None


def _code_at(machine: Machine, registers: Registers) -> bytes:
    """Return the instruction that was carried out last, if it was hlt, and what comes then."""
    try:
        return machine.ram.read(registers.get("rip", 1) - 1, len(HALT_LOOP))  # physical = virtual
    except LabError:  # a remote libvirt's, or it went meanwhile
        return b""


def halts_for_ever(kind: str, said: str, code: bytes, idle: Callable[[], range]) -> bool:
    """Whether a processor that halts does so for ever.

    `kind` is the end's, `said` what QEMU's monitor says of the registers, `code` the bytes from
    the halting instruction on, and `idle` returns where it halts while all threads wait.  After
    a trap nothing interrupts it; after a halt it halts again.
    """
    if "HLT=1" not in said:
        return False
    registers = parse_registers(said)
    if kind == "trap":
        return not registers.get("rflags", 0) & INTERRUPTS
    return code == HALT_LOOP or registers.get("rip", 0) not in idle()


def has_reset(log: Path) -> bool:
    """Whether QEMU wrote down that the processor gave up."""
    try:
        with open(log, "rb") as said:
            said.seek(max(0, said.seek(0, 2) - LOG_BYTES))
            return RESET_MARK in said.read()
    except OSError:  # a remote libvirt's, or the folder is another guest's by now
        return False
