"""The panic report of a Rumprun guest.

Such a guest writes no record: it prints a line and halts its processor for ever.  The lab
keeps the registers that the processor has then; what it did before is found from the stack:
below the handler of a trap lies the frame that the processor pushed, below a halt its caller.

Source: platform/hw/kernel.c, platform/hw/arch/amd64/{intr.S,machdep.c} of
github.com/rumpkernel/rumprun; Intel SDM volume 3, section 6.14.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from kernel_magics.boot.abi import REGISTERS, Panic, PanicKind
from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.panics.details import NO_VECTOR
from kernel_magics.inspect.panics.explanations import FETCH
from kernel_magics.inspect.panics.panic import PanicReport, make_report
from kernel_magics.inspect.rumprun.crashes import Crash, crash_of, explanation, title
from kernel_magics.inspect.rumprun.remains import remaining_calls
from kernel_magics.inspect.stacks.code_objects import objects_of
from kernel_magics.inspect.stacks.saved_registers import of_interrupt
from kernel_magics.inspect.stacks.unwind import REGISTER_NAMES, Activation, Unwinder
from kernel_magics.inspect.threads.thread import Thread

__all__ = ["read_panic"]

_HANDLER, _HALT = "x86_trap_", "bmk_platform_halt"
_RSP, _RIP, _FLAGS = 7, 16, 49
_KEPT = (3, 6, 12, 13, 14, 15)  # what functions give back as they got it
MOST_LOOKED_AT = 16
MOST_STACK_BYTES = 1 << 20


@dataclass(frozen=True)
class _Scene:
    """Where it happened: registers as far as they are known, and the thread."""

    registers: dict[str, int] = field(default_factory=dict)
    is_trap: bool = False
    thread: Thread | None = None


def read_panic(guest: Any) -> PanicReport | None:
    """Return the report of a Rumprun guest that crashed, None of one that did not.

    `guest` is a boot.Guest or a dump.
    """
    crash = crash_of(guest)
    if crash is None:
        return None
    scene = _scene(guest, crash)
    overflow = _overflow_bytes(scene)
    record = _record(guest, crash, scene)
    report = make_report(record, guest.image, name=guest.name, guest=guest,
                         read=AddressSpace(guest).read, known=scene.registers)
    if not scene.registers:  # nothing is left to tell where it was
        report = replace(report, frames=())
    return replace(report, title=title(crash, report.title),
                   explanation=explanation(crash, report.explanation,
                                           bool(record.in_kernel) and report.culprit is None,
                                           overflow,
                                           [frame.function for frame in report.frames]))


def _record(guest: Any, crash: Crash, scene: _Scene) -> Panic:
    """Return what happened as the record that a guest of rumpkit would have left."""
    place = scene.registers.get("rip", 0)
    found = guest.image.symbols.at(place - (not scene.is_trap)) if place else None
    record = Panic(kind=crash.kind, vector=crash.vector if scene.is_trap else NO_VECTOR,
                   fault_address=crash.address, reason=crash.reason.encode()[:255],
                   in_kernel=found is not None and found[0].layer not in ("app", "libc"))
    for index, name in enumerate(REGISTERS):
        record.registers[index] = scene.registers.get(name, 0)
    if scene.thread is not None:
        record.thread = scene.thread.number
        record.thread_name = scene.thread.label.encode()[:31]
    if crash.kind == PanicKind.EXCEPTION:
        record.vector = crash.vector
    elif crash.place == crash.address:
        record.error_code = FETCH
    return record


# The scene

def _scene(guest: Any, crash: Crash) -> _Scene:
    registers: Mapping[str, int] | None = guest.registers
    try:
        threads = guest.threads.read()
    except LabError:  # (a stripped image)
        threads = []
    space = AddressSpace(guest)
    unwinder = Unwinder(objects_of(guest, space), space.read)
    found = _from_processor(guest, unwinder, registers, crash) if registers else None
    if found is None:
        found = _from_stacks(unwinder, threads, crash)
    if found is None and crash.is_reset:
        left = remaining_calls(guest, unwinder)
        found = (left, False) if left else None
    if found is None:
        return _Scene(dict(registers or {}))
    activation, is_trap = found
    names = {number: name for number, name in enumerate(REGISTER_NAMES)} | {_FLAGS: "rflags"}
    known = {names[number]: value for number, value in activation.registers.items()
             if number in names}
    return _Scene({name: known[name] for name in REGISTERS if name in known}, is_trap,
                  _thread_at(threads, known.get("rsp", 0)))


def _overflow_bytes(scene: _Scene) -> int:
    """Return how far the stack pointer is below the thread's stack, 0 if it is not."""
    if scene.thread is None or not scene.thread.record.stack_bytes:
        return 0
    return max(0, scene.thread.record.stack - scene.registers["rsp"])


def _from_processor(guest: Any, unwinder: Unwinder, registers: Mapping[str, int],
                    crash: Crash) -> tuple[Activation, bool] | None:
    """Return the call that trapped, or that halted the guest, and whether it trapped."""
    calls = unwinder.activations(registers, most=MOST_LOOKED_AT)
    for call, caller in pairwise(calls):
        found = guest.image.symbols.at(call.lookup)
        name = found[0].name if found else ""
        if name.startswith(_HANDLER):
            return caller, True
        if name == _HALT:
            return caller, False
    for call in calls if crash.place else ():  # (a stripped image has no names)
        frame = of_interrupt(unwinder.word, call.registers[_RSP], lambda _: True)
        if frame and frame[_RIP] == crash.place:
            kept = {one: call.registers[one] for one in _KEPT if one in call.registers}
            return Activation(crash.place, {**kept, **frame}, False), True
    return None


def _from_stacks(unwinder: Unwinder, threads: list[Thread],
                 crash: Crash) -> tuple[Activation, bool] | None:
    """Find the frame of a trap on the stack of the thread that ran, without registers."""
    ran = next((one.record for one in threads if not one.record.stack_pointer), None)
    if ran is None or not crash.place:
        return None
    end = ran.stack + min(ran.stack_bytes, MOST_STACK_BYTES)
    for slot in range(ran.stack, end - 32, 8):
        if unwinder.word(slot) == crash.place:
            found = of_interrupt(unwinder.word, slot, lambda _: True)
            if found and found[_RIP] == crash.place:
                return Activation(crash.place, found, False), True
    return None


def _thread_at(threads: list[Thread], stack: int) -> Thread | None:
    """Return the thread on whose stack the address lies, else the one that has the processor."""
    found = next((one for one in threads if one.record.stack
                  and 0 <= stack - one.record.stack < one.record.stack_bytes), None)
    return found or next((one for one in threads if not one.record.stack_pointer), None)
