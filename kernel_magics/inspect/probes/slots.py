"""The descriptors of a process, and what kind of thing each names.

Source: images/rumpkit/include/vfs_file.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["kind_of_file", "slots_of", "symbol_name"]

MOST_DESCRIPTORS = 65_536

_KINDS = {
    "pipe_ops": "pipe", "eventfd_ops": "eventfd", "epoll_ops": "epoll",
    "vfs_tty_ops": "terminal", "vfs_regular_ops": "file", "vfs_directory_ops": "directory",
    "vfs_path_ops": "path", "file_ops": "9p file", "text_ops": "text", "null_ops": "device",
    "zero_ops": "device", "full_ops": "device", "random_ops": "device",
    "timer_file_ops": "timerfd", "socket_ops": "socket",
}


def slots_of(files: Any, problems: list[str]) -> Iterator[tuple[int, Any, bool]]:
    """Yield descriptor, struct vfs_file * and whether it is closed on exec, of each in use.

    `files` is a struct vfs_context *, null for a process that has ended.
    """
    import drgn

    if not files:
        return
    try:
        capacity = int(files.capacity)
        if capacity > MOST_DESCRIPTORS:
            problems.append(f"a table of descriptors claims {capacity} slots; "
                            f"{MOST_DESCRIPTORS} are looked at")
            capacity = MOST_DESCRIPTORS
        if not capacity:
            return
        slots = files.slots[0:capacity].read_()
    except drgn.FaultError as error:
        problems.append(f"a table of descriptors leads to {error.address:#x}, which is not mapped")
        return
    for descriptor in range(capacity):
        slot = slots[descriptor]
        if slot.file:
            yield descriptor, slot.file, bool(slot.close_on_exec)


def kind_of_file(file: Any) -> str:
    """Return what an open file is, by its operations: "file", "pipe", "socket" …"""
    name = symbol_name(file.prog_, int(file.ops))
    return _KINDS.get(name, name or f"operations at {int(file.ops):#x}")


def symbol_name(program: Any, address: int) -> str:
    """Return the name of what begins at an address, "" if nothing does."""
    try:
        found = program.symbol(address)
    except LookupError:
        return ""
    return str(found.name) if found.address == address else ""
