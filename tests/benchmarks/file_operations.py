"""Files of the root, which came as an archive into RAM: against a Linux guest."""

from .measuring import Report
from .operations import Operation, compare

__all__ = ["run"]

OPERATIONS = {
    "read_1": Operation("read of 1 byte", 5_000),
    "read_4096": Operation("read of 4 KiB", 1_000),
    "read_65536": Operation("read of 64 KiB", 100),
    "write_4096": Operation("write of 4 KiB to a new file", 500),
    "open_close": Operation("open and close", 1_000),
    "stat": Operation("stat", 1_000),
}


def run(quick: bool) -> Report:
    """Measure reads, writes and look-ups that no device has a part in."""
    return compare("file_operations", quick, OPERATIONS)
