"""Following pointers of a guest that may lie: every walk ends, and says where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kernel_magics.errors import GuestError

if TYPE_CHECKING:
    import drgn

__all__ = ["MOST_ITEMS", "address_of", "read_text", "reading", "walk_list"]

MOST_ITEMS = 65_536
"""No list of a healthy guest of this lab is longer."""

MOST_TEXT_BYTES = 4096


@contextmanager
def reading() -> Iterator[None]:
    """Turn what drgn raises while it reads a guest into the lab's errors."""
    import drgn

    try:
        yield
    except drgn.FaultError as error:
        raise GuestError(f"address {error.address:#x} of the guest is not mapped",
                         address=error.address,
                         next_step="the pointer may be wild, or the guest has changed it just "
                                   "now: pause it (guest.pause()) and look again") from None
    except drgn.ObjectAbsentError:
        raise GuestError("the compiler has optimised this value away",
                         next_step="build with cflags=\"-O0\" to keep it") from None
    except (drgn.BadDataError, NotImplementedError) as error:
        raise GuestError(f"a value of this type cannot be read: {error}",
                         next_step="look at its bytes: guest.memory.read(address, size_bytes)"
                         ) from None


def walk_list(first: drgn.Object, following: str, problems: list[str], *,
              most: int = MOST_ITEMS, what: str = "") -> Iterator[drgn.Object]:
    """Yield the items of a linked list, each a pointer, until one is null.

    `first` points to a structure; its member `following` points to the next.  A cycle, a
    pointer to memory that is not there, and more than `most` items end the walk and are
    added to `problems`, with `what` the list is called.
    """
    import drgn

    name = what or f"the list of {first.type_.type_name()}"
    seen: set[int] = set()
    item = first
    try:
        address = int(item)
        while address:
            if address in seen:
                problems.append(f"{name} comes back to {address:#x} after {len(seen)} items")
                return
            if len(seen) >= most:
                problems.append(f"{name} has more than {most} items")
                return
            seen.add(address)
            subsequent = item.member_(following)
            after = int(subsequent)
            yield item
            item, address = subsequent, after
    except drgn.FaultError as error:
        problems.append(f"{name} leads to {error.address:#x}, which is not mapped, after "
                        f"{len(seen)} items")


def address_of(pointer: drgn.Object) -> int:
    """Return a pointer's value, 0 if it cannot be read."""
    import drgn

    try:
        return int(pointer)
    except drgn.FaultError:
        return 0


def read_text(found: drgn.Object, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """Return the text of a char array, or behind a char pointer, up to its NUL or a bound.

    What cannot be read is "" and what is no UTF-8 is replaced.
    """
    import drgn

    try:
        if found.type_.kind == drgn.TypeKind.ARRAY:
            data = found.to_bytes_()[:most_bytes].split(b"\0")[0]
        else:
            address = int(found)
            data = found.prog_.read_c_string(address, max_size=most_bytes) if address else b""
    except drgn.FaultError:
        return ""
    return bytes(data).decode("utf-8", "replace")
