"""Conditions that seldom hold, and what is watched on a stack: what it costs, when it ends."""

import json
import threading
from collections import Counter

import pytest
from capabilities import need
from main_thread import interrupt_in

from kernel_magics import Lab
from kernel_magics.errors import GuestTimeout
from kernel_magics.inspect.debugger.debugger import Debugger
from kernel_magics.inspect.debugger.stub import Stub

pytestmark = pytest.mark.guest

SUMS = r"""#include <stdio.h>
int counter;
__attribute__((noinline)) int add(int *where, int n)
{
	*where += n;
	counter++;
	return *where;
}
__attribute__((noinline)) int sum(int n)
{
	int total = 0;
	for (int i = 1; i <= n; i++)
		add(&total, i);
	return total;
}
int main(void)
{
	int all = sum(3);
	all += sum(4);
	puts("summed");
	for (;;)
		all += sum(1000);
}
"""
LINE = {text.strip(): str(number) for number, text in enumerate(SUMS.splitlines(), 1)}


@pytest.fixture(scope="module")
def image():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab.build(SUMS, "sums", cflags="-O0")


@pytest.fixture
def debugger(lab, image):
    """That of a guest which stands in its first sum, before the loop."""
    found = lab.boot(image, paused=True).debugger
    found.until("sum", timeout=60)
    found.next(timeout=60)
    return found


def test_a_watch_on_a_local_ends_with_its_function(debugger):
    watch = debugger.watch("total")
    assert repr(watch).endswith("until sum returns")
    totals = []
    while (stop := debugger.cont(timeout=60)).reason == "watchpoint":
        totals.append(stop.note.partition(", is ")[2])
    assert totals == ["(int)1", "(int)3", "(int)6"] and watch.hits == 3
    assert stop.reason == "left" and stop.place.function == "main"
    assert repr(stop).startswith("sums stopped at the end of watchpoint 1: main at")
    assert stop.note == "watchpoint 1 has ended: sum has returned, and total is gone"
    assert not debugger.breakpoints and repr(watch).endswith("removed")
    debugger.break_at(LINE['puts("summed");'])
    assert debugger.cont(timeout=60).reason == "breakpoint"  # not at what lies there now


def test_finish_tells_the_value_and_the_end(debugger):
    debugger.watch("total", condition="total > 100")
    stop = debugger.finish(timeout=60)
    assert stop.reason == "finished" and stop.value == 6
    assert stop.note.splitlines() == [
        "it returned (int)6", "watchpoint 1 has ended: sum has returned, and total is gone"]


def test_steps_go_past_the_end_and_tell_it(debugger):
    debugger.until(LINE["return total;"], timeout=60)
    debugger.watch("total")
    stops = [debugger.next(timeout=60) for _ in range(2)]
    assert [stop.reason for stop in stops] == ["step", "step"]
    assert stops[1].place.function == "main" and "watchpoint 1 has ended" in stops[1].note


def test_a_condition_means_the_function_that_was_watched_in(debugger):
    debugger.watch("total", condition="total >= 3 && i == 2")
    stop = debugger.cont(timeout=60)  # what is called here has neither name
    assert stop.place.function == "add" and stop.note == "total was (int)1, is (int)3"


def test_what_the_selected_frame_has_is_watched(debugger):
    debugger.until("add", timeout=60)
    debugger.select(1)
    assert debugger.watch("total").scope.function == "sum"
    assert debugger.cont(timeout=60).note == "total was (int)0, is (int)1"
    assert debugger.watch(debugger.evaluate("where").value_()).scope is None, "a plain address"


def test_a_call_of_the_same_function_is_another_one(debugger):
    debugger.watch("total", condition="total == 10")  # only the second call's
    assert debugger.cont(timeout=60).reason == "left"


def test_what_is_passed_is_counted_and_told(debugger):
    watch = debugger.watch("counter", condition="counter < 0")
    told = r"has hit no breakpoint: it passed watchpoint 1 \d+ times?, and stood there for \d"
    with pytest.raises(GuestTimeout, match=told):
        _passing(debugger, watch)
    assert "sums runs; it passed watchpoint 1 " in repr(debugger)
    stop = debugger.interrupt(timeout=60)
    assert stop.note.startswith(f"it passed watchpoint 1 {watch.passed} time")
    assert f"(passed {watch.passed} times)" in repr(watch) and not watch.hits
    assert debugger.breakpoints.df["passed"].tolist() == [watch.passed]


def _passing(debugger, one):
    """Wait shortly and again, until a breakpoint was passed twice; raises as the wait does."""
    debugger.cont(wait=False)
    for _ in range(600):
        try:
            debugger.wait(timeout=0.1)
        except GuestTimeout:
            if one.passed > 1:
                raise


def test_ctrl_c_in_any_long_motion_leaves_guest_and_session_usable(debugger):
    for go in (debugger.cont, lambda: debugger.step(10**9), lambda: debugger.next(10**9),
               lambda: debugger.stepi(10**9), lambda: debugger.nexti(10**9),
               lambda: debugger.until("main")):  # (it is not begun again)
        debugger.until("add", timeout=60)
        interrupter = threading.Thread(target=interrupt_in, args=(
            "_move", lambda: debugger.is_running and debugger._motion is not None))
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            go()
        interrupter.join()
        assert debugger.is_running, "what was begun goes on"
        stop = debugger.interrupt(timeout=60)
        assert stop.reason == "interrupted" and stop.place is not None, go
        assert int(debugger.evaluate("counter")) > 0
    assert debugger.until("add", timeout=60).place.function == "add"


def test_a_pass_is_few_words_with_qemu(debugger, monkeypatch):
    sent = Counter()
    send = Stub._send

    def count(stub, packet):
        sent[packet[1:2]] += 1
        send(stub, packet)

    monkeypatch.setattr(Stub, "_send", count)
    limit = int(debugger.evaluate("counter"))
    for set_it, each in ((debugger.watch, "cg"), (debugger.break_at, "sgcg")):
        limit += 60
        one = set_it("counter" if each == "cg" else "add", condition=f"counter == {limit}")
        sent.clear()
        assert debugger.cont(timeout=60).breakpoints == (one,)
        assert one.passed >= 50
        assert sum(sent.values()) <= len(each) * (one.passed + 1) + 20, sent
        one.remove()


def test_the_end_is_kept_for_a_restarted_notebook(debugger):
    debugger.watch("total")
    guest = debugger.guest
    kept = debugger._folder / "debugger.json"
    written = json.loads(kept.read_text())
    written["process"] = 0
    kept.write_text(json.dumps(written))
    (found,) = Debugger(guest).breakpoints
    assert found.scope == debugger.breakpoints[0].scope and found.scope.function == "sum"
