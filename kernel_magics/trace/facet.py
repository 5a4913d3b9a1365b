"""Makes `guest.trace` of a guest that boot/ started, and what a boot is told of a trace."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.guest import FACETS, Guest
from kernel_magics.boot.rumprun import KIT as RUMPRUN
from kernel_magics.boot.spec import BootSpec
from kernel_magics.boot.tracing import Tracer
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import TraceError

if TYPE_CHECKING:
    from kernel_magics.trace.plan import TracePlan
    from kernel_magics.trace.trace import Trace

__all__ = ["boot_trace", "boot_tracer", "guest_trace"]

# Enough that the lab, which looks some thousand times a second, keeps up with a guest.
TRACED_RECORDS = 1 << 16
LATER = "later"


def guest_trace(guest: Guest) -> "Trace":
    """Return the trace of a guest; raises TraceError if it cannot have one from here."""
    from kernel_magics.trace.trace import Trace  # pandas: half a second, when it is needed

    address = guest.record.header_address
    if address is None and guest.record.kit == RUMPRUN:
        return _traced_from_outside(guest)
    if address is None:
        raise TraceError(f"{guest.name} records no trace: it is not a rumpkit guest",
                         name=guest.name, next_step="its console is all it tells")
    mapping = getattr(guest.ram, "mapping", None)
    if mapping is None:
        raise TraceError(f"the RAM of {guest.name} cannot be mapped here, because libvirt at"
                         f" {guest.uri} does not share it", name=guest.name,
                         next_step="boot it on this machine to trace it")
    machine = guest.machine
    names = _names_of(guest.record.kit)
    return Trace(mapping, address, alive=lambda: not machine.has_ended(),
                 paused=machine.is_paused, name=guest.name, guest=guest,
                 names=names and (lambda: names(guest)))


def _names_of(kit: str) -> Callable[[Guest], dict[int, str]] | None:
    """Return where the threads of a kit's traces have their names; None: in guest.threads."""
    from kernel_magics.trace.calls.seeing import numbered_names

    return {RUMPRUN: numbered_names}.get(kit)


def _traced_from_outside(guest: Guest) -> "Trace":
    from kernel_magics.trace.outside.trace import outside_trace

    return outside_trace(guest)


FACETS["trace"] = guest_trace


def boot_tracer(image: GuestImage, spec: BootSpec,
                trace: Any) -> tuple[BootSpec, Tracer | None]:
    """Return who traces a guest from outside that does not do it itself, and how it boots then.

    trace: as for boot_trace.  None for a guest that records its own trace, or is not to have
    one.  Raises UsageError for what is not possible from outside.
    """
    if spec.trace == "off":
        return spec, None
    from kernel_magics.trace.kits.kits import check_plan
    from kernel_magics.trace.outside.plugin import plugin_tracer

    plan = _plan_of(trace)
    check_plan(image, plan)
    if image.header_address is not None or image.kit != RUMPRUN:
        return spec, None
    return plugin_tracer(image, spec, plan)


def boot_trace(trace: Any, records: int | None) -> dict[str, Any]:
    """Return the fields of a BootSpec that record from the first instruction on.

    trace: what TracePlan.events may be, or a TracePlan; "later" records nothing yet, and lets
    recording begin while the guest runs, which some could not do otherwise.  records: of the
    guest's ring, None for as many as suit.  Raises UsageError if the choice means nothing.
    """
    if trace == "off" or trace == ():
        return {"trace": "off"}
    plan = _plan_of(trace)
    settings = plan.configuration()
    if _is_later(trace):
        return {"trace": "chosen", "trace_settings": settings,
                "trace_records": records or TRACED_RECORDS}
    whole = isinstance(plan.events, str) and plan.events in ("hypercalls", "all")
    if whole and not plan.sample_hz and plan.stacks == "off":
        del settings["trace_events"]  # the guest knows these by name
    return {"trace": plan.events if "trace_events" not in settings else "chosen",
            "trace_settings": settings, "trace_records": records or TRACED_RECORDS}


def _is_later(trace: Any) -> bool:
    return isinstance(trace, str | tuple | list) and trace in (LATER, (LATER,), [LATER])


def _plan_of(trace: Any) -> "TracePlan":
    from kernel_magics.trace.plan import TracePlan

    if isinstance(trace, TracePlan):
        return trace
    return TracePlan("off") if _is_later(trace) else TracePlan(trace)
