"""Which addresses of a Rumprun image are of interest to one who looks from outside.

Source: lib/libbmk_core/sched.c and platform/hw/intr.c of github.com/rumpkernel/rumprun for
the functions of bmk's; structures are as they were published in 2015.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from kernel_magics.boot import abi
from kernel_magics.build.elf import align
from kernel_magics.errors import TraceError
from kernel_magics.trace.calls.upstream import hypercalls_of
from kernel_magics.trace.outside.jumps import jumping_to
from kernel_magics.trace.records.events import event_arguments, event_number

__all__ = ["Layout", "Point", "PointKind", "layout_of", "points_of"]

PT_TLS = 7


class PointKind(IntEnum):
    """enum plugin_point_kind: what happens at an address."""

    CALL = 0
    SWITCH = 1
    IDLE = 2
    WAKE = 3
    THREAD_EXIT = 4
    INTERRUPT = 5
    PHASE = 6
    JUMPS = 7
    SYSCALL = 8


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """An address at which something is to be recorded.

    `event` is its number (of a phase: the phase's), `arguments` how many are recorded, and
    `text` which of them is a text, from 1, 0 for none.
    """

    address: int
    event: int
    kind: PointKind = PointKind.CALL
    arguments: int = 0
    text: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in struct bmk_thread, and where bmk_current is from the thread pointer."""

    name_offset: int = 0
    flags_offset: int = 24
    tcb_offset: int = 48
    current_offset: int = 0


_RETURNING = (PointKind.CALL, PointKind.IDLE, PointKind.SYSCALL)
_MOMENTS = {
    "bmk_cpu_sched_switch": PointKind.SWITCH, "bmk_platform_cpu_block": PointKind.IDLE,
    "bmk_sched_wake": PointKind.WAKE, "bmk_sched_exit_withtls": PointKind.THREAD_EXIT,
    "rump_syscall": PointKind.SYSCALL}
_PHASES = {"_start": abi.Phase.ENTRY, "x86_boot": abi.Phase.RUNTIME, "bmk_mainthread":
           abi.Phase.KERNEL, "rumprun_main1": abi.Phase.MAIN}


def points_of(image: Any) -> list[Point]:
    """Return the points of an image, by address, one for each.

    Raises TraceError if it has no symbols, or none of a hypercall.
    """
    symbols = image.symbols
    found = {point.address: point for point in (*_moments(symbols), *_hypercalls(symbols))}
    if not any(one.kind is PointKind.CALL for one in found.values()):
        raise TraceError(f"{image.name} has no symbols of hypercalls: where they begin is not "
                         "known", next_step="give the image from before stripping, or bake it "
                                            "with tracing: lab.build(…, trace=True)",
                         name=image.name)
    for address in jumping_to(image, [one.address for one in found.values()
                                      if one.kind in _RETURNING]):
        found.setdefault(address, Point(address, 0, PointKind.JUMPS))
    return [found[address] for address in sorted(found)]


def _hypercalls(symbols: Any) -> Iterator[Point]:
    for name in hypercalls_of(symbols):
        number = event_number(name)
        arguments = event_arguments(number)
        text = next((index for index, one in enumerate(arguments, 1)
                     if one.type == "const char *"), 0)
        yield Point(symbols.find(name).address, number, PointKind.CALL, len(arguments), text)


def _moments(symbols: Any) -> Iterator[Point]:
    for name, kind in _MOMENTS.items():
        if name in symbols:
            yield Point(symbols.find(name).address, 0, kind)
    for name, phase in _PHASES.items():
        if name in symbols:
            yield Point(symbols.find(name).address, int(phase), PointKind.PHASE)
    if "isr" in symbols:
        yield Point(symbols.find("isr").address, int(abi.Event.INTERRUPT), PointKind.INTERRUPT, 1)


def layout_of(image: Any) -> Layout:
    """Return where things lie; raises TraceError if the image does not say where bmk_current is."""
    symbols = image.symbols
    block = next((align(one.memory_bytes, max(one.alignment, 8))
                  for one in symbols.elf.segments if one.type == PT_TLS), 0)
    if "bmk_current" not in symbols or not block:
        raise TraceError(f"{image.name} does not say where the running thread is",
                         next_step="give the image from before stripping", name=image.name)
    return Layout(current_offset=symbols.find("bmk_current").address % (1 << 32) - block)
