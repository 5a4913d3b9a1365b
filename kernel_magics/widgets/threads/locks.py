"""The locks of a guest: holders, waiters, and the circles in which threads wait."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from kernel_magics.inspect.threads.locks import Lock
from kernel_magics.widgets.foundation.listing import Block, ListingView
from kernel_magics.widgets.threads.threads import thread_told

__all__ = ["locks_table", "locks_view"]


def locks_view(locks: Any) -> ListingView:
    """Return `guest.locks` as a view: deadlocks as sentences on top, a row per lock.

    Selecting a lock shows the calls of its holder and of those that wait for it.
    Raises GuestError if the guest's threads cannot be read.
    """
    guest = locks._subject
    told: list[str] = []
    last: dict[str, Lock] = {}

    def look() -> pd.DataFrame:
        found = locks.read()
        told[:] = [*map(repr, found.deadlocks), *found.problems]
        last.clear()
        last.update({hex(one.address): one for one in found})
        return locks_table(found)

    def tell(key: str) -> list[Block]:
        lock = last.get(key)
        if lock is None:
            return [{"title": "", "text": "it is held and waited for by nobody now"}]
        threads = [("holder", lock.holder)] if lock.holder else []
        threads += [("waits", one) for one in lock.waiters]
        blocks: list[Block] = [{"title": lock.title, "text": repr(lock)}]
        for role, thread in threads:
            first, *others = thread_told(thread)
            blocks += [{**first, "title": f"{role}: {first['title']}"}, *others]
        return blocks

    return ListingView(f"Locks of {guest.name}", "locks", look, guest=guest, detail=tell,
                       problems=lambda: told)


def locks_table(locks: Sequence[Lock]) -> pd.DataFrame:
    """Return a row per lock, threads by name: address (index), kind, name, held by, since,
    waiters."""
    return pd.DataFrame({
        "kind": [one.kind for one in locks],
        "name": [one.name for one in locks],
        "held by": [one.holder.named if one.holder else "unknown" for one in locks],
        "since": [one.taken_at if one.holder else "" for one in locks],
        "waiters": [", ".join(thread.named for thread in one.waiters) for one in locks],
    }, index=pd.Index([one.address for one in locks], dtype="uint64", name="address"))
