"""Which locks were waited for, how long, and who let the waiters go on."""

import numpy as np
import pandas as pd

from kernel_magics.errors import TraceError
from kernel_magics.trace.lock_names import LockNames

__all__ = ["lock_table", "lock_waits"]

# Which argument of a call is the lock, and what kind that is.
_TAKING = {"rumpuser_mutex_enter": (0, "mutex"), "rumpuser_mutex_enter_nowrap": (0, "mutex"),
           "rumpuser_rw_enter": (1, "rwlock"), "rumpuser_cv_wait": (0, "condition"),
           "rumpuser_cv_wait_nowrap": (0, "condition"),
           "rumpuser_cv_timedwait": (0, "condition"), "futex": (0, "futex")}
_TRYING = {"rumpuser_mutex_tryenter": (0, "mutex"), "rumpuser_rw_tryenter": (1, "rwlock")}
_LEAVING = {"rumpuser_mutex_exit": 0, "rumpuser_rw_exit": 0}
_GIVING_UP = frozenset(("rumpuser_cv_wait", "rumpuser_cv_wait_nowrap", "rumpuser_cv_timedwait"))
# Their calls are waits as such; a mutex is waited for only if its thread was switched away.
_ALWAYS_WAITS = frozenset(("condition", "futex"))
_FUTEX_WAITS = (0, 6, 9)  # FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET
_FUTEX_MASK = np.uint64(127)
_COLUMNS = ("time_ns", "lock", "kind", "name", "thread", "thread_name", "waited_ns",
            "woken_by", "woken_by_name", "sequence", "process", "ended")
_NO_PROCESS = frozenset(("rumpuser_mutex_enter", "rumpuser_mutex_enter_nowrap", "rumpuser_rw_enter",
                         "rumpuser_cv_wait", "rumpuser_cv_wait_nowrap", "rumpuser_cv_timedwait",
                         "rumpuser_mutex_tryenter", "rumpuser_rw_tryenter"))


def lock_waits(table: pd.DataFrame, threads: dict[int, str], names: LockNames) -> pd.DataFrame:
    """Return a row for each time a thread waited for a lock, a condition or a futex.

    table: as Trace.df, with hypercalls, the system call futex, switches and wakeups as far as
    they are wanted: without switches it is not known which mutexes were waited for, and
    these are left out.  A wait that goes on when the trace ends has lasted until then, and
    is not `ended`.  names: of locks.  Columns: time_ns, lock (address), kind ("mutex",
    "rwlock", "condition", "semaphore", …; "futex" where the type is not known), name (of a
    variable, "" if unknown), thread and its name, waited_ns, woken_by (a thread's number, 0:
    an interrupt, <NA>: not recorded) and its name, sequence, process (whose memory the lock
    is in, 0 for the runtime's), ended.
    """
    calls = _named(pd.concat([_taking(table), _going_on(table)]), names)
    thread = calls["thread"].to_numpy().astype(np.int64)
    start = calls["time_ns"].to_numpy()
    end = start + calls["duration_ns"].array._data
    waits = calls["always_waits"].to_numpy(bool) | _left_within(table, thread, start, end)
    calls, thread, start, end = calls[waits], thread[waits], start[waits], end[waits]
    woken_by = _woken_by(table, thread, start, end)
    lock = calls["lock"].to_numpy()
    waiting = [threads.get(number, "") for number in thread.tolist()]
    wakers = ["" if by < 0 else threads.get(by, "") if by else "interrupt"
              for by in woken_by.tolist()]
    return pd.DataFrame({
        "time_ns": start, "lock": lock, "kind": calls["lock_kind"].to_numpy(),
        "name": calls["lock_name"].to_numpy(),
        "thread": thread.astype(np.uint32), "thread_name": waiting, "waited_ns": end - start,
        "woken_by": pd.arrays.IntegerArray(np.maximum(woken_by, 0), woken_by < 0),
        "woken_by_name": wakers, "sequence": calls["sequence"].to_numpy(),
        "process": calls["lock_process"].to_numpy(),
        "ended": (calls["kind"] == "call").to_numpy()},
        columns=list(_COLUMNS)).sort_values("time_ns", kind="stable", ignore_index=True)


def lock_table(table: pd.DataFrame, threads: dict[int, str], names: LockNames) -> pd.DataFrame:
    """Return a row for each lock, the most waited for first.

    Columns: kind, name, taken (how often; <NA> for a futex, which a thread that need not
    wait takes without a call), waits, waited_ns and longest_ns, held_ns and longest_held_ns
    (mutexes; <NA> for others), waiters (threads that waited), let_go_by (who woke them most
    often), process (whose memory it is in, 0 for the runtime's), waiting (threads that wait
    when the trace ends).  Raises TraceError if no call that takes a lock was recorded.
    """
    calls = _named(pd.concat([_taking(table), _going_on(table)]), names)
    if not len(calls):
        raise TraceError("the trace has no calls that take a lock", next_step=
                         'record them: trace.start(["hypercalls", "futex", "switch", "wakeup"])')
    waits = lock_waits(table, threads, names)
    whole = calls["kind"] == "call"
    key = ["lock", "lock_process"]
    taken = calls.groupby(key).agg(kind=("lock_kind", "first"), name=("lock_name", "first"),
                                   futex=("event", lambda events: (events == "futex").any()))
    taken["taken"] = calls[whole].groupby(key).size().reindex(taken.index, fill_value=0)
    by_lock = waits.rename(columns={"process": "lock_process"}).groupby(key)
    going_on = waits[~waits["ended"]].rename(columns={"process": "lock_process"})
    held = _held(table).assign(lock_process=0)
    result = pd.DataFrame({
        "kind": taken["kind"],
        "name": taken["name"],
        "taken": taken["taken"].where(~taken["futex"]).astype("Int64"),
        "waits": by_lock.size().reindex(taken.index, fill_value=0),
        "waited_ns": by_lock["waited_ns"].sum().reindex(taken.index, fill_value=0),
        "longest_ns": by_lock["waited_ns"].max().reindex(taken.index, fill_value=0),
        "held_ns": held.groupby(key)["held_ns"].sum().reindex(taken.index).astype("Int64"),
        "longest_held_ns":
            held.groupby(key)["held_ns"].max().reindex(taken.index).astype("Int64"),
        "waiters": by_lock["thread"].nunique().reindex(taken.index, fill_value=0),
        "let_go_by": by_lock["woken_by_name"].agg(_most_frequent).reindex(taken.index)
        if len(waits) else "",
        "process": taken.index.get_level_values("lock_process"),
        "waiting": going_on.groupby(key).size().reindex(taken.index, fill_value=0)},
        index=taken.index).droplevel("lock_process")
    result["let_go_by"] = result["let_go_by"].fillna("")
    return result.sort_values(["waited_ns", "waits"], ascending=False, kind="stable")


def _most_frequent(names: pd.Series) -> str:
    found = names[names != ""].value_counts()
    return str(found.index[0]) if len(found) else ""


def _going_on(table: pd.DataFrame) -> pd.DataFrame:
    """Return the waits that have not ended: the last system call, and the last that a thread
    did; of others the end was lost."""
    calls = table[(table["kind"] == "enter") & table["event"].isin(list(_TAKING))]
    if not len(calls):
        return _taking(calls)
    is_call = (calls["group"] == "syscall").to_numpy()
    lasts = [rows.groupby("thread")["sequence"].max().reindex(calls["thread"]).to_numpy()
             for rows in (table[table["group"] == "syscall"], table[table["event"] != "switch"])]
    calls = calls[calls["sequence"].to_numpy() == np.where(is_call, *lasts)]
    end_ns = int(table["time_ns"].max())
    return _taking(calls.assign(
        kind="call", duration_ns=pd.array(end_ns - calls["time_ns"], "Int64"))
    ).assign(kind="enter")


def _named(calls: pd.DataFrame, names: LockNames) -> pd.DataFrame:
    """Return the calls with what their locks are: lock_name, lock_process, and the kind and
    the address by their types; always_waits by the call."""
    own = ~calls["event"].isin(list(_NO_PROCESS)).to_numpy()
    process = np.where(own, calls["process"].to_numpy(), 0).astype(np.uint32)
    found = [names.of(address, of) for address, of in
             zip(calls["lock"].tolist(), process.tolist(), strict=True)]
    kinds = calls["lock_kind"].to_numpy(object)
    return calls.assign(
        always_waits=np.isin(kinds, list(_ALWAYS_WAITS)), lock_process=process,
        lock=np.array([one.address for one in found], np.uint64),
        lock_name=np.array([one.name for one in found], object),
        lock_kind=np.array([one.kind if one.kind and kind == "futex" else kind
                            for one, kind in zip(found, kinds, strict=True)], object))


def _taking(table: pd.DataFrame) -> pd.DataFrame:
    """Return the whole calls that take or wait for something, with `lock` and `lock_kind`."""
    calls = table[(table["kind"] == "call") & table["event"].isin([*_TAKING, *_TRYING])]
    is_futex = (calls["event"] == "futex").to_numpy()
    waiting = np.isin(calls["a1"].to_numpy() & _FUTEX_MASK, _FUTEX_WAITS)
    failed = calls["event"].isin(list(_TRYING)).to_numpy() & (calls["result"].array._data != 0)
    calls = calls[(~is_futex | waiting) & ~failed]
    known = {**_TAKING, **_TRYING}
    events = calls["event"].astype(str).to_numpy(object)
    second = np.array([known[event][0] == 1 for event in events], bool)
    return calls.assign(
        lock=np.where(second, calls["a1"].to_numpy(), calls["a0"].to_numpy()),
        lock_kind=np.array([known[event][1] for event in events], object))


def _left_within(table: pd.DataFrame, thread: np.ndarray, start: np.ndarray,
                 end: np.ndarray) -> np.ndarray:
    """Return whether each thread left the processor between two times."""
    switches = table[table["event"] == "switch"]
    at_ns, left = switches["time_ns"].to_numpy(), switches["a0"].to_numpy().astype(np.int64)
    found = np.zeros(len(thread), bool)
    for number in np.unique(thread):
        mine, times = thread == number, at_ns[left == number]
        found[mine] = np.searchsorted(times, end[mine], "right") \
            > np.searchsorted(times, start[mine], "left")
    return found


def _woken_by(table: pd.DataFrame, thread: np.ndarray, start: np.ndarray,
              end: np.ndarray) -> np.ndarray:
    """Return who woke each thread last between two times: 0 an interrupt, -1 unknown."""
    wakeups = table[table["event"] == "wakeup"]
    at_ns, woken = wakeups["time_ns"].to_numpy(), wakeups["a0"].to_numpy().astype(np.int64)
    by = np.where(wakeups["in_interrupt"].to_numpy(), 0,
                  wakeups["thread"].to_numpy().astype(np.int64))
    found = np.full(len(thread), -1, np.int64)
    for number in np.unique(thread):
        mine, theirs = np.flatnonzero(thread == number), np.flatnonzero(woken == number)
        last = np.searchsorted(at_ns[theirs], end[mine], "right") - 1
        there = (last >= 0) & (at_ns[theirs][np.maximum(last, 0)] >= start[mine]) \
            if len(theirs) else np.zeros(len(mine), bool)
        found[mine[there]] = by[theirs[last[there]]]
    return found


def _end_ns(calls: pd.DataFrame) -> np.ndarray:
    return calls["time_ns"].to_numpy() + calls["duration_ns"].array._data


def _held(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each time a lock was held from a call that took it to one that left."""
    taken = _taking(table)
    taken = taken[~taken["lock_kind"].isin(list(_ALWAYS_WAITS))]
    left = table[(table["kind"] == "call") & table["event"].isin(list(_LEAVING))]
    # A wait for a condition gives its mutex up when it begins, and has it when it ends.
    slept = table[(table["kind"] == "call") & table["event"].isin(list(_GIVING_UP))]
    lock = np.r_[taken["lock"].to_numpy(), slept["a1"].to_numpy(), left["a0"].to_numpy(),
                 slept["a1"].to_numpy()]
    when = np.r_[_end_ns(taken), _end_ns(slept), left["time_ns"].to_numpy(),
                 slept["time_ns"].to_numpy()]
    thread = np.concatenate([calls["thread"].to_numpy() for calls in (taken, slept, left, slept)])
    leaves = np.arange(len(lock)) >= len(taken) + len(slept)
    order = np.lexsort((leaves, when, thread, lock))
    lock, when, thread, leaves = lock[order], when[order], thread[order], leaves[order]
    pair = np.flatnonzero((lock[1:] == lock[:-1]) & (thread[1:] == thread[:-1])
                          & ~leaves[:-1] & leaves[1:]) if len(lock) else order
    return pd.DataFrame({"lock": lock[pair], "held_ns": when[pair + 1] - when[pair]})
