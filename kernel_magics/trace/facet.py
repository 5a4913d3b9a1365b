"""Makes `guest.trace` of a guest that boot/ started, and what a boot is told of a trace."""

from typing import TYPE_CHECKING, Any

from kernel_magics.boot.guest import FACETS, Guest
from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.trace.trace import Trace

__all__ = ["boot_trace", "guest_trace"]

# Enough that the lab, which looks some thousand times a second, keeps up with a guest.
TRACED_RECORDS = 1 << 16


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


def boot_trace(trace: Any, records: int | None) -> dict[str, Any]:
    """Return the fields of a BootSpec that record from the first instruction on.

    trace: what TracePlan.events may be, or a TracePlan.  records: of the guest's ring, None
    for as many as suit.  Raises UsageError if the choice means nothing.
    """
    if trace == "off" or trace == ():
        return {"trace": "off"}
    from kernel_magics.trace.plan import TracePlan

    plan = trace if isinstance(trace, TracePlan) else TracePlan(trace)
    settings = plan.configuration()
    whole = isinstance(plan.events, str) and plan.events in ("hypercalls", "all")
    if whole and not plan.sample_hz and plan.stacks == "off":
        del settings["trace_events"]  # the guest knows these by name
    return {"trace": plan.events if "trace_events" not in settings else "chosen",
            "trace_settings": settings, "trace_records": records or TRACED_RECORDS}
