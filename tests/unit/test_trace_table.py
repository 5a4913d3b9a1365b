"""Pairing, columns and statistics of the call table, against a plain loop as oracle."""

import numpy as np
import pandas as pd
import pytest

from kernel_magics.errors import TraceError
from kernel_magics.trace.records.events import ENTER, EXIT, INSTANT, RECORD, event_number
from kernel_magics.trace.records.table import Clock, call_statistics, call_table

CLOCK = Clock(tsc_hz=1_000_000_000, origin_tsc=100)
NO_GAPS = np.empty(0, np.int64)
MALLOC, FREE = event_number("rumpuser_malloc"), event_number("rumpuser_free")
WRITE, SWITCH = event_number("write"), event_number("switch")


def rows(*records: tuple) -> np.ndarray:
    """Make rows of (index, tsc, event, kind, thread, first argument)."""
    array = np.zeros(len(records), RECORD)
    for slot, (index, tsc, event, kind, thread, argument) in zip(array, records, strict=True):
        slot["sequence"], slot["tsc"], slot["event"] = index + 1, tsc, event
        slot["kind"], slot["thread"], slot["args"][0] = kind, thread, argument
    return array.view("<u8").reshape(-1, 8)


def table(*records: tuple, gaps=NO_GAPS) -> pd.DataFrame:
    return call_table(rows(*records), CLOCK, gaps)[0]


def test_a_call_is_one_row_with_the_arguments_of_its_enter():
    frame = table((0, 150, MALLOC, ENTER, 3, 4096), (1, 180, MALLOC, EXIT, 3, 12))
    assert frame.to_dict("records") == [{
        "time_ns": 50, "event": "rumpuser_malloc", "group": "hypercall", "kind": "call",
        "thread": 3, "a0": 4096, "a1": 0, "a2": 0, "a3": 0, "result": 12,
        "duration_ns": 30, "caller": 0, "sequence": 1, "a4": 0, "a5": 0, "exit_sequence": 2,
        "in_interrupt": False, "process": 0}]


def test_threads_and_nested_events_do_not_mix():
    frame = table(
        (0, 100, WRITE, ENTER, 1, 0), (1, 110, MALLOC, ENTER, 1, 0),
        (2, 120, MALLOC, ENTER, 2, 0), (3, 130, MALLOC, EXIT, 1, 0),
        (4, 140, SWITCH, INSTANT, 1, 0), (5, 150, MALLOC, EXIT, 2, 0),
        (6, 160, WRITE, EXIT, 1, 7))
    assert frame["event"].tolist() == ["write", "rumpuser_malloc", "rumpuser_malloc", "switch"]
    assert frame["duration_ns"].tolist() == [60, 20, 30, pd.NA]
    assert frame["group"].tolist() == ["syscall", "hypercall", "hypercall", "runtime"]


def test_recursion_pairs_like_brackets():
    frame = table(*[(i, 100 + i, MALLOC, kind, 1, 0) for i, kind in
                    enumerate([ENTER, ENTER, EXIT, ENTER, EXIT, EXIT])])
    assert frame["duration_ns"].tolist() == [5, 1, 1]


def test_orphans_are_told_apart():
    frame = table((0, 100, MALLOC, EXIT, 1, 5), (1, 110, MALLOC, ENTER, 1, 6),
                  (2, 120, MALLOC, EXIT, 1, 7), (3, 130, MALLOC, ENTER, 1, 8))
    assert frame["kind"].tolist() == ["exit", "call", "enter"]
    assert frame["result"].tolist() == [5, 7, pd.NA]
    assert frame["duration_ns"].tolist() == [pd.NA, 10, pd.NA]


def test_no_pair_across_lost_records():
    frame = table((0, 100, MALLOC, ENTER, 1, 0), (9, 190, MALLOC, EXIT, 1, 0),
                  gaps=np.array([1]))
    assert frame["kind"].tolist() == ["enter", "exit"]


def test_held_calls_come_when_they_finish():
    first, held = call_table(rows((0, 100, MALLOC, ENTER, 1, 0), (1, 110, SWITCH, INSTANT, 1, 0)),
                             CLOCK, NO_GAPS, hold=True)
    assert first["event"].tolist() == ["switch"]
    later = np.concatenate([held, rows((2, 140, MALLOC, EXIT, 1, 0))])
    second, held = call_table(later, CLOCK, NO_GAPS, hold=True)
    assert second["duration_ns"].tolist() == [40]
    assert len(held) == 0


def test_results_are_signed_and_absent_for_void():
    frame = table(
        (0, 0, MALLOC, ENTER, 1, 0), (1, 1, MALLOC, EXIT, 1, 0xFFFFFFFF),
        (2, 2, FREE, ENTER, 1, 0), (3, 3, FREE, EXIT, 1, 5),
        (4, 4, WRITE, ENTER, 1, 0), (5, 5, WRITE, EXIT, 1, 2**64 - 38))
    assert frame["result"].tolist() == [-1, pd.NA, -38]


def test_no_records_make_an_empty_table_with_all_columns():
    frame = table()
    assert len(frame) == 0
    assert list(frame.columns) == list(table((0, 0, SWITCH, INSTANT, 1, 0)).columns)
    assert len(call_statistics(frame)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_pairs_equal_a_plain_loop(seed):
    random = np.random.default_rng(seed)
    count = 400
    array = np.zeros(count, RECORD)
    array["sequence"] = np.sort(random.choice(600, count, replace=False)) + 1
    array["tsc"] = array["sequence"] * 3
    array["event"] = random.choice([MALLOC, FREE, WRITE], count)
    array["kind"] = random.choice([ENTER, EXIT, INSTANT], count, p=[.45, .45, .1])
    array["thread"] = random.choice([0, 1, 2**32 - 1], count)
    gaps = np.sort(random.choice(600, 3, replace=False))
    gaps = gaps[~np.isin(gaps + 1, array["sequence"])]
    frame, _ = call_table(array.view("<u8").reshape(-1, 8), CLOCK, gaps)
    calls = frame[frame["kind"] == "call"]
    finish = dict(zip(calls["sequence"], calls["duration_ns"], strict=True))
    assert finish == _pairs(array, gaps)
    assert len(frame) == count - len(calls)


def _pairs(array: np.ndarray, gaps: np.ndarray) -> dict[int, int]:
    """Match with one stack for each thread and event, forgetting nothing at orphans."""
    stacks: dict[tuple, list] = {}
    found = {}
    for record in array:
        stack = stacks.setdefault((record["thread"], record["event"]), [])
        if record["kind"] == ENTER:
            stack.append(record)
        elif record["kind"] == EXIT and stack:
            enter = stack.pop()
            between = (gaps >= int(enter["sequence"]) - 1) & (gaps < int(record["sequence"]))
            if not between.any():
                found[int(enter["sequence"])] = int(record["tsc"] - enter["tsc"])
    return found


def test_statistics_equal_pandas_on_a_known_spread():
    records = []
    for number, duration in enumerate(range(1, 201)):
        records += [(2 * number, 1000 * number, MALLOC, ENTER, 1, 0),
                    (2 * number + 1, 1000 * number + duration, MALLOC, EXIT, 1, 0)]
    records += [(400, 10**6, WRITE, ENTER, 1, 0), (401, 10**6 + 7, WRITE, EXIT, 1, 0),
                (402, 10**6 + 9, WRITE, ENTER, 1, 0)]
    statistics = call_statistics(table(*records))
    assert statistics.index.tolist() == ["rumpuser_malloc", "write"]
    assert statistics.loc["rumpuser_malloc"].tolist() == [200, 20100, 1, 100, 198, 200]
    assert statistics.loc["write"].tolist() == [1, 7, 7, 7, 7, 7]


def test_the_clock_is_exact_over_days():
    clock = Clock(tsc_hz=2_999_999_999, origin_tsc=5)
    ticks = [0, 1, 3, 2_999_999_999, 2_999_999_999 * 10**6 + 1, -3]
    tsc = np.array([(tick + 5) % 2**64 for tick in ticks], "<u8")
    assert clock.since_boot_ns(tsc).tolist() == [tick * 10**9 // 2_999_999_999 for tick in ticks]


@pytest.mark.parametrize("tsc_hz", [0, 10**10, 2**64 - 1])
def test_refuses_a_clock_that_cannot_be(tsc_hz):
    with pytest.raises(TraceError, match=str(tsc_hz)):
        Clock(tsc_hz, 0)
