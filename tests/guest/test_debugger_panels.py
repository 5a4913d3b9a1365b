"""What the debugger's panel and other views show while a real guest stops and goes on."""

import time

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.widgets.debugger.panel import DebuggerView
from kernel_magics.widgets.threads.locks import locks_view
from kernel_magics.widgets.threads.threads import threads_view

pytestmark = pytest.mark.guest

SUMS = r"""#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static volatile int first_held, second_held;
__attribute__((noinline)) int square(int n)
{
	int result = n * n;
	return result;
}
static void *cross(void *arg)
{
	pthread_mutex_lock(&second);
	second_held = 1;
	while (!first_held)
		usleep(1000);
	pthread_mutex_lock(&first);
	return arg;
}
int main(void)
{
	pthread_t other;
	puts("ready");
	fflush(stdout);
	int total = square(3);
	total += square(4);
	pthread_create(&other, NULL, cross, NULL);
	pthread_mutex_lock(&first);
	first_held = 1;
	while (!second_held)
		usleep(1000);
	pthread_mutex_lock(&second);
	return total;
}
"""
CROSSED = SUMS.splitlines().index("\tpthread_mutex_lock(&second);") + 1


def until(true, seconds=60.0):
    """Wait until something is true; return whether it is."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


@pytest.fixture(scope="module")
def image():
    """The program, not optimised."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab.build(SUMS, "sums", cflags="-O0")


def frames(view):
    """Return the frames that the panel shows."""
    return [frame for block in view.place["blocks"] for frame in block.get("frames", ())]


def variables(view):
    """Return names and values in the innermost frame."""
    return [tuple(pair) for frame in frames(view)[:1] for pair in frame["locals"]]


def test_the_panel_follows_stops_and_its_buttons_move_the_guest(lab, image):
    guest = lab.boot(image, paused=True)
    debugger = guest.debugger
    view, threads = DebuggerView(debugger), threads_view(guest)
    assert view.place["able"] == ["continue", "step", "next", "finish"]
    assert view.text() == repr(debugger)
    debugger.break_at("square")
    assert until(lambda: [one[:2] for one in view.place["breakpoints"]] == [["1", "break"]])
    view.answer({"kind": "do", "what": "continue"})
    assert until(lambda: "breakpoint 1" in view.place["sentence"])
    assert "int result = n * n;" in view.place["excerpt"]
    assert [frame["name"] for frame in frames(view)[:2]] == ["square", "main"]
    assert ("n", "(int)3") in variables(view)
    assert frames(view)[0]["open"] and not frames(view)[1]["open"]
    assert until(lambda: len(threads.df) == len(view.df) == len(guest.threads))
    view.answer({"kind": "do", "what": "finish"})
    assert until(lambda: "it returned (int)9" in view.place["sentence"])
    debugger.cont(timeout=60)                   # the script moves, and the panel follows
    assert until(lambda: ("n", "(int)4") in variables(view))
    debugger.remove()
    assert until(lambda: view.place["breakpoints"] == [])
    debugger.cont(wait=False)
    assert until(lambda: view.place["able"] == ["interrupt"]) and view.place["blocks"] == []
    assert view.state == "running" or until(lambda: view.state == "running")
    view.answer({"kind": "do", "what": "interrupt"})
    assert until(lambda: "interrupted" in view.place["sentence"])
    view.answer({"kind": "do", "what": "no such thing"})
    guest.stop()
    assert until(lambda: view.place["able"] == [] and view.state == "stopped")
    assert until(lambda: threads.state == "stopped")
    for one in (view, threads):
        one.close()
    assert debugger._listeners == []


def test_a_motion_with_nowhere_to_go_says_so_and_the_next_one_forgets_it(lab, image):
    guest = lab.boot(image, paused=True)
    view = DebuggerView(guest.debugger)
    view.answer({"kind": "do", "what": "finish"})   # before its first function
    assert until(lambda: "outermost function" in view.said)
    view.answer({"kind": "do", "what": "step"})
    assert until(lambda: view.said == "")
    view.close()


def test_breakpoints_are_set_in_the_panel(lab, image):
    guest = lab.boot(image, paused=True)
    debugger = guest.debugger
    view = DebuggerView(debugger)
    source = view.place["source"]                   # the program's, before it has begun
    assert (source["file"], source["line"], source["points"]) == ("sums.c", 0, {})
    line = next(number for number, text in source["lines"] if "int result" in text)
    view.answer({"kind": "toggle", "file": "sums.c", "line": line})
    assert view.place["source"]["points"] == {str(line): [1, True]} and view.said == ""
    view.answer({"kind": "do", "what": "continue"})
    assert until(lambda: view.place["source"].get("line") == line)
    assert "breakpoint 1" in view.place["sentence"]
    changes = view.changed
    view.answer({"kind": "break", "text": "main if total > 3"})
    view.answer({"kind": "break", "text": "watch result"})
    assert [row[1:4] for row in view.place["breakpoints"]][1][2] == "if total > 3"
    assert [row[1] for row in view.place["breakpoints"]] == ["break", "break", "write"]
    assert view.changed == changes + 2
    view.answer({"kind": "enable", "number": 2, "on": False})
    assert view.place["breakpoints"][1][-1] == "disabled"
    view.answer({"kind": "remove", "number": 2})
    view.answer({"kind": "toggle", "file": "sums.c", "line": line})
    assert [row[0] for row in view.place["breakpoints"]] == ["3"]
    view.answer({"kind": "do", "what": "continue"})
    assert until(lambda: "result was" in view.place["sentence"])
    for text, said in (("squar", "did you mean square"), ("sums.c:999", "no code at line 999"),
                       ("square if (", "expected"), ("delete 77", "no breakpoint 77")):
        view.answer({"kind": "break", "text": text})
        assert said in view.said, view.said
    view.answer({"kind": "remove", "number": 99})
    assert "there is no breakpoint 99" in view.said
    view.answer({"kind": "break", "text": "delete 3"})
    assert view.place["breakpoints"] == [] and view.said == "" and not view.place["back"]
    view.answer({"kind": "do", "what": "back"})       # this guest is no replay
    assert not debugger.is_running
    view.close()


def test_a_replay_goes_back_with_buttons(lab, image, tmp_path):
    recorded = lab.boot(image, paused=True, record=tmp_path / "run")
    recorded.debugger.break_at("cross")
    recorded.debugger.cont(timeout=60)
    recorded.stop()
    guest = lab.replay(tmp_path / "run")
    view = DebuggerView(guest.debugger)
    assert view.place["back"] and "back" in view.place["able"]
    view.answer({"kind": "break", "text": "square"})
    for value in ("(int)3", "(int)4"):
        view.answer({"kind": "do", "what": "continue"})
        assert until(lambda value=value: ("n", value) in variables(view), 60)
    view.answer({"kind": "do", "what": "back"})
    assert until(lambda: ("n", "(int)3") in variables(view), 60)
    view.answer({"kind": "do", "what": "call back"})
    assert until(lambda: "went back to the call" in view.place["sentence"], 60)
    view.close()


def test_locks_in_a_view_have_holders_waiters_and_the_deadlock_on_top(lab, image):
    guest = lab.boot(image)
    guest.console.expect("ready", timeout=60)
    assert until(lambda: guest.locks.deadlocks)
    view = locks_view(guest.locks)
    assert len(view.rows) == 2 and view.problems[0].startswith("deadlock: ")
    names = [column["name"] for column in view.columns]
    assert names == ["address", "kind", "name", "held by", "since", "waiters"]
    row = dict(zip(names, next(r for r in view.rows if r[2] == "second"), strict=True))
    assert row["waiters"] == guest.locks["second"].waiters[0].named
    assert row["since"] == f"sums.c:{CROSSED}"
    view.answer({"kind": "detail", "key": row["address"]})
    told = [block["title"] for block in view.detail["blocks"]]
    assert told[0] == "mutex second" and any(title.startswith("holder: ") for title in told)
    view.answer({"kind": "detail", "key": "0x1"})
    assert "by nobody now" in view.detail["blocks"][0]["text"]
    view.close()
