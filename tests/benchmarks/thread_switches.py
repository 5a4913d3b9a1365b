"""Threads that take turns, over a pipe and over a futex, begin and end: against Linux."""

from .measuring import Report
from .operations import Operation, compare

__all__ = ["run"]

OPERATIONS = {
    "futex_switch": Operation("switch by futex", 2_000),
    "pipe_switch": Operation("switch by pipe", 2_000),
    "thread_life": Operation("thread created and joined", 100),
}


def run(quick: bool) -> Report:
    """Measure one switch from a thread to another, and a thread's whole life."""
    return compare("thread_switches", quick, OPERATIONS)
