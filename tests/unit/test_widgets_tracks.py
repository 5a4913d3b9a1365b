"""A trace laid out for a timeline: tracks, ends of what has none, who had the processor."""

import numpy as np
import pandas as pd
import pytest

from kernel_magics.errors import UsageError
from kernel_magics.widgets.trace.tracks import CALL, FAILED, NO_ENTER, OPEN, POINT, lay_out

COLUMNS = ["time_ns", "event", "group", "kind", "thread", "a1", "result", "duration_ns"]


def events(*rows) -> pd.DataFrame:
    """Return rows of COLUMNS as a table with the types of guest.trace.df."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    kinds = {"event": "category", "group": "category", "kind": "category",
             "result": "Int64", "duration_ns": "Int64"}
    return table.astype(kinds).assign(a0=0, a2=0, a3=0, sequence=range(len(table)))


def test_a_track_is_a_layer_of_a_thread_from_the_top_down():
    layout = lay_out(events(
        (5, "rumpuser_malloc", "hypercall", "call", 2, 0, 0, 3),
        (1, "write", "syscall", "call", 2, 0, 4, 9),
        (2, "host_exit", "runtime", "instant", 2, 0, None, None),
        (1, "read", "syscall", "call", 1, 0, 4, 9)), {2: "main"})
    assert [(t.thread, t.layer, t.count) for t in layout.tracks] == [
        (1, "sys", 1), (2, "sys", 1), (2, "rumpuser", 1), (2, "host", 1)]
    assert [t.thread_name for t in layout.tracks] == ["", "main", "main", "main"]
    assert layout.track.tolist() == [2, 1, 3, 0]
    assert [layout.names[code] for code in layout.code] == [
        "rumpuser_malloc", "write", "host_exit", "read"]
    assert layout.end_ns.tolist() == [8, 10, 2, 10]


def test_flags_say_what_is_whole_and_what_failed():
    layout = lay_out(events(
        (0, "read", "syscall", "call", 1, 0, 5, 1), (2, "read", "syscall", "call", 1, 0, -9, 1),
        (4, "read", "syscall", "exit", 1, 0, 1, None), (6, "mark", "runtime", "instant", 1, 0,
                                                        None, None),
        (8, "read", "syscall", "enter", 1, 0, None, None)))
    assert layout.flags.tolist() == [CALL, CALL | FAILED, NO_ENTER, POINT, OPEN]


def test_a_large_negative_result_is_an_address_and_no_error():
    layout = lay_out(events((0, "mmap", "syscall", "call", 1, 0, -140_000_000_000, 1)))
    assert layout.flags.tolist() == [CALL]


def test_a_call_without_an_exit_lasts_until_the_next_of_its_track_or_the_end():
    layout = lay_out(events(
        (10, "read", "syscall", "enter", 1, 0, None, None),
        (30, "read", "syscall", "enter", 1, 0, None, None),
        (20, "write", "syscall", "call", 2, 0, 1, 80)))
    assert layout.end_ns.tolist() == [30, 100, 100]


def test_an_exiting_threads_last_call_ends_with_its_last_event():
    layout = lay_out(events(
        (10, "exit", "syscall", "enter", 1, 0, None, None),
        (15, "switch", "runtime", "instant", 1, 2, None, None),
        (20, "write", "syscall", "call", 2, 0, 1, 80)))
    ends = dict(zip((layout.names[code] for code in layout.code), layout.end_ns, strict=True))
    assert ends["exit"] == 15


def test_the_switches_say_who_had_the_processor():
    layout = lay_out(events(
        (0, "switch", "runtime", "instant", 1, 2, None, None),
        (50, "switch", "runtime", "instant", 2, 1, None, None),
        (70, "write", "syscall", "call", 1, 0, 1, 30)), {2: "worker"})
    assert layout.tracks[0].layer == "cpu"
    running = layout.track == 0
    assert [layout.names[code] for code in layout.code[running]] == ["worker 2", "thread 1"]
    assert layout.start_ns[running].tolist() == [0, 50]
    assert layout.end_ns[running].tolist() == [50, 100]
    assert layout.row[running].tolist() == [0, 1]


def test_columns_are_little_endian_bytes_of_a_piece():
    layout = lay_out(events(*((time, "read", "syscall", "call", 1, 0, 1, 1)
                              for time in range(5))))
    start, _, row, code, track, flags = layout.columns(3, 9)
    assert np.frombuffer(start, "<f8").tolist() == [3, 4]
    assert np.frombuffer(row, "<u4").tolist() == [3, 4]
    assert (len(code), len(track), len(flags)) == (4, 4, 2)


def test_a_table_of_no_events_has_no_tracks():
    layout = lay_out(events())
    assert len(layout) == 0
    assert layout.tracks == ()


def test_a_table_that_is_no_trace_is_refused_with_the_column_it_lacks():
    with pytest.raises(UsageError, match="needs the column 'time_ns'"):
        lay_out(pd.DataFrame({"x": [1]}))
