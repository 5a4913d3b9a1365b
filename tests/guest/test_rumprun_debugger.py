"""guest.debugger on guests of upstream Rumprun: stops, steps, values, and where they crash."""

import time
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import UsageError

pytestmark = pytest.mark.guest

FOLDER = Path(__file__).parent / "rumprun_inspected"
TEXT = (FOLDER / "stopping.c").read_text()
CRASHING = (FOLDER / "crashing.c").read_text()
PATIENCE_S = 60


def line(mark, text=TEXT):
    """The line of a program with this comment."""
    return 1 + next(number for number, row in enumerate(text.splitlines()) if mark in row)


@pytest.fixture(scope="module", params=["qemu", "libvirt"])
def lab(request):
    need("qemu", "rumprun", *(["libvirt"] if request.param == "libvirt" else []))
    with Lab(driver=request.param) as lab:
        yield lab


@pytest.fixture(scope="module")
def guest(lab):
    guest = lab.boot(lab.build(TEXT, "stopping", kit="rumprun", cflags="-O1 -g"), memory_mib=64)
    guest.console.expect("ready", timeout=PATIENCE_S)
    return guest


@pytest.fixture
def debugger(guest):
    yield guest.debugger
    guest.debugger.remove()
    guest.debugger.detach()


def test_stops_steps_and_returns(guest, debugger):
    debugger.break_at("deposit")
    stop = debugger.wait(PATIENCE_S)
    assert stop.place.function == "deposit" and stop.thread_name == "saves"
    assert guest.threads[stop.thread].name == "saves"
    before = int(debugger.evaluate("to->balance"))
    amount = int(debugger.locals["amount"])
    assert [one.function for one in debugger.backtrace()] == [
        "deposit", "saves", "pthread__create_tramp", "bmk_cpu_sched_bouncer"]
    debugger.remove()
    stop = debugger.finish(timeout=PATIENCE_S)
    assert int(stop.value) == before + amount and stop.place.function == "saves"
    assert debugger.next(timeout=PATIENCE_S).place.function == "saves"
    assert "rip" in debugger.registers and int(guest.vars["calls"]) > 0


def test_conditions_watchpoints_and_writing(guest, debugger):
    debugger.interrupt()
    wanted = int(guest.vars["calls"]) + 5
    debugger.break_at(f"stopping.c:{line('ADDED')}", condition=f"calls == {wanted}")
    stop = debugger.cont(timeout=PATIENCE_S)
    assert int(guest.vars["calls"]) == wanted and stop.place.line == line("ADDED")
    debugger.assign("to->balance", 1_000_000)
    debugger.remove()
    debugger.watch("savings.balance")
    stop = debugger.cont(timeout=PATIENCE_S)
    assert stop.reason == "watchpoint" and "was (long)1000000" in stop.note
    assert debugger.select(1) and int(debugger.evaluate("amount")) > 0


def test_the_kernel_is_debugged_too(debugger):
    started = time.monotonic()
    debugger.break_at("sys___nanosleep50")
    stop = debugger.wait(PATIENCE_S)
    assert stop.place.function == "rumpns_sys___nanosleep50"
    assert stop.place.text.endswith(f"sys/kern/kern_time.c:{stop.place.line}")
    functions = [one.function for one in debugger.backtrace()]
    assert functions.index("rump_syscall") < functions.index("saves")
    assert int(debugger.evaluate("l->l_proc->p_pid")) > 0
    assert time.monotonic() - started < PATIENCE_S
    with pytest.raises(UsageError, match="no symbol 'nosuchthing'"):
        debugger.break_at("nosuchthing")


def test_stacks_go_through_interrupts(debugger):
    debugger.break_at("*cpu_isr_clock")
    debugger.wait(PATIENCE_S)
    functions = [one.function for one in debugger.backtrace()]
    assert functions[0] == "cpu_isr_clock" and functions[-1] == "bmk_cpu_sched_bouncer"
    assert "schedule" in functions or "saves" in functions, "what was interrupted"


def test_main_can_be_stopped_in_from_the_start_and_crashes_stop_the_guest(lab):
    image = lab.build(CRASHING, "crashing", kit="rumprun", cflags="-O1 -g")
    guest = lab.boot(image, memory_mib=64, argv=["crashing", "null"], paused=True)
    guest.debugger.break_at("main")
    stop = guest.debugger.cont(timeout=PATIENCE_S)
    assert stop.place.function == "main" and stop.thread_name == "crashing"
    assert int(guest.debugger.evaluate("argc")) == 2
    stop = guest.debugger.cont(timeout=PATIENCE_S)
    assert stop.reason == "panic" and "page fault at use" in stop.note
    assert f"crashing.c:{line('USED', CRASHING)}" in repr(stop)
    assert [one.function for one in guest.debugger.backtrace()][:4] == [
        "cpu_fattrap", "x86_trap_14", "use", "third_of"]
    stop = guest.debugger.cont(timeout=PATIENCE_S)
    assert stop.reason == "panicked" and guest.panic.title == "null pointer"
    guest = lab.boot(image, memory_mib=64, argv=["crashing"], paused=True)
    guest.debugger.attach()
    stop = guest.debugger.cont(timeout=PATIENCE_S)
    assert stop.reason == "exited" and guest.exit_status == 0, "an orderly halt is no panic"
