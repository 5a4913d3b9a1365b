"""%rumptrace: which hypercalls and system calls a guest made, and what they took."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.failure import WaitInterrupted
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import seconds, whole
from kernel_magics.trace.calls.constants import WORDS_HELP

__all__ = ["MAGICS"]

_POLL_S = 0.05


def _calls(trace: Any, words: str) -> Any:
    from kernel_magics.trace.records.table import call_statistics
    return call_statistics(trace.choose(words))


def _percentiles(trace: Any, words: str) -> Any:
    from kernel_magics.trace.views.distribution import percentiles
    return percentiles(trace.choose(words))


NARROWED: dict[str, Callable[[Any, str], Any]] = {
    "text": lambda trace, words: trace.text(words),
    "calls": _calls,
    "percentiles": _percentiles,
    "flame": lambda trace, words: trace.flame(words=words)}
"""What --show shows of the events that --filter chooses."""

WHOLE: dict[str, Callable[[Any], Any]] = {
    "waits": lambda trace: trace.flame("waits"),
    "locks": lambda trace: trace.locks,
    "cpu": lambda trace: trace.cpu,
    "wakeups": lambda trace: trace.wakeups,
    "requests": lambda trace: trace.requests,
    "packets": lambda trace: trace.packets,
    "console": lambda trace: trace.console,
    "hypercalls": lambda trace: trace.hypercalls}
"""What --show shows of the whole trace: which events it needs is its own matter."""

RUMPTRACE = Command(
    "rumptrace", "show the calls a guest made across its boundaries, with their latencies",
    arguments=(Argument("NAME", "the guest; it may have ended", complete="guest"),),
    options=(
        Option("--start", "begin recording: hypercalls, syscalls, runtime, all, or a name or "
               "glob of events", "WHAT", complete="events", repeat=True),
        Option("--stacks", "and the call stack with these events", "WHAT", complete="events",
               repeat=True),
        Option("--sample", "and what runs, so many times a second", "HZ", kind=whole, default=0),
        Option("--data", "how many bytes of each buffer to record", "BYTES", kind=whole,
               default=32),
        Option("--packet-bytes", "how many bytes of each frame, with --start packet", "BYTES",
               kind=whole, default=96),
        Option("--stop", "end recording"),
        Option("--for", "record for this long, then show what was recorded", "TIME",
               kind=seconds),
        Option("--keep", "keep only the last so much time, as a flight recorder", "TIME",
               kind=seconds),
        Option("--until", "record until an event matches, then stop; words as for --filter",
               "WORDS"),
        Option("--filter", "show only events that match", "WORDS", default="",
               complete="events"),
        Option("--show", "what to show, instead of the view of the trace", "WHAT",
               choices=(*NARROWED, *WHOLE)),
        Option("--export", "also write a file: .pftrace (Perfetto), .pcap, .parquet, .csv, .trace",
               "FILE", repeat=True),
        Option("--clear", "forget what was recorded before")),
    details=f"""Without an option it shows what the guest recorded so far. A guest records from
    its first instruction if it was booted with --trace; recording can also begin and end
    while it runs, without stopping it. The result's .df has a row for each event, .calls a
    row for each kind of call: count, total, min, median, p99, max. To choose events:
    {WORDS_HELP}. From a script the same is guest.trace: start, stop, keep, stop_when, choose,
    text, calls, flame, locks, cpu, wakeups, journal, compare, export.""",
    examples=("%rumpboot hello --trace all", "%rumptrace hello",
              "%rumptrace server --start hypercalls --for 2s",
              "%rumptrace server --start all --keep 5s --until \"write >10ms\"",
              "%rumptrace hello --filter \"layer:sys failed\" --show text",
              "%rumptrace server --start switch --sample 500 --for 2s --show flame"))


def rumptrace(options: SimpleNamespace, _cell: str | None) -> Any:
    """Change what is recorded if asked to, and return the TraceView or what is to be shown."""
    from kernel_magics.widgets.trace.view import TraceView
    if options.filter and options.show in WHOLE:
        raise UsageError(f"--filter does not narrow --show {options.show}, which needs all events",
                         next_step=f"leave --filter out, or --show {', '.join(NARROWED)}")
    guest = notebook_lab().guest(options.name)
    trace = guest.trace
    if options.clear:
        trace.clear()
    for_s = getattr(options, "for")
    if options.start or options.stacks or options.sample or for_s is not None:
        trace.start(_plan(options))
    if options.keep is not None:
        trace.keep(options.keep)
    if options.until:
        _record_until(guest, options.until, for_s)
    elif for_s is not None:
        _record_for(guest, for_s)
    if options.stop or for_s is not None:
        trace.stop()
    for path in options.export:
        trace.export(path)
    if options.show in WHOLE:
        return WHOLE[options.show](trace)
    if options.show:
        return NARROWED[options.show](trace, options.filter)
    return TraceView(guest, options.filter)


def _plan(options: SimpleNamespace) -> Any:
    """Return what to record; samples or stacks alone are recorded without other events."""
    from kernel_magics.trace.plan import TracePlan
    alone = "off" if options.stacks or options.sample else "hypercalls"
    return TracePlan(list(options.start) or alone, list(options.stacks) or "off",
                     data_bytes=options.data, packet_bytes=options.packet_bytes,
                     sample_hz=options.sample)


def _record_until(guest: Any, words: str, most_s: float | None) -> None:
    """Wait until an event matches or the guest has ended; most_s: no longer than this."""
    watch = guest.trace.stop_when(words)
    try:
        watch.wait(most_s)
    except KeyboardInterrupt:
        watch.cancel()
        raise WaitInterrupted(
            f"interrupted: {guest.name} goes on running, and recording; "
            f"%rumptrace {guest.name} shows what there is, --stop ends it") from None


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
