"""What crossed which boundary of a guest, and when: the trace ring as tables."""

from importlib import import_module

from kernel_magics.trace.facet import guest_trace

__all__ = ["Recording", "Trace", "TracePlan", "compare", "guest_trace"]

_LAZY = {"Trace": "trace", "TracePlan": "plan", "Recording": "recording", "compare": "comparison"}


def __getattr__(name: str) -> object:
    """Import Trace, and pandas with it, on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"kernel_magics.trace.{_LAZY[name]}"), name)
