"""What a Rumprun guest's console says of a crash, and how sources of upstream are named."""

import pytest

from kernel_magics.boot.abi import PanicKind
from kernel_magics.inspect.images.lines import shown_file
from kernel_magics.inspect.panics.details import NO_VECTOR
from kernel_magics.inspect.rumprun.crashes import read_crash

TRAP = "ready\r\nFATAL TRAP: {} at {} ({})\r\n"


@pytest.mark.parametrize(("name", "place", "address", "kind", "vector"), [
    ("page fault", "0x2e9f80", "0x8", PanicKind.NULL_DEREFERENCE, 14),
    ("page fault", "(nil)", "0x0", PanicKind.NULL_DEREFERENCE, 14),
    ("page fault", "0x2e9f80", "0x123456789008", PanicKind.PAGE_FAULT, 14),
    ("divide-by-zero", "0x2e9f80", "0x8", PanicKind.EXCEPTION, 0),
    ("invalid opcode", "0x2e9f80", "0x0", PanicKind.EXCEPTION, 6),
    ("general protection", "0x2e9f80", "0x0", PanicKind.EXCEPTION, 13),
    ("something new", "0x2e9f80", "0x0", PanicKind.EXCEPTION, NO_VECTOR)])
def test_a_trap(name, place, address, kind, vector):
    found = read_crash(TRAP.format(name, place, address))
    assert (found.kind, found.vector) == (kind, vector)
    assert found.place == (0 if place == "(nil)" else int(place, 16))
    assert found.address == (int(address, 16) if name == "page fault" else 0), \
        "the processor keeps the address of the last page fault, of whichever trap it is"
    assert name in found.reason


@pytest.mark.parametrize(("text", "kind", "reason"), [
    ('PANIC: assert "x" FAILED\n\r\nhalted\r\n', PanicKind.ASSERTION, 'assert "x" FAILED'),
    ('panic: kernel diagnostic assertion "a == b" failed: file "x.c", line 3\r\n'
     "rump kernel halting...\r\nPANIC: rumpuser panic\r\nhalted\r\n", PanicKind.ASSERTION,
     'kernel diagnostic assertion "a == b" failed: file "x.c", line 3'),
    ("panic: no root\r\nPANIC: rumpuser panic\r\nhalted\r\n", PanicKind.NONE, "no root"),
    ("PANIC: xmalloc failed\r\nhalted\r\n", PanicKind.NONE, "xmalloc failed"),
    ("panic: " + "x" * 1000, PanicKind.NONE, "x" * 250)])
def test_a_halt_with_a_reason(text, kind, reason):
    found = read_crash(text)
    assert (found.kind, found.reason, found.vector) == (kind, reason, NO_VECTOR)


def test_the_last_crash_counts_and_no_crash_is_none():
    text = TRAP.format("page fault", "0x1", "0x2") + "panic: later\r\n"
    assert read_crash(text).reason == "later"
    assert read_crash("panic: before\r\n" + TRAP.format("divide-by-zero", "0x1", "0x0")).vector == 0
    assert read_crash("=== main() of \"x\" returned 0 ===\r\nhalted\r\n") is None
    assert read_crash("") is None


@pytest.mark.parametrize(("file", "shown"), [
    ("/opt/me/rumprun/src-netbsd/sys/kern/kern_time.c", "sys/kern/kern_time.c"),
    ("/opt/rr/lib/libbmk_core/sched.c", "lib/libbmk_core/sched.c"),
    ("/opt/rr/lib/librumprun_base/main.c", "lib/librumprun_base/main.c"),
    ("/opt/rr/platform/hw/intr.c", "platform/hw/intr.c"),
    ("/usr/src/libfoo/lib/thing.c", "/usr/src/libfoo/lib/thing.c"),
    ("hello.c", "hello.c"), ("lib/libbmk_core/sched.c", "lib/libbmk_core/sched.c"), ("", "")])
def test_sources_of_upstream_are_named_by_their_place_in_its_tree(file, shown):
    assert shown_file(file) == shown
