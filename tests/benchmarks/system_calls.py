"""The least a system call costs, the clock's, and a signal's: against a Linux guest."""

from .measuring import Report
from .operations import Operation, compare

__all__ = ["run"]

OPERATIONS = {
    "compute": Operation("no kernel at all", 200_000, aim=None),
    "null_call": Operation("null call (getppid)", 10_000),
    "clock_call": Operation("call with one hypercall (clock_gettime)", 10_000),
    "clock_library": Operation("clock_gettime through libc, by the vDSO in both", 10_000, aim=None),
    "signal": Operation("a signal to itself, handled", 500),
}


def run(quick: bool) -> Report:
    """Measure calls that do as little as there is."""
    return compare("system_calls", quick, OPERATIONS)
