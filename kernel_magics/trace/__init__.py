"""What crossed which boundary of a guest, and when: the trace ring as tables."""

from importlib import import_module

from kernel_magics.trace.facet import guest_trace

__all__ = ["Trace", "guest_trace"]


def __getattr__(name: str) -> object:
    """Import Trace, and pandas with it, on first use (PEP 562)."""
    if name != "Trace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("kernel_magics.trace.trace").Trace
