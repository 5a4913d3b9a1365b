"""guest.trace with real guests: counts that are known, switched on and off, overrun."""

import subprocess
import time

import numpy as np
import pytest
from capabilities import need
from known_guest import until_it_waits

from kernel_magics import Lab
from kernel_magics.boot import abi
from kernel_magics.errors import GuestPanic, TraceError
from kernel_magics.places import images_dir
from kernel_magics.trace.records.events import NAMES

pytestmark = pytest.mark.guest

# Reads pairs "COUNT BYTES" and answers each with COUNT getppid calls, which no libc makes
# on its own, and one line of BYTES bytes; ends at a COUNT of -1, crashes at -2.
ON_REQUEST = r"""
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(void)
{
	char line[256];
	int count, bytes;

	setvbuf(stdin, NULL, _IONBF, 0);
	write(1, "ready\n", 6);
	while (scanf("%d %d", &count, &bytes) == 2 && count >= 0) {
		for (int i = 0; i < count; i++)
			getppid();
		memset(line, '=', sizeof(line));
		line[bytes - 1] = '\n';
		write(1, line, bytes);
	}
	if (count == -2)
		*(volatile int *)0 = 1;
	return 7;
}
"""
AT_ONCE = r"""
#include <unistd.h>

int
main(int argc, char **argv)
{
	for (int i = 0; i < 5000; i++)
		getppid();
	return 0;
}
"""


@pytest.fixture
def asked(lab):
    """Boot ON_REQUEST; return a function that lets it make calls, and the guest."""
    need("compiler")

    def boot(**spec):
        guest = lab.boot(lab.build(ON_REQUEST, name="asked"), **spec)

        def ask(count: int, size: int = 3) -> None:
            guest.console.send(f"{count} {size}\n")
            guest.console.expect("=+\n", timeout=60)

        guest.console.expect("ready\n", timeout=60)
        return guest, ask

    return boot


def count_of(table, event: str) -> int:
    return int((table["event"] == event).sum())


def of_one_moment(guest):
    """Return its counters and its trace, between which nothing happens."""
    guest.pause()
    both = guest.counters, guest.trace.df
    guest.resume()
    return both


def end(guest) -> None:
    guest.console.send("-1 0\n")
    assert guest.wait(timeout=60) == 7


def test_counts_arguments_and_results_are_what_the_program_did(asked, driver):
    guest, ask = asked(trace="all", trace_records=16384)
    ask(123, 17)
    end(guest)
    table = guest.trace.df
    assert guest.trace.lost == 0
    assert count_of(table, "getppid") == 123
    writes = table[(table["event"] == "write") & (table["a0"] == 1)]
    assert writes["a2"].tolist() == [6, 17]
    assert writes["result"].tolist() == [6, 17]
    assert (table["kind"] != "exit").all()
    calls = table[table["kind"] == "call"]
    assert (calls["duration_ns"] >= 0).all()
    assert table["time_ns"].is_monotonic_increasing and table["sequence"].is_unique


def test_records_equal_the_guests_own_counters(asked, driver):
    guest, ask = asked(trace="all", trace_records=16384)
    ask(50)
    until_it_waits(guest)
    before, seen = of_one_moment(guest)
    ask(400)
    ask(1)
    until_it_waits(guest)
    after, table = of_one_moment(guest)
    assert guest.trace.lost == 0
    rose = np.flatnonzero(after - before)
    for number in rose[rose >= NAMES.index("rumpuser_init")]:  # interrupts go on meanwhile
        recorded = count_of(table, NAMES[number]) - count_of(seen, NAMES[number])
        assert recorded == after[number] - before[number], NAMES[number]
    end(guest)


def test_switched_on_and_off_while_it_runs(asked, driver):
    guest, ask = asked()
    ask(20)
    assert len(guest.trace.df) == 0
    guest.trace.start("getppid")
    assert guest.trace.enabled == ["getppid"]
    ask(30)
    assert set(guest.trace.df["event"]) == {"getppid"}
    assert guest.trace.calls.loc["getppid", "count"] == 30
    guest.trace.stop()
    ask(40)
    assert len(guest.trace.df) == 30
    assert guest.counters[NAMES.index("getppid")] == 90
    guest.trace.start(["getppid", "write"])
    ask(5)
    assert count_of(guest.trace.df, "getppid") == 35
    assert count_of(guest.trace.read(), "getppid") == 35
    ask(2)
    assert count_of(guest.trace.read(), "getppid") == 2
    end(guest)


def test_switching_on_in_the_middle_of_a_call_makes_no_false_call(asked):
    guest, ask = asked()
    guest.trace.start("read")  # it is inside one now
    guest.trace.stop()
    ask(1)
    guest.trace.start("read")
    ask(1)
    table = guest.trace.df
    assert guest.trace.lost == 0
    ends = (table["time_ns"] + table["duration_ns"])[table["kind"] == "call"]
    starts = table["time_ns"][table["kind"] == "call"].iloc[1:]
    assert (ends.iloc[:-1].to_numpy() <= starts.to_numpy()).all()  # one thread: no overlap
    end(guest)


def test_an_overrun_is_counted_exactly(lab, driver):
    need("compiler")
    guest = lab.boot(lab.build(AT_ONCE, name="at-once"), trace_records=256, paused=True)
    guest.resume()
    guest.wait(timeout=60)
    assert len(guest.trace.df) == 0  # nothing was switched on
    guest = lab.boot(lab.build(AT_ONCE, name="at-once"), trace="all", trace_records=256)
    guest.wait(timeout=60)
    table = guest.trace.df
    records = len(table) + int((table["kind"] == "call").sum()) + len(guest.trace.processes.rows)
    assert records >= 256
    assert records + guest.trace.lost == guest.header.ring_write_index > 10_000
    assert "exit_group" in set(table["event"])  # the newest are there


def test_the_ring_can_be_read_after_a_panic(asked, driver):
    guest, ask = asked(trace="all", trace_records=16384)
    ask(11)
    guest.console.send("-2 0\n")
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    table = guest.trace.df
    assert count_of(table, "getppid") == 11
    assert table["event"].iloc[-20:].isin(["page_fault", "phase", "interrupt"]).any()


def test_switched_on_at_once_nothing_of_the_program_is_missed(lab, driver):
    need("compiler")
    image = lab.build(AT_ONCE, name="at-once")
    guest = lab.boot(image, trace_records=32768, paused=True)
    guest.trace.start("getppid")
    guest.resume()
    guest.wait(timeout=60)
    assert guest.trace.calls.loc["getppid", "count"] == 5000
    assert guest.trace.lost == 0


def test_switched_on_before_qemu_has_loaded_the_image(lab):
    need("compiler")
    guest = lab.boot(lab.build(ON_REQUEST, name="asked"), trace_records=16384)
    guest.trace.start("getppid")
    guest.console.expect("ready\n", timeout=60)
    guest.console.send("21 3\n")
    guest.console.expect("=+\n", timeout=60)
    assert guest.trace.calls.loc["getppid", "count"] == 21
    guest.stop()
    assert len(guest.trace.df) == 21


def test_a_ring_that_lies_is_refused_while_the_guest_goes_on(asked):
    guest, ask = asked(trace="all", trace_records=16384)
    address = guest.record.header_address + abi.Header.ring_address.offset
    sound = guest.header.ring_address
    assert guest.ram.write_u64(address, 1 << 40)
    with pytest.raises(TraceError, match="ring"):
        _ = guest.trace.df
    ask(3)
    assert guest.ram.write_u64(address, sound)
    assert count_of(guest.trace.df, "getppid") == 3
    end(guest)


def test_following_a_running_guest(asked):
    guest, ask = asked(trace_records=16384)
    guest.trace.start("syscalls")
    tables = []
    following = guest.trace.follow(tables.append, interval_ms=20)
    for _ in range(4):
        ask(25)
    deadline = time.monotonic() + 60
    while sum(count_of(table, "getppid") for table in tables) < 100:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    end(guest)
    assert following.wait(60)
    assert guest.trace.lost == 0
    assert sum(count_of(table, "getppid") for table in tables) == 100


def test_another_lab_can_trace_the_same_guest(asked):
    guest, ask = asked(name="shared")
    with Lab(driver="qemu") as other:
        same = other.guest("shared")
        same.trace.start("getppid")
        ask(9)
        assert count_of(same.trace.df, "getppid") == 9
    end(guest)


def test_a_guest_without_a_header_has_no_trace(lab, tmp_path):
    need("compiler")
    source = images_dir() / "guests" / "onebyte" / "onebyte.S"
    subprocess.run(["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000",
                    "-Wl,-e,entry32", "-o", tmp_path / "onebyte.elf", source], check=True)
    guest = lab.boot(tmp_path / "onebyte.elf")
    assert guest.wait(timeout=60) == 0
    assert guest.console.text == "!"
    with pytest.raises(TraceError, match="not a rumpkit guest"):
        _ = guest.trace
