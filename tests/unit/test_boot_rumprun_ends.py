"""What the user is told of a Rumprun guest that did not end with a status."""

from types import SimpleNamespace

import pytest

from kernel_magics.boot.rumprun.ends import DOING, RESET, RumprunEnd, crash_error
from kernel_magics.boot.rumprun.halting import halts_for_ever, has_reset
from kernel_magics.boot.rumprun.shortage import MemoryShortage


def guest(order=None, **spec):
    shortage = MemoryShortage(64)
    if order is not None:
        shortage.note(order)
    return SimpleNamespace(name="x", spec=spec, panic=None, memory_shortage=shortage)


@pytest.mark.parametrize(("reason", "step"), [
    ('failed to mount fs type "blk" from "/dev/ld0a" to "/d"', "lab.disk"),
    ('failed to mount fs type "kernfs" from "x" to "/kern"', "--component rumpfs_kernfs"),
    ("configuring dhcp for vioif0 failed: 60", "DHCP server"),
    ("ipv6 autoconfig failed", "router"),
    ("vndset failed: No such file or directory", "an earlier entry has mounted"),
    ("something new", "guest.console.text"),
])
def test_what_was_refused_and_what_to_do(reason, step):
    error = crash_error(guest(), RumprunEnd(None, reason, "refused"))
    assert error.message == f"x started no program: {reason}" and step in error.next_step


def test_crashes_and_what_to_do():
    trap = RumprunEnd(None, "page fault at 0x1, address 0x2", "trap", 1, 2)
    assert crash_error(guest(), trap).message == f"x crashed: {trap.reason}"
    assert "guest.image.code" in crash_error(guest(), trap).next_step
    assert "PTHREAD_STACKSIZE" in crash_error(guest(), RESET).next_step
    short = crash_error(guest(14), trap)
    assert short.next_step.endswith("--memory 128") and "64 MiB of memory" in short.advice
    early = RumprunEnd(None, f"page fault, {DOING['config']}", "trap")
    assert "static address" in crash_error(guest(address=["auto"]), early).next_step
    assert "static address" not in crash_error(guest(address=["dhcp"]), early).next_step
    assert "static address" not in crash_error(guest(address=["auto"]), trap).next_step


# Whether a line that says so is an end

HALTED = "RIP=0000000000102691 RFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1"
TRAPPED = HALTED.replace("202 [", "002 [")
RUNNING = HALTED.replace("HLT=1", "HLT=0")
LOOP, CALL = b"\xf4\xeb\xfd", b"\xf4\xc3\x90"
IDLE = range(0x102680, 0x1026A0)


@pytest.mark.parametrize(("kind", "said", "code", "idle", "is_end"), [
    ("exit", HALTED, LOOP, IDLE, True),
    ("exit", RUNNING, LOOP, range(0), False),
    ("exit", HALTED, CALL, IDLE, False),       # all threads wait
    ("exit", HALTED, CALL, range(0), True),    # nothing is known of the code
    ("exit", HALTED, b"", range(0), True),
    ("trap", TRAPPED, CALL, range(0), True),
    ("trap", HALTED, CALL, range(0), False),   # interrupts wake it
    ("exit", "", b"", range(0), False),
])
def test_what_the_processor_does(kind, said, code, idle, is_end):
    assert halts_for_ever(kind, said, code, lambda: idle) == is_end


def test_what_qemu_writes_down_of_a_reset(tmp_path):
    log = tmp_path / "processor.log"
    assert not has_reset(log)
    log.write_bytes(b"CPU Reset (CPU 0)\n" * 10000)
    assert not has_reset(log)
    log.write_bytes(log.read_bytes() + b"Triple fault\n")
    assert has_reset(log)
