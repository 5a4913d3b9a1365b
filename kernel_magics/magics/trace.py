"""%rumptrace: which hypercalls and system calls a guest made, and what they took."""

import time
from types import SimpleNamespace
from typing import Any

from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.failure import WaitInterrupted
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import seconds

__all__ = ["MAGICS"]

_POLL_S = 0.05


RUMPTRACE = Command(
    "rumptrace", "show the calls a guest made across its boundaries, with their latencies",
    arguments=(Argument("NAME", "the guest; it may have ended", complete="guest"),),
    options=(
        Option("--start", "begin recording: hypercalls, syscalls, runtime, all, or a name or "
               "glob of events", "WHAT", complete="events", repeat=True),
        Option("--stop", "end recording"),
        Option("--for", "record for this long, then show what was recorded", "TIME",
               kind=seconds),
        Option("--filter", "show only events whose name or group matches; thread:N or "
               "event:NAME choose one exactly", "PATTERN", default="", complete="events"),
        Option("--clear", "forget what was recorded before")),
    details="""Without an option it shows what the guest recorded so far. A guest records from
    its first instruction if it was booted with --trace; recording can also begin and end
    while it runs, without stopping it. The result's .df has a row for each event, .calls a
    row for each kind of call: count, total, min, median, p99, max.""",
    examples=("%rumpboot hello --trace all", "%rumptrace hello",
              "%rumptrace server --start hypercalls --for 2s",
              "%rumptrace hello --filter rumpuser_mutex_*"))


def rumptrace(options: SimpleNamespace, _cell: str | None) -> Any:
    """Change what is recorded if asked to, and return the TraceView."""
    from kernel_magics.widgets.trace import TraceView
    guest = notebook_lab().guest(options.name)
    trace = guest.trace
    if options.clear:
        trace.clear()
    for_s = getattr(options, "for")
    if options.start or for_s is not None:
        trace.start(list(options.start) or "hypercalls")
    if for_s is not None:
        _record_for(guest, for_s)
    if options.stop or for_s is not None:
        trace.stop()
    return TraceView(guest, options.filter)


def _record_for(guest: Any, duration_s: float) -> None:
    end_s = time.monotonic() + duration_s
    try:
        while guest.state == "running" and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_POLL_S, left_s))
    except KeyboardInterrupt:
        raise WaitInterrupted(
            f"interrupted: {guest.name} goes on running, and recording; "
            f"%rumptrace {guest.name} shows what there is, --stop ends it") from None


MAGICS = ((RUMPTRACE, rumptrace),)
