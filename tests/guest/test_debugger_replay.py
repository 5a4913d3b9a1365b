"""Runs recorded and replayed: the same again, and back from where it went wrong."""

import shutil
import threading
import time

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import GuestPanic, HostError, UsageError

pytestmark = pytest.mark.guest

BROKEN = r"""#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
struct account { char owner[8]; int *balance; };
struct account *account;
int funds = 100;
unsigned steps;
__attribute__((noinline)) void rename_owner(struct account *which, const char *name)
{
	char *to = which->owner;
	while ((*to++ = *name++) != 0)
		steps++;
}
__attribute__((noinline)) int report(struct account *which)
{
	return printf("%s has %d\n", which->owner, *which->balance);
}
int main(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	account = malloc(sizeof(*account));
	account->balance = &funds;
	rename_owner(account, "ann");
	report(account);
	printf("%ld\n", now.tv_nsec);
	fflush(stdout);
	rename_owner(account, "bartholomew");
	return report(account);
}
"""
CALM = r"""#include <stdio.h>
int counter;
__attribute__((noinline)) int square(int n)
{
	int result = n * n;
	counter += result;
	return result;
}
int main(void)
{
	char line[20];
	int total = 0;
	puts("ready");
	fgets(line, sizeof(line), stdin);
	for (int i = 1; i <= 5; i++)
		total += square(i);
	printf("%s%d\n", line, total);
	return total;
}
"""
BROKEN_LINE = {text.strip(): number for number, text in enumerate(BROKEN.splitlines(), 1)}
CALM_LINE = {text.strip(): number for number, text in enumerate(CALM.splitlines(), 1)}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A lab, a recording of a run that panicked, one of a run that was given input, and what
    the consoles of both showed."""
    need("qemu", "compiler", "qemu-img")
    folder = tmp_path_factory.mktemp("recordings")
    with Lab() as lab:
        broken = lab.boot(lab.build(BROKEN, "broken", cflags="-O0"), record=folder / "broken")
        with pytest.raises(GuestPanic):
            broken.wait(timeout=60)
        calm = lab.boot(lab.build(CALM, "calm", cflags="-O0"), record=folder / "calm")
        calm.console.expect("ready", timeout=60)
        calm.console.send("hello\n")
        assert calm.wait(timeout=60) == 55
        yield folder, broken.console.text, calm.console.text


@pytest.fixture
def replay(lab, recorded):
    """Replay one of the recordings."""
    return lambda which, **more: lab.replay(recorded[0] / which, **more)


def lines(stop):
    """Return function and line of a stop."""
    return stop.place.function, stop.place.line


def test_a_replay_is_the_same_run(replay, recorded):
    guest = replay("calm", paused=False)
    assert guest.wait(timeout=60) == 55
    assert guest.console.text == recorded[2] == "ready\nhello\nhello\n55\n"
    guest = replay("broken", paused=False, name="again")
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    # with the same time of day in it
    assert guest.console.text == recorded[1] and guest.name == "again"


def test_back_to_the_write_that_broke_it(replay):
    debugger = replay("broken").debugger
    stop = debugger.cont(timeout=60)
    assert stop.reason == "panic" and "report" in stop.note
    end = stop.instruction
    stop = debugger.last_write("account->balance", timeout=60)
    assert stop.reason == "write" and stop.instruction < end
    assert lines(stop) == ("rename_owner", BROKEN_LINE["while ((*to++ = *name++) != 0)"])
    assert debugger.backtrace()[1].function == "main"
    stop = debugger.reverse_finish(timeout=60)
    assert lines(stop) == ("main", BROKEN_LINE['rename_owner(account, "bartholomew");'])
    assert debugger.evaluate("*account->balance") == 100
    debugger.goto(end, timeout=60)
    assert debugger.stop.instruction == end


def test_lines_backwards_are_the_lines_forwards(replay):
    debugger = replay("calm").debugger
    debugger.until("square", timeout=60)
    forwards = [debugger.stop, *(debugger.step(timeout=60) for _ in range(6))]
    back = [debugger.reverse_step(timeout=60) for _ in range(7)]
    assert {one.place.function for one in forwards} == {"square", "main"}
    assert {lines(one) for one in forwards if one.place.function == "square"} <= \
        {lines(one) for one in back}
    counts = [one.instruction for one in back]
    assert counts == sorted(counts, reverse=True) and counts[-1] <= forwards[0].instruction


def test_back_over_calls_and_system_calls(replay):
    debugger = replay("calm").debugger
    debugger.until(f"calm.c:{CALM_LINE['return total;']}", timeout=60)
    wanted = ['printf("%s%d\\n", line, total);', "for (int i = 1; i <= 5; i++)"]
    for text in wanted:
        stop = debugger.reverse_next(timeout=60)
        assert lines(stop) == ("main", CALM_LINE[text])
    debugger.until(f"calm.c:{CALM_LINE['for (int i = 1; i <= 5; i++)']}", timeout=60)
    debugger.break_at(f"calm.c:{CALM_LINE['fgets(line, sizeof(line), stdin);']}")
    stop = debugger.reverse_cont(timeout=60)
    assert lines(stop) == ("main", CALM_LINE["fgets(line, sizeof(line), stdin);"])
    stop = debugger.reverse_next(timeout=60)
    assert lines(stop) == ("main", CALM_LINE['puts("ready");'])


def test_breakpoints_and_watchpoints_backwards(replay):
    debugger = replay("calm").debugger
    stop = debugger.cont(timeout=60)
    assert stop.reason == "end"
    one = debugger.break_at("square", "n < 4")
    debugger.reverse_cont(timeout=60)
    assert debugger.evaluate("n") == 3
    debugger.reverse_cont(timeout=60)
    assert debugger.evaluate("n") == 2
    one.remove()
    debugger.watch("counter")
    stop = debugger.reverse_cont(timeout=60)
    assert stop.reason == "watchpoint" and "is (int)0, will be (int)1" in stop.note
    assert lines(stop) == ("square", CALM_LINE["counter += result;"])
    stop = debugger.reverse_cont(timeout=60)
    assert stop.reason == "start" and stop.instruction == 0
    debugger.remove()
    stop = debugger.last_write("counter", timeout=60)
    assert "nothing in the recording has changed counter" in stop.note


def test_an_interrupted_way_back_ends_where_it_began(replay):
    debugger = replay("calm").debugger
    debugger.until(f"calm.c:{CALM_LINE['return total;']}", timeout=60)
    here = debugger.stop
    on_the_way, session = threading.Event(), debugger._need_session()

    def never(_stop):
        on_the_way.set()
        deadline = time.monotonic() + 60
        while not session.processor.is_interrupted and time.monotonic() < deadline:
            time.sleep(0.01)

    debugger.break_at("square", never)
    debugger.reverse_cont(wait=False)
    assert on_the_way.wait(60)
    stop = debugger.interrupt(timeout=60)
    assert stop.reason == "interrupted" and stop.note == "it stands where it stood before"
    assert (stop.place, stop.instruction) == (here.place, here.instruction)
    debugger.remove()
    assert lines(debugger.reverse_next(timeout=60))[0] == "main"


def test_a_replay_that_is_let_go_runs_on_or_stays(replay):
    guest = replay("calm")
    guest.debugger.until("square", timeout=60)
    here = guest.debugger.stop.instruction
    guest.debugger.detach(resume=False)
    assert guest.state == "paused"
    assert guest.debugger.attach().instruction == here
    assert guest.debugger.reverse_stepi(5, timeout=60).instruction == here - 5
    guest.debugger.detach()
    assert guest.wait(timeout=60) == 55


def test_instructions_are_counted_there_and_back(replay):
    debugger = replay("calm").debugger
    debugger.until("square", timeout=60)
    here = debugger.stop
    debugger.stepi(7, timeout=60)
    assert debugger.stop.instruction == here.instruction + 7
    assert debugger.reverse_stepi(7, timeout=60).place == here.place
    assert debugger.goto(0, timeout=60).reason == "start"
    assert debugger.goto(here.instruction, timeout=60).place == here.place
    assert debugger.goto(10**12, timeout=60).reason == "end"
    with pytest.raises(UsageError, match="not the number of an instruction"):
        debugger.goto(-1)
    with pytest.raises(UsageError, match="a replay cannot be changed"):
        debugger.assign("counter", 3)


def test_what_cannot_be_recorded(lab, tmp_path):
    image = lab.build(CALM, "calm", cflags="-O0")
    record = tmp_path / "run"
    with pytest.raises(UsageError, match="under KVM"):
        lab.boot(image, record=record, accel="kvm")
    with pytest.raises(UsageError, match="disks or shared folders"):
        lab.boot(image, record=record, shares={"/data": tmp_path})
    with pytest.raises(UsageError, match="with a network"):
        lab.boot(image, record=record, ports=[80])
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine").write_text("dear")
    with pytest.raises(UsageError, match="is no recording"):
        lab.boot(image, record=tmp_path / "letters")
    assert (tmp_path / "letters" / "mine").read_text() == "dear"
    with pytest.raises(HostError, match="cannot write the recording"):
        lab.boot(image, record="/proc/nothing/here")
    assert not lab.guests() and not record.exists()


def test_what_cannot_be_replayed(lab, recorded, tmp_path):
    with pytest.raises(UsageError, match="there is no recording"):
        lab.replay(tmp_path / "nowhere")
    cut = tmp_path / "cut"
    shutil.copytree(recorded[0] / "calm", cut)
    (cut / "events.bin").write_bytes(b"\0\0\0\0")
    with pytest.raises(UsageError, match="has no end"):
        lab.replay(cut)
    (cut / "recording.json").write_text("{}")
    with pytest.raises(UsageError, match="is no recording, or a damaged one"):
        lab.replay(cut)
    running = lab.boot(lab.image("calm"), record=tmp_path / "runs")
    running.console.expect("ready", timeout=60)
    with pytest.raises(UsageError, match="has no end"):
        lab.replay(tmp_path / "runs")
    running.stop()
    guest = lab.replay(tmp_path / "runs")  # as far as it went
    assert guest.state == "paused"
    guest.stop()


def test_a_recorded_guest_is_not_written_to(lab, tmp_path):
    guest = lab.boot(lab.build(CALM, "calm", cflags="-O0"), record=tmp_path / "run")
    guest.console.expect("ready", timeout=60)
    assert not guest.ram.write_u64(guest.image.header_address, 0)
    assert guest.header.console_consumed == 0
    guest.stop()
