"""The interrupts of a guest, and the devices that send them.

`guest.interrupts`, `guest.devices`.  Source: images/rumpkit/bmk/trap.c,
bmk/virtio_transport.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.slots import symbol_name
from kernel_magics.inspect.values.walking import read_text, walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Device", "Devices", "Interrupt", "Interrupts"]

# images/rumpkit/arch/x86_64/arch.h, bmk/trap.c
VECTOR_DEVICE, VECTOR_TIMER = 32, 62
FIRST_MESSAGE = 24
MOST_DEVICES = 256
MOST_QUEUES = 4
_KINDS = {1: "network", 2: "disk", 3: "console", 9: "9p"}


@dataclass(frozen=True)
class Interrupt:
    """One vector that somebody handles.

    `source` is "timer", "pin N" of the I/O APIC or "message" (MSI); `handler` a function of
    the runtime, `device` whom it serves; `count` how often it came, -1: not counted.
    """

    vector: int
    source: str
    handler: str
    device: str
    count: int


class Interrupts(Probe[Interrupt]):
    """Every interrupt vector in use."""

    title = "interrupts"
    row = Interrupt
    index = "vector"

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Interrupt]:
        devices = program.variable("devices", "trap.c")
        names = {int(one): read_text(one.name) for one in _devices(program, [])}
        for pin, slot in enumerate(devices.read_()):
            if not slot.handler:
                continue
            handler = symbol_name(program, int(slot.handler))
            source = f"pin {pin}" if pin < FIRST_MESSAGE else "message"
            name = names.get(int(slot.argument), "")
            if not name and not handler:
                problems.append(f"the handler of vector {VECTOR_DEVICE + pin} is no function: "
                                f"{int(slot.handler):#x}")
            yield Interrupt(VECTOR_DEVICE + pin, source, handler, name or _file_of(program, slot),
                            int(slot.count) if slot.type_.has_member("count") else -1)
        yield Interrupt(VECTOR_TIMER, "timer", "bmk_timer_interrupt", "APIC timer",
                        _timer_count(program))


def _file_of(program: drgn.Program, slot: Any) -> str:
    """Return the source file of a handler: of a device without a structure, its name."""
    try:
        places = program.source_location(int(slot.handler))
    except LookupError:
        return ""
    return str(places[-1].filename).rsplit("/", 1)[-1].removesuffix(".c")


def _timer_count(program: drgn.Program) -> int:
    try:
        return int(program.variable("timer_interrupts", "trap.c"))
    except LookupError:
        return -1


@dataclass(frozen=True)
class Device:
    """One virtio device.

    `where` is its address, or its place on the PCI bus; `features` what runtime and device
    agreed on; `in_flight` the requests it has not finished.
    """

    name: str
    kind: str
    started: bool
    failed: bool
    features: int
    queues: int
    requests: int
    in_flight: int
    where: int


class Devices(Probe[Device]):
    """Every virtio device the runtime found."""

    title = "devices"
    row = Device
    index = "name"

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Device]:
        for device in _devices(program, problems):
            queues = [queue for queue in device.queues if queue]
            added = sum(int(queue.available_index) for queue in queues)
            back = [int(queue.available_index - queue.used_index) & 0xFFFF for queue in queues]
            kind = int(device.kind)
            yield Device(read_text(device.name), _KINDS.get(kind, str(kind)),
                         bool(device.started), bool(device.failed), int(device.features),
                         len(queues), added, sum(back), int(device.where))


def _devices(program: drgn.Program, problems: list[str]) -> Iterator[Any]:
    return walk_list(program.variable("devices", "virtio.c"), "next", problems,
                     most=MOST_DEVICES, what="the list of virtio devices")
