"""guest.debugger on real guests: breakpoints, watchpoints, steps, expressions, ends."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest
from capabilities import need
from main_thread import interrupt_in

from kernel_magics import Lab
from kernel_magics.errors import GuestError, GuestTimeout, UsageError
from kernel_magics.inspect.debugger.debugger import Debugger

pytestmark = pytest.mark.guest

SUMS = r"""#include <stdio.h>
struct node { int value; struct node *next; const char *name; };
struct node last = { 3, 0, "last" }, first = { 1, &last, "first" };
int counter;
static int table[8];
__attribute__((noinline)) int square(int n)
{
	int result = n * n;
	counter += result;
	return result;
}
__attribute__((noinline)) int sum(int limit)
{
	int total = 0;
	for (int i = 0; i < limit; i++) {
		int one = square(i);
		total += one;
		table[i & 7] = total;
	}
	return total;
}
int main(int argc, char **argv)
{
	int total = sum(10);
	printf("total %d\n", total);
	return total & 15;
}
"""
LINE = {text.strip(): number for number, text in enumerate(SUMS.splitlines(), 1)}
TICKS = r"""#include <stdio.h>
#include <unistd.h>
volatile int ticks;
__attribute__((noinline)) void tick(int n) { ticks = n; }
int main(void)
{
	puts("ready");
	fflush(stdout);
	for (int i = 0;; i++) {
		tick(i);
		usleep(2000);
	}
}
"""
BROKEN = r"""#include <stdio.h>
int *nowhere;
__attribute__((noinline)) int follow(int *where) { return *where; }
int main(void) { return follow(nowhere); }
"""
THREADS = r"""#include <pthread.h>
#include <unistd.h>
int shared;
__attribute__((noinline)) void work(int id)
{
	usleep(500);
	shared += id;
}
static void *worker(void *argument)
{
	for (int i = 0; i < 40; i++)
		work((int)(long)argument);
	return 0;
}
int main(void)
{
	pthread_t threads[3];
	for (long i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, worker, (void *)(i + 1));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], 0);
	return shared == 240 ? 0 : 1;
}
"""


@pytest.fixture(scope="module")
def images():
    """The programs, not optimised, by name."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield {name: lab.build(text, name, cflags="-O0") for name, text in (
            ("sums", SUMS), ("ticks", TICKS), ("broken", BROKEN), ("threads", THREADS))}


@pytest.fixture
def boot(lab, images):
    """Boot one of the programs, by default stopped before its first instruction."""
    def start(name, *, paused=True, **more):
        guest = lab.boot(images[name], paused=paused, **more)
        if not paused:
            guest.console.expect("ready", timeout=60)
        return guest

    return start


def lines(stop):
    """Return function and line of a stop."""
    return stop.place.function, stop.place.line


def test_breakpoints_by_function_line_and_condition(driver, boot):
    guest = boot("sums")
    debugger = guest.debugger
    debugger.break_at("main")
    stop = debugger.cont(timeout=60)
    assert stop.reason == "breakpoint" and stop.place.function == "main"
    assert guest.state == "paused" and stop.thread_name == "main"
    at_line = debugger.break_at(f"sums.c:{LINE['return result;']}", "result > 20")
    stop = debugger.cont(timeout=60)
    assert lines(stop) == ("square", LINE["return result;"])
    assert (debugger.evaluate("n"), debugger.evaluate("result")) == (5, 25)
    assert debugger.evaluate("counter") == 55 and at_line.hits == 1
    assert "→" in stop.excerpt and "return result;" in repr(stop)
    at_line.remove()
    stop = debugger.cont(timeout=60)
    assert (stop.reason, stop.status) == ("exited", 285 & 15)
    assert "exited with status 13" in repr(stop)
    assert guest.wait(timeout=60) == 13 and guest.console.text == "total 285\n"


def test_steps_go_where_gdb_goes(boot):
    debugger = boot("sums").debugger
    debugger.until("sum", timeout=60)
    assert lines(debugger.stop) == ("sum", LINE["int total = 0;"])
    assert lines(debugger.next(2, timeout=60)) == ("sum", LINE["int one = square(i);"])
    assert lines(debugger.step(timeout=60)) == ("square", LINE["int result = n * n;"])
    stop = debugger.finish(timeout=60)
    assert lines(stop) == ("sum", LINE["int one = square(i);"]) and stop.value == 0
    assert lines(debugger.next(timeout=60)) == ("sum", LINE["total += one;"])
    before = debugger.registers.rip
    debugger.stepi(timeout=60)
    assert 0 < debugger.registers.rip - before < 16
    debugger.until(LINE["return total;"].__str__(), timeout=60)
    assert debugger.evaluate("total") == 285
    assert debugger.finish(timeout=60).value == 285
    stop = debugger.next(timeout=60)  # the line's rest
    assert lines(stop) == ("main", LINE['printf("total %d\\n", total);'])
    stop = debugger.next(timeout=60)  # over printf, its system call, and the console
    assert lines(stop) == ("main", LINE["return total & 15;"])


def test_a_watchpoint_tells_the_change(boot):
    debugger = boot("sums").debugger
    debugger.until("sum", timeout=60)
    watch = debugger.watch("table[2]")
    stop = debugger.cont(timeout=60)
    assert stop.reason == "watchpoint" and stop.place.function == "sum"
    assert re.search(r"table\[2\] was \(int\)0, is \(int\)5", stop.note)
    assert watch.hits == 1
    watch.remove()
    debugger.watch("counter", condition="counter > 100")
    debugger.cont(timeout=60)
    assert debugger.evaluate("counter") == 140
    assert debugger.breakpoints.df["kind"].tolist() == ["write"]


def test_frames_have_their_variables(boot):
    debugger = boot("sums").debugger
    debugger.break_at("square", "n >= 4")
    debugger.cont(timeout=60)
    names = [frame.function for frame in debugger.backtrace()]
    assert names[:3] == ["square", "sum", "main"]
    assert debugger.locals["n"] == 4
    assert debugger.evaluate("limit", frame=1) == 10
    debugger.select(1)
    assert set(debugger.locals) == {"limit", "total", "i", "one"}
    assert debugger.evaluate("i") == 4
    debugger.cont(timeout=60)
    assert debugger.selected == 0
    with pytest.raises(UsageError, match="no frame 40"):
        debugger.select(40)


def test_pointers_are_compared_with_numbers(boot):
    debugger = boot("sums").debugger
    debugger.break_at("square")
    debugger.cont(timeout=60)
    for text in ("first.next != 0", "last.next == NULL", "0 == last.next", "&last == first.next",
                 "first.next > 0"):
        assert debugger.evaluate(text), text


def test_memory_is_read_and_written(boot):
    guest = boot("sums")
    debugger = guest.debugger
    debugger.until("sum", timeout=60)
    assert debugger.evaluate('first.next->name == "last"')
    assert debugger.assign("counter", 1000) == 1000 and guest.vars["counter"] == 1000
    assert debugger.assign("$rax", "counter + 1") == 1001
    assert debugger.evaluate("$eax") == 1001
    assert debugger.examine("first.name", form="s").endswith("'first'")
    assert re.search(r"<counter>:  0x000003e8", debugger.examine("&counter", 1, "x", "w"))
    assert "→" in debugger.list() and "int square(int n)" in debugger.list("square")
    code = debugger.examine("$rip", 3, "i").splitlines()
    assert len(code) == 3 and "mov" in code[0]
    debugger.cont(timeout=60)
    assert guest.vars["counter"] == 1000 + 285


def test_a_running_guest_goes_on_until_the_condition(boot):
    guest = boot("ticks", paused=False)
    debugger = guest.debugger
    with pytest.raises(GuestError, match="runs"):
        debugger.evaluate("ticks")
    assert guest.state == "running"
    debugger.break_at("tick", "n % 50 == 7")
    assert debugger.is_running
    debugger.wait(timeout=60)
    assert int(debugger.evaluate("n")) % 50 == 7
    debugger.remove()
    with pytest.raises(GuestTimeout, match="has hit no breakpoint"):
        debugger.cont(timeout=0.2)
    stop = debugger.interrupt()
    assert stop.reason == "interrupted" and guest.state == "paused"
    assert guest.registers["rip"] == stop.place.address
    guest.resume()
    seen = int(guest.vars["ticks"])
    deadline = time.monotonic() + 60
    while int(guest.vars["ticks"]) <= seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert int(guest.vars["ticks"]) > seen
    guest.pause()
    assert guest.state == "paused" and not debugger.is_running
    debugger.detach()
    assert guest.state == "running"


def test_actions_and_listeners_hear_of_hits(boot):
    guest = boot("ticks", paused=False)
    debugger = guest.debugger
    heard, stops = [], []
    forget = debugger.on_stop(stops.append)

    def action(stop):
        heard.append(int(stop.evaluate("n")))
        return len(heard) >= 5

    debugger.break_at("tick", action=action)
    debugger.wait(timeout=60)
    assert len(heard) == 5 and heard == list(range(heard[0], heard[0] + 5))
    assert [stop.reason for stop in stops] == ["breakpoint"]
    forget()
    debugger.remove()
    debugger.break_at("tick", ignore=3, temporary=True)
    debugger.cont(timeout=60)
    assert int(debugger.evaluate("n")) == heard[-1] + 4 and not debugger.breakpoints


def test_threads_are_told_apart(boot):
    debugger = boot("threads").debugger
    debugger.break_at("work", "id == 2")
    stop = debugger.cont(timeout=60)
    debugger.remove()
    for _ in range(4):  # over a sleep, in which other threads run through this line
        following = debugger.next(timeout=60)
        assert following.thread == stop.thread
    debugger.break_at("work", thread=stop.thread)
    debugger.cont(timeout=60)
    assert debugger.evaluate("id") == 2
    assert debugger.finish(timeout=60).thread == stop.thread


def test_a_panic_stops_in_the_program(boot):
    guest = boot("broken", on_panic="exit")
    stop = guest.debugger.cont(timeout=60)
    assert stop.reason == "panic" and "follow" in stop.note
    assert "return *where" in stop.excerpt
    assert int(guest.debugger.evaluate("where")) == 0  # the frame that is told of is selected
    stop = guest.debugger.cont(timeout=60)
    assert stop.reason == "panicked" and guest.panic.kind == "null_dereference"


def test_what_cannot_be_is_one_clear_error(boot):
    guest = boot("sums")
    debugger = guest.debugger
    for wrong, message in (("sqare", "no symbol 'sqare'"), ("sums.c:999", "no code at line 999"),
                           ("smus.c:3", "no source file 'smus.c'"), ("counter", "is a variable"),
                           (7, "no address of code"), ("", "not a place"), (None, "not a place")):
        with pytest.raises(UsageError, match=re.escape(message)):
            debugger.break_at(wrong)
    with pytest.raises(UsageError, match="not an expression"):
        debugger.break_at("square", "n = 3")
    with pytest.raises(UsageError, match="no such kind"):
        debugger.watch("counter", "scribble")
    with pytest.raises(UsageError, match="there is no breakpoint 7"):
        debugger.remove(7)
    debugger.until("sum", timeout=60)
    for wrong in ("3", "$rax", "i + 1"):
        with pytest.raises(UsageError, match="has no address"):
            debugger.watch(wrong if wrong != "i + 1" else "limit + 1")
    with pytest.raises(UsageError, match="no variable 'countr'"):
        debugger.evaluate("countr")
    with pytest.raises(UsageError, match="has no member 'nxt'"):
        debugger.evaluate("first.nxt")
    with pytest.raises(GuestError, match="not mapped"):
        debugger.evaluate("last.next->value + 1")
    with pytest.raises(UsageError, match="is no replay"):
        debugger.reverse_step()
    assert not debugger.breakpoints


def test_a_condition_that_fails_at_the_place_stops_and_says_so(boot):
    debugger = boot("sums").debugger
    debugger.break_at("square", "nn > 3")
    assert "no variable 'nn'" in debugger.cont(timeout=60).note
    debugger.remove()
    debugger.break_at("square", lambda stop: 1 / 0)
    assert "ZeroDivisionError" in debugger.cont(timeout=60).note


def test_one_debugger_has_a_guest(driver, boot):
    guest = boot("ticks", paused=False)
    first, second = guest.debugger, Debugger(guest)
    first.attach()
    with pytest.raises(GuestError, match="is being debugged by this notebook") as refused:
        second.attach()
    assert "take_over" in refused.value.next_step
    second.attach(take_over=True)
    stop = first.cont(timeout=60)
    assert stop.reason == "lost" and not first.is_attached
    second.break_at("tick")
    assert second.cont(timeout=60).reason == "breakpoint"


def test_a_plain_gdb_attaches_with_the_printed_command(driver, boot):
    need("gdb")
    guest = boot("ticks", paused=False)
    guest.debugger.break_at("tick")
    guest.debugger.wait(timeout=60)
    command = shlex.split(guest.debugger.gdb_command)
    assert not guest.debugger.is_attached
    orders = ["break tick", "continue", "print n", "delete", "detach"]
    said = subprocess.run(
        [command[0], "-nx", "-batch", *command[1:], *(f"-ex={one}" for one in orders)],
        capture_output=True, text=True, timeout=60).stdout
    assert re.search(r"Breakpoint 1, tick \(n=\d+\)", said) and re.search(r"\$1 = \d+", said)
    assert "void tick(int n)" in said  # the cell's text is there to be listed
    assert guest.state == "running"


def test_a_gdb_that_holds_the_guest_is_named(boot):
    need("gdb")
    guest = boot("ticks", paused=False)
    command = shlex.split(guest.debugger.gdb_command)
    gdb = subprocess.Popen([command[0], "-nx", "-q", *command[1:]], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while guest.state == "running" and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(GuestError, match="by a plain gdb"):
            guest.debugger.attach()
        assert guest.debugger.attach(take_over=True).place is not None
    finally:
        gdb.kill()
        gdb.wait()
        gdb.stdout.close()
        gdb.stdin.close()


def test_a_guest_that_is_killed_while_it_stands(boot):
    guest = boot("ticks", paused=False)
    debugger = guest.debugger
    debugger.break_at("tick")
    debugger.wait(timeout=60)
    os.kill(guest.pid, signal.SIGKILL)
    guest.machine.process.wait(60)
    assert debugger.step(timeout=60).reason == "ended"
    with pytest.raises(GuestError, match="has ended"):
        debugger.step()
    assert repr(debugger).startswith("ticks has ended (died)")


def test_a_guest_that_is_killed_while_it_runs(driver, boot):
    guest = boot("ticks", paused=False)
    guest.debugger.break_at("main")
    guest.stop()
    stop = guest.debugger.wait(timeout=60)
    assert stop.reason == "ended" and "stopped by the lab" in stop.note


def test_an_interrupted_wait_leaves_the_guest_running(boot):
    guest = boot("ticks", paused=False)
    debugger = guest.debugger
    debugger.attach()
    interrupter = threading.Thread(target=interrupt_in,
                                   args=("cont", lambda: debugger.is_running))
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        debugger.cont(timeout=60)
    interrupter.join()
    assert debugger.is_running
    deadline = time.monotonic() + 60
    while guest.state != "running" and time.monotonic() < deadline:
        time.sleep(0.01)  # the debugger's own thread may not have come to it yet
    assert guest.state == "running"
    assert debugger.interrupt().reason == "interrupted"


LEFT = r"""
import os, signal, sys
from kernel_magics import Lab
lab = Lab(driver=sys.argv[1], keep=True)
guest = lab.boot(lab.image("ticks"))
guest.console.expect("ready", timeout=60)
guest.debugger.break_at("tick", "n % 20 == 3")
guest.debugger.watch("ticks", condition="ticks < 0")
guest.debugger.break_at("main", lambda stop: True)
guest.debugger.wait(60)
os.kill(os.getpid(), signal.SIGKILL)
"""


FOUND = r"""
import sys
from kernel_magics import Lab
guest = Lab(driver=sys.argv[1]).guest("ticks")
try:
    assert (guest.state, guest.owner) == ("paused", "survived"), guest
    debugger = guest.debugger
    assert [one.condition for one in debugger.breakpoints] == ["n % 20 == 3", "ticks < 0", None]
    assert [one.is_enabled for one in debugger.breakpoints] == [True, True, False]
    before = int(guest.vars["ticks"])
    if sys.argv[1] == "qemu":
        guest.resume()
        debugger.wait(timeout=60)
    else:
        debugger.cont(timeout=60)
    assert int(debugger.evaluate("n")) == before // 20 * 20 + 23, before
    debugger.detach()
    assert guest.state == "running"
finally:
    guest.stop()
"""


@pytest.mark.slow
def test_breakpoints_outlive_the_notebooks_kernel(driver, images):
    killed = subprocess.run([sys.executable, "-c", LEFT, driver], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    found = subprocess.run([sys.executable, "-c", FOUND, driver], timeout=120,
                           capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
