"""What crossed which boundary of a guest, and when: the trace ring as tables."""

from kernel_magics.trace.facet import guest_trace
from kernel_magics.trace.trace import Trace

__all__ = ["Trace", "guest_trace"]
