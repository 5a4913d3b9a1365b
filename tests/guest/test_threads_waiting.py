"""Threads that wait: backtraces, variables, waits in words, locks and deadlocks."""

import re
import time
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.errors import GuestPanic, GuestTimeout, UsageError
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "thread_programs" / "waiting.c"
TEXT = SOURCE.read_text()
RUNTIME_END = ("bmk_syscall", "arch_syscall_entry")


def line(mark: str) -> int:
    """The line of the program with this comment."""
    return 1 + next(number for number, text in enumerate(TEXT.splitlines()) if mark in text)


@pytest.fixture(scope="module")
def guest():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        found = lab.boot(lab.build(TEXT, "waiting"), memory_mib=32)
        yield settled(found)


def settled(guest):
    """The guest once all its threads wait."""
    guest.console.expect("ready", timeout=60)
    end = time.monotonic() + 60
    while any(one.state in ("running", "runnable") for one in guest.threads):
        assert time.monotonic() < end, guest.threads
        time.sleep(0.02)
    return guest


def test_each_thread_says_what_it_waits_for(guest):
    said = {one.label: one.wait.text for one in guest.threads if one.wait}
    number = {one.label: one.number for one in guest.threads}
    assert said["first"] == f"mutex bob.lock held by thread {number['second']} (second)"
    assert said["second"] == f"mutex alice.lock held by thread {number['first']} (first)"
    assert said["main"] == f"the end of thread {number['first']} (first)"
    assert said["waits"] == "condition opened"
    assert said["reads"] == "read on fd 3 (pipe, 0 bytes, 1 readers, 1 writers)"
    assert said["polls"] == "poll on fd 3 (pipe, 0 bytes, 1 readers, 1 writers)"
    assert re.fullmatch(r"the time to pass, until 1000\.\d{3} s after boot", said["sleeps"])
    assert said["takes"] == "semaphore slots"
    assert said["looks_up"] == f"rwlock table held by thread {number['main']} (main)"
    assert said["own_lock"].endswith("held by itself")


def test_a_backtrace_goes_from_main_to_the_scheduler(guest):
    trace = _labelled(guest, "first").backtrace()
    names = [frame.function for frame in trace]
    inner, outer = names.index("bmk_syscall"), names.index("arch_syscall_entry")
    assert names[0] in ("switch_away", "next_ready")
    assert names.index("kern_futex_wait") < inner < outer < names.index("transfer")
    assert names.index("transfer") + 1 == names.index("first")
    assert trace["transfer"].line == line("STUCK") and trace["first"].line == line("CALLED")
    assert {"app", "libc", "arch", "bmk", "sys", "kern", "rumpuser"} == {one.layer for one in trace}
    assert [one.function for one in trace.application][-2:] == ["start", "__clone"]
    assert "waiting.c" in repr(trace) and len(trace.df) == len(trace)
    assert f"→{line('STUCK'):5} |" in trace["transfer"].excerpt


def test_variables_of_each_frame(guest):
    trace = _labelled(guest, "first").backtrace()
    frame = trace["transfer"]
    assert int(frame["amount"]) == 13 and frame["from"].name.text_() == "alice"
    assert frame["to"].name.text_() == "bob" and int(frame["to"].balance) == 50
    assert "optimized out" in repr(frame["total"]), "it has no value yet"
    assert int(trace["sys_call"]["number"]) == 202
    assert trace["pthread_mutex_timedlock"].locals == {}
    full = trace.text(full=True)
    assert "amount = (long)13" in full and "number = (uint64_t)202" in full


def test_a_wait_that_takes_too_long_says_what_the_threads_do(guest):
    shown = guest.whereabouts.lines
    assert re.fullmatch(r"thread \d+ \(first\) waits for mutex bob.lock held by thread \d+ "
                        rf"\(second\)(, .*)?, in transfer \(waiting.c:{line('STUCK')}\)", shown[1])
    alive = len([one for one in guest.threads if one.process and one.state != "exited"])
    assert alive > len(shown) and shown[-1] == f"and {alive - 4} more: guest.threads"
    with pytest.raises(GuestTimeout) as waited:
        guest.wait(timeout=0.01)
    with pytest.raises(GuestTimeout) as expected:
        guest.console.expect("never said", timeout=0.01)
    for told in (waited, expected):
        assert "\n".join(shown) in str(told.value)


def test_locks_say_who_holds_them_and_since_where(guest):
    locks = guest.locks.read()
    held = {one.name: one for one in locks}
    assert held["alice.lock"].holder.label == "first"
    assert held["alice.lock"].taken_at == f"waiting.c:{line('TAKEN')}"
    assert [one.label for one in held["alice.lock"].waiters] == ["second"]
    assert held["table"].kind == "rwlock" and held["table"].holder.label == "main"
    assert "gate" not in held, "the thread that waits for the condition gave it back"
    assert locks["bob.lock"] is held["bob.lock"]
    assert list(locks.df.columns) == ["kind", "name", "holder", "taken_at", "waiters"]


def test_deadlocks_are_named(guest):
    first, second, main, own, reader = (
        _labelled(guest, one).number
        for one in ("first", "second", "main", "own_lock", "looks_up"))
    said = [repr(one) for one in guest.locks.deadlocks]
    assert said[0] == (
        f"deadlock: thread {first} (first) waits for mutex bob.lock, held by thread {second} "
        f"(second); thread {second} (second) waits for mutex alice.lock, held by thread {first} "
        f"(first); stuck behind it: thread {main} (main), thread {reader} (looks_up)")
    assert any(f"thread {own} (own_lock) waits for mutex" in one and "held by itself" in one
               for one in said)
    assert len(said) == 2


def test_what_is_not_there_is_said_with_what_there_is(guest):
    with pytest.raises(UsageError, match="no thread 'nobody'") as caught:
        guest.threads["nobody"]
    assert "(main)" in caught.value.next_step
    with pytest.raises(UsageError, match="no thread 4711"):
        guest.threads[4711]
    with pytest.raises(UsageError, match="threads are called 'waiting'"):
        guest.threads["waiting"]
    trace = _labelled(guest, "first").backtrace()
    with pytest.raises(UsageError, match="no frame of 'tranfer'"):
        trace["tranfer"]
    with pytest.raises(UsageError, match="no frame 99"):
        trace[99]
    with pytest.raises(UsageError, match="transfer has no variable 'amont'"):
        trace["transfer"]["amont"]
    with pytest.raises(UsageError, match="no lock 'gate'"):
        guest.locks["gate"]


def test_equal_backtraces_are_shown_once(guest):
    groups = guest.threads.backtraces()
    assert len(groups) == len(guest.threads) - 1, "all but the boot thread, which has ended"
    assert repr(groups).count("waits (") <= 1
    assert set(groups.df.index.names) == {"thread", "frame"}
    assert "from = " in groups.text(full=True)


def test_spinning_paused_and_stopped():
    """A thread that runs, its neighbour that was interrupted, and what stays after the end."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        guest = lab.boot(lab.build(TEXT, "waiting"), argv=["waiting", "spin"])
        guest.console.expect("ready", timeout=60)
        spinning = [one for one in guest.threads if one.label == "spins"]
        assert {one.state for one in spinning} <= {"running", "runnable"}
        for thread in spinning:
            names = [frame.function for frame in thread.backtrace()]
            assert names[-3:] == ["spins", "start", "__clone"]
        assert guest.state == "running", "it was paused for a moment only"
        guest.pause()
        count = [thread.backtrace()["spins"]["count"] for thread in guest.threads
                 if thread.label == "spins"]
        assert len(count) == 2 and all(int(one) > 0 for one in count)
        guest.stop()
        assert len(guest.locks.deadlocks) == 2
        assert len(_labelled(guest, "first").backtrace()) > 15


BUSY = """#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long counter;
static volatile int in_handler;
static void handler(int signal) { for (in_handler = 1;;) pause(); }
static void *busy(void *unused)
{
  for (;;) {
    pthread_mutex_lock(&lock);
    counter++;
    pthread_mutex_unlock(&lock);
    if (counter % 1000 == 0) usleep(1);
  }
  return unused;
}
static void *interrupted(void *unused)
{
  pthread_setname_np(pthread_self(), "interrupted");
  signal(SIGUSR1, handler);
  pthread_kill(pthread_self(), SIGUSR1);
  return unused;
}
int main(void)
{
  pthread_t thread;
  for (int i = 0; i < 4; i++) pthread_create(&thread, 0, busy, 0);
  pthread_create(&thread, 0, interrupted, 0);
  while (!in_handler) usleep(1000);
  puts("ready"); fflush(stdout);
  for (;;) sleep(1000);
}
"""


def test_threads_that_do_not_hold_still(driver):
    """Each look at a busy guest gives whole stacks, also through a signal's handler."""
    need("qemu", "compiler")
    with Lab(driver=driver) as lab:
        guest = lab.boot(lab.build(BUSY, "busy"))
        guest.console.expect("ready", timeout=60)
        for _ in range(8):
            for thread, trace in guest.threads.backtraces():
                if thread.process and not trace.notes:
                    assert trace[-1].function in ("__clone", "libc_start_main_stage2"), \
                        f"{thread}\n{trace}"
        names = [frame.function for frame in guest.threads["interrupted"].backtrace()]
        assert names.index("handler") < names.index("__restore_rt") < names.index("interrupted")
        assert guest.state == "running"


def test_a_panicked_guest_has_all_its_threads():
    need("qemu", "compiler")
    crash = TEXT.replace("pthread_join(threads[0], NULL);", "*(volatile int *)NULL = 1;")
    with Lab(driver="qemu") as lab:
        guest = lab.boot(lab.build(crash, "crash"))
        with pytest.raises(GuestPanic):
            guest.wait(timeout=60)
        running = [one for one in guest.threads if one.state == "running"]
        assert [one.name for one in running] == ["main"]
        names = [frame.function for frame in running[0].backtrace()]
        assert names[0] == "main"
        assert len(guest.locks.deadlocks) == 2


def _labelled(guest, label):
    return next(one for one in guest.threads if one.label == label)


def test_whereabouts_are_those_of_now(lab):
    need("qemu", "compiler")
    guest = lab.boot(lab.build("#include <unistd.h>\nint main(void) { char c; read(0, &c, 1); "
                               "return c; }", "asks"), paused=True)
    where = guest.whereabouts
    assert where.lines[:2] == [
        "it is paused: guest.resume() lets it go on",
        "its program has not begun: the boot is at firmware (guest.boot_phases)"]
    guest.resume()
    deadline = time.monotonic() + 60
    while "waits for read on fd 0" not in repr(where) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert re.fullmatch(r"thread \d+ \(main\) waits for read on fd 0 .*, in main \(asks.c:2\)",
                        repr(where))
    guest.console.send("A\n")
    assert guest.wait(timeout=60) == ord("A")
    assert where.lines == ["it has exited with status 65"]
    broken = lab.boot(lab.build("int main(void) { *(volatile int *)0 = 1; }", "broken"))
    with pytest.raises(GuestPanic):
        broken.wait(timeout=60)
    assert broken.whereabouts.lines[0] == "it has panicked: guest.panic"
    assert broken.whereabouts.lines[1].endswith("in main (broken.c:1)")
