"""Makes `guest.trace` of a guest that boot/ started."""

from typing import TYPE_CHECKING

from kernel_magics.boot.guest import FACETS, Guest
from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.trace.trace import Trace

__all__ = ["guest_trace"]


def guest_trace(guest: Guest) -> "Trace":
    """Return the trace of a guest; raises TraceError if it cannot have one from here."""
    from kernel_magics.trace.trace import Trace  # pandas: half a second, when it is needed

    address = guest.record.header_address
    if address is None:
        raise TraceError(f"{guest.name} is not a rumpkit guest and records no trace",
                         next_step="build it with the rumpkit kit", name=guest.name)
    mapping = getattr(guest.ram, "mapping", None)
    if mapping is None:
        raise TraceError(f"the RAM of {guest.name} cannot be mapped here, because libvirt at"
                         f" {guest.uri} does not share it", name=guest.name,
                         next_step="boot it on this machine to trace it")
    machine = guest.machine
    return Trace(mapping, address, alive=lambda: not machine.has_ended(),
                 paused=machine.is_paused, name=guest.name, guest=guest)


FACETS["trace"] = guest_trace
