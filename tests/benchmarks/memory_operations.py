"""Page faults, mappings and protections of anonymous memory: against a Linux guest."""

from .measuring import Report
from .operations import Operation, compare

__all__ = ["run"]

OPERATIONS = {
    "page_fault": Operation("page fault", 1_000),
    "map_and_unmap": Operation("mmap, a page, munmap of 128 KiB", 1_000),
    "map_use_unmap": Operation("the same, 32 pages", 100),
    "protect": Operation("mprotect of 4 pages", 1_000),
}


def run(quick: bool) -> Report:
    """Measure what allocators ask of a kernel."""
    return compare("memory_operations", quick, OPERATIONS)
