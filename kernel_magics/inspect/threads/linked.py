"""The list that a scheduler keeps its threads in, followed from one to the next."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["MOST_THREADS", "linked_threads"]

MOST_THREADS = 65_536


def linked_threads(read: Callable[[int], Mapping[str, Any] | None], first: int, link: str,
                   problems: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give (address, fields) of each thread from the address `first` on.

    `read` returns a thread's fields, None where nothing is mapped; `link` is the field that
    leads to the next, 0 after the last.  A list that comes back, or leads nowhere, ends there,
    and `problems` says so.
    """
    address = first
    seen: set[int] = set()
    while address:
        if address in seen or len(seen) >= MOST_THREADS:
            problems.append(f"the list of threads comes back to {address:#x} after {len(seen)}")
            return
        seen.add(address)
        row = read(address)
        if row is None:
            problems.append(f"the list of threads leads to {address:#x}, which is not mapped, "
                            f"after {len(seen) - 1}")
            return
        yield address, row
        address = row[link]
