"""Trace on a ring that another process writes at the same time, as a guest does."""

import mmap
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from kernel_magics.errors import TraceError, UsageError
from kernel_magics.places import images_dir
from kernel_magics.trace import Trace
from kernel_magics.trace.calls.hypercalls import HYPERCALLS

RAM_BYTES = 128 << 20
MIX = np.uint64(0x9E3779B97F4A7C15)


@pytest.fixture(scope="module")
def writer_program(tmp_path_factory) -> Path:
    program = tmp_path_factory.mktemp("writer") / "ring_writer"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror",
                    "-I", images_dir() / "rumpkit" / "include", "-o", program,
                    Path(__file__).with_name("ring_writer.c")], check=True)
    return program


class Writer:
    """A running ring_writer and the Trace that reads it."""

    def __init__(self, program: Path, ram: Path, *, capacity: int, records: int,
                 rate: int = 0, late_every: int = 0, keep: int = 4 << 20) -> None:
        self.process = subprocess.Popen(
            [program, ram, *map(str, (RAM_BYTES, capacity, records, rate, late_every))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = int(self.process.stdout.readline())
        with ram.open("r+b") as file:
            self.ram = mmap.mmap(file.fileno(), 0)
        self.trace = Trace(self.ram, address, alive=lambda: self.process.poll() is None,
                           name="writer", keep=keep)

    def go(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def works_on(self) -> None:
        """Wait until the writer has had the processor for a while; it never sleeps."""
        until = self._processor_ticks() + 5
        while self._processor_ticks() < until:
            time.sleep(0.01)

    def _processor_ticks(self) -> int:
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        return sum(map(int, text.rpartition(")")[2].split()[11:13]))  # utime, stime; proc(5)

    def end(self) -> int:
        """Wait for the writer; return how many records it began."""
        begun = int(self.process.communicate(timeout=60)[0])
        assert self.process.returncode == 0
        return begun


@pytest.fixture
def writer(writer_program, tmp_path):
    started = []

    def start(**options) -> Writer:
        started.append(Writer(writer_program, tmp_path / "ram", **options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def records_in(table) -> int:
    return len(table) + int((table["kind"] == "call").sum())


def check_whole(table) -> None:
    """Every record's content follows from its index: nothing torn, nothing twice."""
    entered = table[table["kind"] != "exit"]  # of an exit only the result is told
    index = (entered["sequence"] - 1).to_numpy()
    assert np.array_equal(entered["a1"], (index + 1) * MIX)
    assert np.array_equal(entered["a3"], (index + 3) * MIX)
    assert np.array_equal(entered["caller"], (index + 4) * MIX)
    index = (table["sequence"] - 1).to_numpy()
    assert np.array_equal(table["time_ns"].to_numpy(), (index * 10).astype(np.int64))
    assert table["sequence"].is_unique


def test_a_ring_that_holds_everything_needs_no_background(writer):
    guest = writer(capacity=1 << 16, records=50_000)
    guest.trace._header.enabled[1] = 1  # as a guest booted with tracing on
    guest.go()
    assert guest.end() == 50_000
    table = guest.trace.df
    assert records_in(table) == 50_000 and guest.trace.lost == 0
    check_whole(table)
    calls = table[table["kind"] == "call"]
    assert len(calls) == 25_000 and (calls["duration_ns"] == 10).all()


def test_a_ring_that_went_round_unread_counts_the_rest(writer):
    guest = writer(capacity=4096, records=50_000)
    guest.trace._header.enabled[1] = 1
    guest.go()
    guest.end()
    table = guest.trace.df
    check_whole(table)
    assert records_in(table) == 4096
    assert guest.trace.losses == {"overwritten": 50_000 - 4096, "torn": 0, "damaged": 0,
                                  "let_go": 0}


@pytest.mark.parametrize(("capacity", "rate", "late_every"), [
    (1 << 16, 1_000_000, 0), (1 << 16, 1_000_000, 50), (512, 2_000_000, 20), (1 << 12, 0, 7)])
def test_every_record_is_delivered_or_counted(writer, capacity, rate, late_every):
    guest = writer(capacity=capacity, records=600_000, rate=rate, late_every=late_every)
    guest.trace.start()
    guest.go()
    begun = guest.end()
    table = guest.trace.df
    print(f"\nring of {capacity}, {rate}/s: {records_in(table)} of {begun} read,"
          f" lost {guest.trace.losses}")
    assert records_in(table) + guest.trace.lost == begun
    check_whole(table)


def test_memory_is_bounded_and_the_newest_is_kept(writer):
    guest = writer(capacity=1 << 16, records=400_000, rate=1_000_000, keep=50_000)
    guest.trace.start()
    guest.go()
    begun = guest.end()
    table = guest.trace.df
    check_whole(table)
    assert 50_000 <= records_in(table) <= 50_000 * 3 // 2
    assert table["sequence"].max() + 1 == begun
    assert records_in(table) + guest.trace.lost == begun
    assert guest.trace.losses["let_go"] > 0


def test_starting_and_stopping_while_it_runs(writer):
    guest = writer(capacity=1 << 16, records=400_000_000, rate=2_000_000)  # until it is killed
    guest.go()
    guest.works_on()
    assert len(guest.trace.df) == 0
    guest.trace.start(["rumpuser_init", "rumpuser_free"])
    assert guest.trace.enabled == ["rumpuser_init", "rumpuser_free"]
    while len(guest.trace.df) == 0:
        time.sleep(0.02)
    guest.trace.stop()
    assert guest.trace.enabled == []
    guest.works_on()  # it looks at the bitmap before every record
    count = len(guest.trace.df)
    guest.works_on()
    assert len(guest.trace.df) == count > 0
    guest.trace.clear()
    assert len(guest.trace.df) == 0 and guest.trace.lost == 0


def test_read_gives_each_call_once(writer):
    guest = writer(capacity=1 << 16, records=300_000, rate=1_000_000, late_every=64)
    guest.trace.start()
    guest.go()
    tables = []
    while guest.process.poll() is None:
        tables.append(guest.trace.read())
        time.sleep(0.01)
    tables.append(guest.trace.read())
    guest.process.communicate()
    sequences = np.concatenate([table["sequence"] for table in tables])
    assert len(np.unique(sequences)) == len(sequences)
    assert sum(map(records_in, tables)) + guest.trace.lost == 300_000
    if not guest.trace.lost:
        assert all((table["kind"] == "call").all() for table in tables)
    assert len(guest.trace.read()) == 0


def test_follow_delivers_everything_and_ends_with_the_guest(writer):
    guest = writer(capacity=1 << 16, records=300_000, rate=1_000_000)
    guest.trace.start()
    tables = []
    following = guest.trace.follow(tables.append, interval_ms=20)
    guest.go()
    guest.end()
    assert following.wait(60)
    assert sum(map(records_in, tables)) + guest.trace.lost == 300_000
    assert all(len(table) for table in tables)


def test_an_error_in_a_followers_function_reaches_who_stops_it(writer):
    guest = writer(capacity=1 << 12, records=200_000, rate=1_000_000)
    guest.trace.start()

    def fail(table) -> None:
        raise ZeroDivisionError("not today")

    following = guest.trace.follow(fail, interval_ms=5)
    guest.go()
    with pytest.raises(ZeroDivisionError, match="not today"):
        following.wait(60)
    guest.end()
    assert len(guest.trace.df) > 0


def test_a_ring_damaged_while_followed_is_reported(writer):
    guest = writer(capacity=1 << 12, records=400_000_000, rate=1_000_000)  # until it is killed
    guest.trace.start()
    following = guest.trace.follow(lambda table: None, interval_ms=5)
    guest.go()
    guest.trace._header.ring_capacity = 4095
    with pytest.raises(TraceError, match="ring"):
        following.wait(60)
    with pytest.raises(TraceError, match="ring"):
        _ = guest.trace.df
    assert "ring" in repr(guest.trace)


def test_text_form_is_short_and_the_same_each_time(writer):
    guest = writer(capacity=1 << 12, records=480, rate=0)
    guest.trace._header.enabled[1] = 1
    guest.go()
    guest.end()
    text = repr(guest.trace)
    assert text == repr(guest.trace)
    most = -(-240 // len(HYPERCALLS))  # the writer goes through them all, again and again
    first, second = text.splitlines()[:2]
    assert first == f"trace of writer: 240 events of {len(HYPERCALLS)} kinds, 0 lost"
    assert second == f"  {most}  {min(call.name for call in HYPERCALLS[:240 % len(HYPERCALLS)])}"
    assert len(text.splitlines()) == 14


def test_a_guest_that_never_begins_is_reported(monkeypatch):
    monkeypatch.setattr("kernel_magics.trace.trace._BOOT_PATIENCE_S", 0.05)
    trace = Trace(bytearray(1 << 16), 0x1000, alive=lambda: True, name="unborn")
    with pytest.raises(TraceError, match="unborn has not begun"):
        trace.start()


def test_an_unknown_event_changes_nothing(writer):
    guest = writer(capacity=1 << 12, records=1)
    guest.trace.start("rumpuser_init")
    with pytest.raises(UsageError, match="rumpuser_inti"):
        guest.trace.start("rumpuser_inti")
    assert guest.trace.enabled == ["rumpuser_init"]
