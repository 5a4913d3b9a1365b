"""Who had the processor, when, and who woke whom: tables from switches and wakeups."""

import numpy as np
import pandas as pd

from kernel_magics.boot.abi import ThreadState
from kernel_magics.errors import TraceError

__all__ = ["cpu_over_time", "cpu_slices", "cpu_table", "wakeup_table"]

IDLE = 0
_REASONS = {int(ThreadState.RUNNABLE): "preempted", int(ThreadState.BLOCKED): "blocked",
            int(ThreadState.FREE): "ended", int(ThreadState.EXITED): "ended"}
_MOST_BINS = 100_000


def cpu_slices(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stretch of time in which one thread had the processor.

    table: as Trace.df, with the event "switch".  Columns: time_ns, duration_ns, thread
    (0: idle), reason ("preempted", "blocked", "ended", "idle", "unknown", or "running" at
    the end of what was recorded).  Raises TraceError if there is no switch in the table.
    """
    switches = _rows(table, "switch")
    time_ns = switches["time_ns"].to_numpy()
    before = switches["a0"].to_numpy().astype(np.int64)
    after = switches["a1"].to_numpy().astype(np.int64)
    states = switches["a2"].to_numpy().astype(np.int64)
    first, last = int(table["time_ns"].iloc[0]), int(table["time_ns"].max())
    starts = np.r_[first, time_ns]
    thread = np.r_[before[0], after]
    known = [_REASONS.get(state, "unknown") for state in states.tolist()]
    reason = np.array([*known, "running"], object)
    reason[thread == IDLE] = "idle"
    # Where the next switch leaves another thread than the one that ran, some were lost.
    reason[:-1][before != thread[:-1]] = "unknown"
    slices = pd.DataFrame({
        "time_ns": starts, "duration_ns": np.diff(np.r_[starts, max(last, int(starts[-1]))]),
        "thread": thread.astype(np.uint32), "reason": pd.Categorical(reason)})
    return slices[slices["duration_ns"] > 0].reset_index(drop=True)


def cpu_table(table: pd.DataFrame, names: dict[int, str]) -> pd.DataFrame:
    """Return a row for each thread: its name, cpu_ns, share of the time, and how often it
    ran (slices), was preempted and blocked.  Thread 0 is the idle processor."""
    slices = cpu_slices(table)
    by_thread = slices.groupby("thread")
    result = pd.DataFrame({
        "name": [names.get(int(thread), "") for thread in by_thread.groups],
        "cpu_ns": by_thread["duration_ns"].sum(), "slices": by_thread.size()})
    for reason in ("preempted", "blocked"):
        chosen = slices[slices["reason"] == reason].groupby("thread").size()
        result[reason] = chosen.reindex(result.index, fill_value=0).astype(np.int64)
    result.insert(2, "share", result["cpu_ns"] / max(int(result["cpu_ns"].sum()), 1))
    return result.sort_values("cpu_ns", ascending=False, kind="stable")


def cpu_over_time(table: pd.DataFrame, interval_ns: int) -> pd.DataFrame:
    """Return how much of each interval each thread had the processor, from 0 to 1.

    A row for each interval (index: time_ns of its start), a column for each thread.
    Raises TraceError if that would be more than 100 000 rows.
    """
    slices = cpu_slices(table)
    if not len(slices):
        return pd.DataFrame(index=pd.Index([], name="time_ns", dtype="int64"))
    start = slices["time_ns"].to_numpy()
    end = start + slices["duration_ns"].to_numpy()
    origin = int(start[0])
    count = -(-int(end[-1] - origin) // interval_ns)
    if count > _MOST_BINS:
        raise TraceError(f"{int(end[-1] - origin)} ns in intervals of {interval_ns} ns are"
                         f" {count} rows", next_step="choose a longer interval")
    edges = origin + interval_ns * np.arange(count + 1)
    shares = {}
    for thread in np.unique(slices["thread"]):
        mine = (slices["thread"] == thread).to_numpy()
        busy = np.r_[0, np.cumsum(end[mine] - start[mine])]
        points = np.c_[start[mine], end[mine]].ravel()
        levels = np.c_[busy[:-1], busy[1:]].ravel()
        shares[int(thread)] = np.diff(np.interp(edges, points, levels)) / interval_ns
    return pd.DataFrame(shares, index=pd.Index(edges[:-1], name="time_ns"))


def wakeup_table(table: pd.DataFrame, names: dict[int, str]) -> pd.DataFrame:
    """Return a row for each time a thread was made ready to run.

    Columns: time_ns, thread, name; waker and waker_name (0 and "interrupt" if an interrupt
    did it), timed_out; waited_ns (since it left the processor) and latency_ns (until it had
    it again; <NA> where that was not recorded); queue, what it waited in.
    Raises TraceError if the trace has no wakeups, or no switches.
    """
    wakeups, switches = _rows(table, "wakeup"), _rows(table, "switch")
    time_ns = wakeups["time_ns"].to_numpy()
    woken = wakeups["a0"].to_numpy().astype(np.int64)
    by_interrupt = wakeups["in_interrupt"].to_numpy()
    waker = np.where(by_interrupt, 0, wakeups["thread"].to_numpy()).astype(np.int64)
    at_ns = switches["time_ns"].to_numpy()
    left = _last_before(at_ns, switches["a0"].to_numpy().astype(np.int64), time_ns, woken)
    came = _first_after(at_ns, switches["a1"].to_numpy().astype(np.int64), time_ns, woken)
    return pd.DataFrame({
        "time_ns": time_ns, "thread": woken.astype(np.uint32),
        "name": [names.get(number, "") for number in woken.tolist()],
        "waker": waker.astype(np.uint32),
        "waker_name": ["interrupt" if late else names.get(number, "") for number, late
                       in zip(waker.tolist(), by_interrupt.tolist(), strict=True)],
        "timed_out": wakeups["a2"].to_numpy() == 1,
        "waited_ns": _minus(time_ns, left), "latency_ns": _minus(came, time_ns),
        "queue": wakeups["a1"].to_numpy()})


def _rows(table: pd.DataFrame, event: str) -> pd.DataFrame:
    found = table[table["event"] == event]
    if not len(found):
        raise TraceError(f"the trace has no {event} events", event=event,
                         next_step=f"record them: trace.start([\"{event}\", …]), or \"all\"")
    return found


_NEVER = np.iinfo(np.int64).min


def _minus(later: np.ndarray, earlier: np.ndarray) -> pd.arrays.IntegerArray:
    known = (later != _NEVER) & (earlier != _NEVER)
    return pd.arrays.IntegerArray(np.where(known, later - np.where(known, earlier, 0), 0), ~known)


def _last_before(event_ns: np.ndarray, event_key: np.ndarray, time_ns: np.ndarray,
                 key: np.ndarray) -> np.ndarray:
    """Return for each (time, key) the time of the last event with that key up to then."""
    return _nearest(event_ns, event_key, time_ns, key, "right", -1)


def _first_after(event_ns: np.ndarray, event_key: np.ndarray, time_ns: np.ndarray,
                 key: np.ndarray) -> np.ndarray:
    return _nearest(event_ns, event_key, time_ns, key, "left", 0)


def _nearest(event_ns: np.ndarray, event_key: np.ndarray, time_ns: np.ndarray,
             key: np.ndarray, side: str, step: int) -> np.ndarray:
    found = np.full(len(time_ns), _NEVER, np.int64)
    for one in np.unique(key):
        mine, times = key == one, event_ns[event_key == one]
        at = np.searchsorted(times, time_ns[mine], side) + step  # type: ignore[call-overload]
        there = (at >= 0) & (at < len(times))
        found[mine] = np.where(there, times[np.clip(at, 0, max(len(times) - 1, 0))], _NEVER) \
            if len(times) else _NEVER
    return found
