"""guest.trace of a guest that records nothing itself: from a file that QEMU writes."""

import mmap
import os
from typing import Any

from kernel_magics.errors import TraceError
from kernel_magics.trace.calls.seeing import numbered_names
from kernel_magics.trace.trace import Trace

__all__ = ["NOTE", "outside_trace"]

NOTE = "traced from outside, which slows the guest"


def outside_trace(guest: Any) -> Trace:
    """Return the trace of a guest that was booted with one; raises TraceError otherwise."""
    try:
        descriptor = os.open(guest.host_files.trace, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise TraceError(f"{guest.name} records no trace: nothing in its image does, and it was "
                         "booted without one", name=guest.name,
                         next_step='boot it with trace="hypercalls", or trace="later" to begin '
                                   "while it runs; or build it with trace=True") from None
    try:
        mapping = mmap.mmap(descriptor, 0)
    finally:
        os.close(descriptor)
    machine = guest.machine
    return Trace(mapping, 0, alive=lambda: not machine.has_ended(), paused=machine.is_paused,
                 name=guest.name, guest=guest, names=lambda: numbered_names(guest), note=NOTE)
