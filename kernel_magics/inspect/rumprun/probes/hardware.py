"""The interrupts and devices of a Rumprun guest.

Source: platform/hw/intr.c of github.com/rumpkernel/rumprun; NetBSD 7, sys/sys/device.h,
sys/dev/pci/virtiovar.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.interrupts import Device, Devices, Interrupt, Interrupts
from kernel_magics.inspect.rumprun.probes.netbsd import RumprunProbe, symbol_at, walk
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunDevices", "RumprunInterrupts"]

FIRST_VECTOR, CLOCK_PIN = 32, 0
ROUTED = 32  # handlers of lines that the firmware has routed are called on any of them
MOST_HANDLERS = 64
MOST_DEVICES = 1024
MOST_QUEUES = 64
_ACTIVE = 0x1  # DVF_ACTIVE


class RumprunInterrupts(RumprunProbe, Interrupts):
    """See Interrupts; how often one came is not counted (-1)."""

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Interrupt]:
        yield Interrupt(FIRST_VECTOR + CLOCK_PIN, "timer", "cpu_isr_clock", "", -1)
        for pin, head in enumerate(program.variable("isr_ih", "hw/intr.c")):
            for one in walk(head.slh_first, "ih_entries.sle_next", problems, "handlers",
                            MOST_HANDLERS):
                is_any = pin == ROUTED
                yield Interrupt(0 if is_any else FIRST_VECTOR + pin,
                                "any line of PCI" if is_any else f"pin {pin}",
                                symbol_at(self._subject, int(one.ih_fun)), "", -1)


class RumprunDevices(RumprunProbe, Devices):
    """See Devices: all that autoconfiguration has found, the buses too.

    Features, queues and requests are those of virtio devices; `where` is the softc.
    """

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Device]:
        import drgn

        try:
            first = program["alldevs"].tqh_first
        except LookupError:
            return
        for one in walk(first, "dv_list.tqe_next", problems, "devices", MOST_DEVICES):
            try:
                yield _device(program, one)
            except drgn.FaultError as error:
                problems.append(f"a device leads to {error.address:#x}, which is not mapped")


def _device(program: drgn.Program, one: Any) -> Device:
    import drgn

    name = read_text(one.dv_xname)
    kind = read_text(one.dv_cfattach.ca_name) if int(one.dv_cfattach) else ""
    features = queues = in_flight = 0
    if name.startswith("virtio") and int(one.dv_private):
        softc = drgn.cast("struct virtio_softc *", one.dv_private)
        features, queues = int(softc.sc_features), int(softc.sc_nvqs)
        in_flight = sum(int(softc.sc_vqs[index].vq_queued)
                        for index in range(min(queues, MOST_QUEUES)))
        child = read_text(softc.sc_child.dv_xname) if int(softc.sc_child) else ""
        kind = f"{kind}, {child}" if child else kind
    return Device(name, kind, bool(int(one.dv_flags) & _ACTIVE), False, features, queues, 0,
                  in_flight, int(one.dv_private))
