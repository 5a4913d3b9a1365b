"""What a trace tells: nesting, the processor, wakeups, locks, durations, flame graphs, choices."""

import re

import numpy as np
import pandas as pd
import pytest
from trace_rows import Guest

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError, UsageError
from kernel_magics.trace.choosing import choose
from kernel_magics.trace.recording import Recording
from kernel_magics.trace.records import columns
from kernel_magics.trace.records.clock import Clock
from kernel_magics.trace.records.store import RecordStore
from kernel_magics.trace.records.table import call_table
from kernel_magics.trace.views.flame import FlameGraph

BLOCKED, RUNNABLE = int(abi.ThreadState.BLOCKED), int(abi.ThreadState.RUNNABLE)
IN_INTERRUPT = abi.DETAIL_IN_INTERRUPT


def nested_guest() -> Guest:
    guest = Guest()
    guest.enter("write", 1, 0x1000, 5)
    guest.after(10).call("rumpuser_malloc", 10, took=20)
    guest.after(9).enter("rumpcomp_console_write", 0x2000, 5)
    guest.data("rumpcomp_console_write", 0, b"one\ntw")
    guest.after(5).instant("host_exit", 0x3f8, 5, 1)
    guest.after(5).exit("rumpcomp_console_write", 5)
    guest.after(50).exit("write", 5)
    guest.after(10).call("write", 1, 0x1000, 2, took=5, given=(1, b"o\n"))
    return guest


def test_what_happened_within_what():
    table = nested_guest().recording().nested
    assert table["depth"].tolist() == [0, 1, 1, 2, 0]
    assert table["parent"].tolist() == [0, 1, 1, 4, 0]
    assert table["self_ns"].tolist() == [70, 20, 10, pd.NA, 5]


def test_threads_do_not_nest_in_each_other_and_an_open_call_holds_what_follows():
    guest = Guest()
    guest.enter("read", thread=1)
    guest.call("rumpuser_malloc", thread=2)
    guest.call("rumpuser_free", thread=1)
    guest.enter("exit_group", thread=2)
    guest.call("rumpuser_exit", thread=2)
    table = guest.recording().nested
    assert table["depth"].tolist() == [0, 0, 1, 0, 1]
    assert table["parent"].tolist() == [0, 0, 1, 0, 6]


def test_console_lines_are_put_together_across_writes():
    guest = nested_guest()
    guest.call("rumpcomp_console_write", 0, 2, given=(0, b"o\r\nend"))
    lines = guest.recording().console
    assert lines["text"].tolist() == ["one", "two", "end"]
    assert lines["sequence"].tolist() == [4, 4, 12]


def switching_guest() -> Guest:
    guest = Guest()
    guest.thread(2, "worker")
    guest.after(100).switch(1, 2, BLOCKED)
    guest.after(300).switch(2, 0, BLOCKED)
    guest.after(50).instant("wakeup", 1, 0x77, 1, thread=0, detail=IN_INTERRUPT)
    guest.after(10).switch(0, 1, 0)
    guest.after(40).instant("wakeup", 2, 0x88, 0, thread=1)
    guest.after(100).switch(1, 2, RUNNABLE)
    guest.after(400).call("getpid", thread=2, took=0)
    return guest


def test_who_had_the_processor():
    recording = switching_guest().recording(threads={1: "main"})
    slices = recording.slices
    assert slices["thread"].tolist() == [1, 2, 0, 1, 2]
    assert slices["duration_ns"].tolist() == [100, 300, 60, 140, 400]
    assert slices["reason"].tolist() == ["blocked", "blocked", "idle", "preempted", "running"]
    cpu = recording.cpu
    assert cpu["cpu_ns"].to_dict() == {2: 700, 1: 240, 0: 60}
    assert cpu["name"].to_dict() == {2: "worker", 1: "main", 0: ""}
    assert cpu["share"].sum() == pytest.approx(1)
    over_time = recording.cpu_over_time(interval_ms=0.0005)
    assert over_time.sum(axis=1).tolist() == pytest.approx([1, 1])
    assert over_time[1].tolist() == pytest.approx([(100 + 40) / 500, 100 / 500])


def test_a_switch_that_was_lost_makes_the_stretch_unknown():
    guest = switching_guest()
    del guest.rows[2]  # the switch from 2 to idle
    reasons = guest.recording().slices["reason"].tolist()
    assert reasons == ["blocked", "unknown", "preempted", "running"]


def test_who_woke_whom_and_how_long_it_took():
    wakeups = switching_guest().recording(threads={1: "main"}).wakeups
    assert wakeups["thread"].tolist() == [1, 2]
    assert wakeups["waker_name"].tolist() == ["interrupt", "main"]
    assert wakeups["timed_out"].tolist() == [True, False]
    assert wakeups["waited_ns"].tolist() == [350, 100]
    assert wakeups["latency_ns"].tolist() == [10, 100]


@pytest.mark.parametrize("view", ["cpu", "slices", "wakeups", "locks"])
def test_what_was_not_recorded_is_said(view):
    guest = Guest()
    guest.call("getpid")
    with pytest.raises(TraceError) as raised:
        getattr(guest.recording(), view)
    assert "record them" in raised.value.next_step


def test_locks_who_waits_and_who_lets_go():
    guest = Guest()
    guest.thread(1, "main")
    guest.thread(2, "worker")
    guest.call("rumpuser_mutex_enter", 0x500, thread=2, took=5)
    guest.after(10).switch(2, 1, RUNNABLE)
    guest.enter("rumpuser_mutex_enter", 0x500, thread=1)
    guest.after(2).switch(1, 2, BLOCKED)
    guest.after(30).enter("rumpuser_mutex_exit", 0x500, thread=2)
    guest.instant("wakeup", 1, 0x500, 0, thread=2)
    guest.after(3).exit("rumpuser_mutex_exit", thread=2)
    guest.switch(2, 1, RUNNABLE)
    guest.after(5).exit("rumpuser_mutex_enter", thread=1)
    guest.after(7).call("rumpuser_cv_wait", 0x900, 0x500, took=100)
    guest.after(4).call("rumpuser_mutex_exit", 0x500)
    recording = guest.recording()
    lock = recording.locks.loc[0x500]
    assert lock[["kind", "taken", "waits", "waited_ns", "let_go_by"]].tolist() == \
        ["mutex", 2, 1, 40, "worker"]
    assert lock[["held_ns", "longest_held_ns"]].tolist() == [42 + 1 + 7 + 5, 43]
    waits = recording.lock_waits
    assert waits["thread_name"].tolist() == ["main", "main"]
    assert waits["woken_by"].tolist() == [2, pd.NA]


def test_requests_to_devices_are_paired_by_queue_and_cookie():
    guest = Guest()
    block, network = 2, 1 | 1 << abi.DEVICE_QUEUE_SHIFT
    guest.enter("rumpuser_bio", 1)
    first = guest.instant("request", block, 0x10, 4096, 0xA0)
    guest.after(5).instant("request", network, 0x10, 60, 0xB0)
    guest.after(100).instant("request_done", block, 0x10, 4097, 0xA0, thread=0)
    guest.exit("rumpuser_bio")
    requests = guest.recording().requests
    assert requests["device"].tolist() == ["block", "net send"]
    assert requests["latency_ns"].tolist() == [105, pd.NA]
    assert requests["written"].tolist() == [4097, pd.NA]
    assert requests["parent"].tolist() == [1, 1] and requests["sequence"].iloc[0] == first


def test_percentiles_equal_numpys_nearest_rank():
    guest = Guest()
    took = np.random.default_rng(3).integers(1, 5000, 317).tolist()
    for duration in took:
        guest.call("read", took=duration)
    found = guest.recording().percentiles([0, 50, 99.9, 100]).loc["read"].tolist()
    assert found == [317, *(int(np.percentile(took, p, method="inverted_cdf"))
                            for p in (0, 50, 99.9, 100))]
    histogram = guest.recording().histogram("read")
    edges = [*histogram.df["from_ns"], histogram.df["to_ns"].iloc[-1]]
    assert histogram.df["count"].tolist() == np.histogram(took, edges)[0].tolist()
    with pytest.raises(UsageError, match="percentile 101"):
        guest.recording().percentiles([101])
    with pytest.raises(UsageError, match="no finished call of 'raed'"):
        guest.recording().histogram("raed")


def choosing_recording() -> Recording:
    guest = Guest()
    guest.call("openat", result=-2, took=5)
    guest.call("write", 1, took=50_000, result=4, thread=2)
    guest.call("rumpuser_cv_timedwait", result=60, took=200)
    guest.after(10_000_000).instant("switch", 1, 2)
    return guest.recording(threads={1: "main", 2: "worker"})


@pytest.mark.parametrize(("words", "events"), [
    ("write", ["write"]), ("rumpuser_*", ["rumpuser_cv_timedwait"]),
    ("syscall", ["openat", "write"]), ("event:write", ["write"]),
    ("layer:sys", ["openat", "write"]), ("layer:bmk", ["switch"]), ("thread:2", ["write"]),
    ("thread:work*", ["write"]), (">10us", ["write"]), ("<10us syscall", ["openat"]),
    ("failed", ["openat", "rumpuser_cv_timedwait"]), ("error:ENOENT", ["openat"]),
    ("error:etimedout", ["rumpuser_cv_timedwait"]), ("after:10ms", ["switch"]),
    ("before:10ms -write -failed", []), ("kind:instant", ["switch"]), ("", None),
    ("WRITE", ["write"]), ("bmk", ["switch"]), ("read", []), ("event:read", []),
    ("layer:app", []), ("thread:9", []), ('thread:"worker"', ["write"]), ("thread:2 openat", [])])
def test_words_choose_events(words, events):
    recording = choosing_recording()
    found = recording.choose(words)["event"].astype(str).tolist()
    assert found == (events if events is not None else recording.df["event"].tolist())


@pytest.mark.parametrize("words", ["thred:3", "after:soon", ">fast", "error:ENOPE", "layer:"])
def test_words_that_mean_nothing_are_refused(words):
    with pytest.raises(UsageError):
        choosing_recording().choose(words)


@pytest.mark.parametrize(("words", "message", "step"), [
    ("opnat", "no event is called 'opnat'", "openat"), ("-wirte", "no event", "write"),
    ("event:rumpuser_mutex_entr", "no event", "rumpuser_mutex_enter"),
    ("rumpusr_*", "no event", "rumpuser"), ("group:syscal?s", "no group", "syscall"),
    ("layer:sis", "no layer is called 'sis'", "sys"), ("kind:cull", "no kind", "call"),
    ("thread:wroker", "no thread is called 'wroker'", "worker"),
    ("thread:nobody", "no thread", "main, worker"), ("process:sh", "no process", "process:1")])
def test_a_name_of_nothing_is_refused_with_the_nearest(words, message, step):
    with pytest.raises(UsageError, match=message) as refused:
        choosing_recording().choose(words)
    assert re.search(step, refused.value.next_step)


def test_a_name_may_have_spaces_and_a_thread_may_be_to_come():
    guest = Guest()
    guest.call("write", 1, thread=2)
    recording = guest.recording(threads={2: "my worker"})
    assert len(recording.choose('thread:"my worker" write')) == 1
    assert len(choose(recording.df, "thread:later", {}, to_come=True)) == 0


def test_a_flame_graph_counts_the_calls_that_words_choose():
    recording = nested_guest().recording(threads={1: "main"})
    assert recording.flame("calls", "event:write").stacks == {("main (1)", "write"): 75}
    with pytest.raises(TraceError, match="match 'read'"):
        recording.flame("calls", "read")
    with pytest.raises(UsageError, match="between events"):
        recording.flame("waits", "write")


def test_a_flame_graph_adds_up():
    graph = FlameGraph("t", "ns", {("main", "f"): 30, ("main", "f", "g"): 50, ("main",): 20},
                       {"g": "app"})
    assert graph.total == 100
    assert graph.df.loc["f", ["self", "total"]].tolist() == [30, 80]
    assert graph.tree["children"][0]["children"][0]["value"] == 80
    assert graph.folded == "main 20\nmain;f 30\nmain;f;g 50\n"
    assert graph.svg.count('class="f"') == 4 and "http://" not in graph.svg.replace(
        "http://www.w3.org/2000/svg", "")


def test_a_flame_graph_of_calls_has_the_time_of_each_without_what_it_called(tmp_path):
    graph = nested_guest().recording(threads={1: "main"}).flame()
    assert graph.stacks[("main (1)", "write")] == 75
    assert graph.stacks[("main (1)", "write", "rumpcomp_console_write")] == 10
    assert graph.layers["write"] == "sys"
    for name in ("f.svg", "f.html", "f.folded", "f.json"):
        assert graph.save(tmp_path / name).stat().st_size > 50
    with pytest.raises(UsageError, match=r"f\.png"):
        graph.save(tmp_path / "f.png")
    with pytest.raises(UsageError, match="naps"):
        nested_guest().recording().flame("naps")
    with pytest.raises(TraceError, match="no samples"):
        nested_guest().recording().flame("samples")


def test_two_traces_are_compared_by_their_calls():
    before, after = Guest(), Guest()
    for number in range(50):
        before.call("read", took=100 + number % 3)
        after.call("read", took=200 + number % 3)
        for guest in (before, after):
            guest.call("getpid", took=50 + number % 7)
    before.call("open", took=5)
    after.call("write", took=7)
    found = before.recording(name="a").compare(after.recording(name="b"))
    verdicts = found.df["verdict"].to_dict()
    assert verdicts == {"read": "slower", "getpid": "same", "write": "only after",
                        "open": "only before"}
    assert found.df.index[0] == "read" and found.df.loc["read", "total_ns_change"] == 5000
    assert 1.9 < found.df.loc["read", "ratio"] < 2.1
    assert "3 of 4 calls differ" in repr(found)


def test_the_text_says_where_records_are_missing():
    guest = Guest()
    guest.call("getpid")
    guest.rows += [[row[0] + 10, *row[1:]] for row in guest.rows[:2]]
    text = str(guest.recording(gaps=np.array([2])).text())
    assert [line.split("  ")[-1] for line in text.split("\n")][1] == "records are missing here"


def test_where_a_recording_begins_nothing_is_missing():
    guest = Guest()
    guest.call("getpid")
    guest.rows = [[row[0] + 10, *row[1:]] for row in guest.rows]
    for lost in ({}, {"overwritten": 3}):
        text = str(guest.recording(gaps=np.array([9]), losses=lost).text())
        assert ("records are missing" in text) == bool(lost)


@pytest.mark.parametrize("seed", range(6))
def test_blocks_make_the_same_table_as_one_piece(monkeypatch, seed):
    random = np.random.default_rng(seed)
    guest = Guest()
    for _ in range(300):
        kind, thread = random.integers(1, 6), int(random.integers(1, 4))
        event = ("read", "rumpuser_malloc", "switch")[random.integers(3)]
        guest.after(1).record(event, int(kind), thread, (int(random.integers(100)), 1, 2, 3))
    rows = np.array(guest.rows, "<u8")
    gaps = np.sort(random.choice(300, 2, replace=False))
    gaps = gaps[~np.isin(gaps + 1, rows[:, 0])]
    for hold in (False, True):
        monkeypatch.setattr("kernel_magics.trace.records.table.BLOCK_ROWS", columns.BLOCK_ROWS)
        whole, held = call_table(rows, Clock(10**9, 0), gaps, hold=hold)
        monkeypatch.setattr("kernel_magics.trace.records.table.BLOCK_ROWS", 7)
        pieces, held_too = call_table(rows, Clock(10**9, 0), gaps, hold=hold)
        pd.testing.assert_frame_equal(whole, pieces, check_categorical=False)
        assert np.array_equal(held, held_too)


def test_the_last_seconds_are_kept_and_what_is_older_forgotten():
    store = RecordStore(100_000)
    rows = np.zeros((10_000, 8), "<u8")
    rows[:, 0], rows[:, 1] = np.arange(1, 10_001), np.arange(10_000) * 10
    for first in range(0, 10_000, 700):
        store.append(rows[first:first + 700])
        store.forget_before(5000)
    kept = store.since(0)
    assert kept[0, 1] == 99_990 - 5000 and kept[-1, 1] == 99_990 and len(kept) == 501
    assert store.let_go == 0 and store.end == 10_000
    assert np.array_equal(store.since(9_900)[:, 0], np.arange(9_901, 10_001))
