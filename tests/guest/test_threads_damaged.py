"""Threads of a guest that lies, of a stripped image, and of a dump."""

import time

import pytest
from capabilities import need
from test_threads_waiting import TEXT, settled

from kernel_magics.build.image import GuestImage
from kernel_magics.errors import LabError
from kernel_magics.inspect.memory.program import DIRECT_BASE, program_of
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest


@pytest.fixture
def guest():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield settled(lab.boot(lab.build(TEXT, "waiting"), memory_mib=32))


class Liar:
    """Writes into a guest's struct bmk_thread's and stacks."""

    def __init__(self, guest):
        self.guest, self.program = guest, program_of(guest)
        self.threads = []
        item = self.program.variable("all", "bmk/thread.c")
        while item:
            self.threads.append(item)
            item = item.all_next

    def poke(self, address, value):
        physical = address - DIRECT_BASE if address >= DIRECT_BASE else address
        assert self.guest.ram.write_u64(physical, value)

    def set(self, thread, member, value):
        offset = thread.type_.type.member(member).bit_offset // 8
        self.poke(int(thread) + offset, value)


def test_lists_that_lie_are_completed_from_the_labs_table(guest):
    liar = Liar(guest)
    count = len(guest.threads)
    liar.set(liar.threads[3], "all_next", int(liar.threads[0]))
    found = guest.threads.read()
    assert len(found) == count and "comes back" in found.problems[0]
    liar.set(liar.threads[3], "all_next", 0x123456789)
    found = guest.threads.read()
    assert len(found) == count and "not mapped" in found.problems[0]
    assert "not mapped" in repr(found) and len(found.df) == count


def test_stacks_that_lie_end(guest):
    liar = Liar(guest)
    here, there, loop, wild = liar.threads[:4]
    stack = int(loop.stack_pointer)
    liar.set(here, "stack_pointer", 0xDEADBEEF000)
    liar.set(there, "stack_pointer", int(wild.stack_pointer))
    for slot in range(0, 1024, 8):  # frames that lead to each other
        liar.poke(stack + slot, stack + slot + 8 if slot % 16 else int(loop.function) or 0x100800)
    started = time.process_time()
    traces = {thread.record.address: trace for thread, trace in guest.threads.backtraces()}
    assert time.process_time() - started < 5
    assert "is not mapped" in repr(traces[int(here)])
    assert len(traces[int(there)]) > 5, "somebody else's stack, but a stack"
    assert repr(guest.locks.read())
    liar.set(wild, "record", 0x4141414141414141)
    liar.set(wild, "owner", 0x4141414141414141)
    liar.set(wild, "waiting_on", 0x4141414141414141)
    assert repr(guest.threads) and repr(guest.locks)


def test_a_table_that_claims_too_much_is_refused(guest):
    from kernel_magics.boot.abi import Header

    table = guest.image.header_address + Header.threads_capacity.offset
    liar = Liar(guest)
    liar.set(liar.threads[0], "all_next", int(liar.threads[0]))
    liar.poke(table & -8, 0xFFFFFFFF_FFFFFFFF)
    with pytest.raises(LabError, match="thread table claims"):
        guest.threads.read()


def test_a_stripped_image_says_what_is_lost_and_goes_on(tmp_path):
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        whole = lab.build(TEXT, "waiting")
        path = tmp_path / "bare.elf"
        path.write_bytes(whole.stripped_path.read_bytes())
        guest = settled(lab.boot(GuestImage.from_file(path), argv=["waiting"]))
        threads = guest.threads.read()
        assert len(threads) > 9 and "bare.elf has no debugging information" in repr(threads)
        trace = next(one for one in threads if one.name == "waiting").backtrace()
        layers = [frame.layer for frame in trace]
        assert layers[0] == "bmk" and "libc" in layers
        assert {"rumpuser", "kern", "sys", "arch"} <= set(layers[:layers.index("libc")])
        assert trace[0].locals == {} and guest.locks.deadlocks == []


def test_a_dump_has_the_same_threads_and_locks(guest, tmp_path):
    guest.pause()
    dump = guest.dump(tmp_path / "waiting.core")
    assert repr(dump.locks) == repr(guest.locks)
    for thread, kept in zip(guest.threads, dump.threads, strict=True):
        assert repr(thread.backtrace()) == repr(kept.backtrace())
