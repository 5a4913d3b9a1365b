"""What happened within what: system calls, hypercalls in them, requests and exits in those."""

import numpy as np
import pandas as pd

from kernel_magics.boot.abi import DEVICE_QUEUE_SHIFT

__all__ = ["nested", "request_table"]

_MOST_DEPTH = 64
# By the virtio device's kind (virtio 1.1, section 5) and queue.
_DEVICES = {(1, 0): "net receive", (1, 1): "net send", (2, 0): "block", (3, 0): "console input",
            (3, 1): "console output", (9, 0): "9p"}


def nested(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with three more columns: depth, parent and self_ns.

    depth: how many calls of the same thread were open.  parent: `sequence` of the innermost
    of them, 0 if there is none.  self_ns: the call's duration without that of the calls in
    it (<NA> for what has no duration).  A call that an interrupt or a page fault came into
    contains that, as it took the thread's time.
    """
    begun = table["sequence"].to_numpy().astype(np.int64)
    ended = table["exit_sequence"].to_numpy().astype(np.int64)
    thread = np.unique(table["thread"].to_numpy(), return_inverse=True)[1] if len(table) else begun
    ended = np.where(_still_open(table, thread), np.iinfo(np.int64).max, ended)
    depth = _depths(begun, ended, thread)
    parent = _parents(begun, ended, thread, depth)
    result = table.copy(deep=False)
    result["depth"] = depth.astype(np.int32)
    result["parent"] = np.where(parent >= 0, begun[parent], 0) if len(table) else begun
    result["self_ns"] = _self_ns(table, parent)
    return result


def _still_open(table: pd.DataFrame, thread: np.ndarray) -> np.ndarray:
    """Whether a call without an exit was going on at the end: then nothing of its thread and
    group comes after it, which would be so if its exit had been lost."""
    entered = (table["kind"] == "enter").to_numpy()
    if not entered.any():
        return entered
    group = table["group"].cat.codes.to_numpy().astype(np.int64)
    _, last = np.unique((thread * len(table["group"].cat.categories) + group)[::-1],
                        return_index=True)
    is_last = np.zeros(len(table), bool)
    is_last[len(table) - 1 - last] = True
    return entered & is_last


def _depths(begun: np.ndarray, ended: np.ndarray, thread: np.ndarray) -> np.ndarray:
    """Count, for each row, the whole calls of its thread that were open when it began."""
    depth = np.zeros(len(begun), np.int64)
    for one in range(int(thread.max()) + 1 if len(thread) else 0):
        mine = np.flatnonzero(thread == one)
        whole = mine[ended[mine] > 0]
        enters, exits = np.sort(begun[whole]), np.sort(ended[whole])
        before = np.searchsorted(enters, begun[mine], "left")
        depth[mine] = before - np.searchsorted(exits, begun[mine], "left")
    return np.clip(depth, 0, _MOST_DEPTH)


def _parents(begun: np.ndarray, ended: np.ndarray, thread: np.ndarray,
             depth: np.ndarray) -> np.ndarray:
    """Return the position of each row's innermost open call, -1 if there is none."""
    parent = np.full(len(begun), -1, np.int64)
    if not len(begun):
        return parent
    span = int(begun.max()) + 1
    key = thread * span + begun
    order = np.argsort(key, kind="stable")
    for level in range(1, int(depth.max()) + 1):
        outer = order[(depth[order] == level - 1) & (ended[order] > 0)]
        inner = np.flatnonzero(depth == level)
        if not len(outer):
            continue
        at = np.searchsorted(key[outer], key[inner], "left") - 1
        found = outer[np.maximum(at, 0)]
        inside = (at >= 0) & (thread[found] == thread[inner]) & (ended[found] > begun[inner])
        parent[inner[inside]] = found[inside]
    return parent


def _self_ns(table: pd.DataFrame, parent: np.ndarray) -> pd.arrays.IntegerArray:
    duration = table["duration_ns"].array
    mask = np.asarray(duration._mask)
    own = np.where(mask, 0, duration._data)
    inner = np.flatnonzero((parent >= 0) & ~mask)
    left = own.copy()
    np.subtract.at(left, parent[inner], own[inner])
    return pd.arrays.IntegerArray(np.maximum(left, 0), mask.copy())


def request_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each request that was given to a virtio device.

    table: as `nested` gives it.  Columns: time_ns, device ("block", "net send", …), thread,
    bytes (of all its buffers), written (by the device), latency_ns (until it was taken
    back; <NA> if that was not recorded), parent (sequence of the call in which it was made),
    taken_by (thread), sequence.  "net receive" are empty buffers that wait for a frame.
    """
    made = table["event"].isin(["request", "request_done"]).to_numpy()
    rows = table[made]
    queue, cookie = rows["a3"].to_numpy(), rows["a1"].to_numpy()
    order = np.lexsort((rows["sequence"].to_numpy(), cookie, queue))
    queue, cookie = queue[order], cookie[order]
    rows = rows.iloc[order]
    is_request = (rows["event"] == "request").to_numpy()
    follows = np.r_[(queue[1:] == queue[:-1]) & (cookie[1:] == cookie[:-1]) & is_request[:-1]
                    & ~is_request[1:], False] if len(rows) else is_request
    chosen = np.flatnonzero(is_request)
    done = follows[chosen]
    last = np.where(done, chosen + 1, chosen)
    time_ns, written = rows["time_ns"].to_numpy(), rows["a2"].to_numpy().astype(np.int64)
    result = pd.DataFrame({
        "time_ns": time_ns[chosen],
        "device": pd.Categorical([_device(int(a)) for a in rows["a0"].to_numpy()[chosen]]),
        "thread": rows["thread"].to_numpy()[chosen], "bytes": written[chosen],
        "written": pd.arrays.IntegerArray(written[last], ~done),
        "latency_ns": pd.arrays.IntegerArray(time_ns[last] - time_ns[chosen], ~done),
        "parent": rows["parent"].to_numpy()[chosen],
        "taken_by": pd.arrays.IntegerArray(rows["thread"].to_numpy().astype(np.int64)[last], ~done),
        "sequence": rows["sequence"].to_numpy()[chosen]})
    return result.sort_values("sequence", kind="stable").reset_index(drop=True)


def _device(number: int) -> str:
    kind, queue = number & ((1 << DEVICE_QUEUE_SHIFT) - 1), number >> DEVICE_QUEUE_SHIFT
    return _DEVICES.get((kind, queue), f"device {kind} queue {queue}")
