"""bmk's scheduler, page allocator and heap, read from memory that the tests lay out.

The program compiled here has variables and structures of the names and shapes that bmk's have.
"""

import hashlib
import struct
import subprocess
from types import SimpleNamespace

import pytest
from capabilities import need

from kernel_magics.build.elf import PT_LOAD, ElfFile
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.mapping import memory_of
from kernel_magics.inspect.rumprun.memory import RumprunMemory
from kernel_magics.inspect.threads.threads import GuestThreads

RAM_BYTES = 8 << 20
PAGE = 4096
BITMAP, FIRST, LIMIT = 0x40_0000, 0x40_1000, 0x50_1000
HEAP_PAGE, LARGE = FIRST, FIRST + 9 * PAGE   # what the tests have taken
RUNNABLE, SLEEPS, BLOCKED, RUNS = 0x1, 0x2, 0x4, 0x8
CHUNK = 0x11020217

SCHEDULER = """
struct tcb { unsigned long btcb_sp, btcb_ip, btcb_tp, btcb_tpsize; };
struct bmk_thread {
\tchar bt_name[16];
\tlong bt_wakeup_time;
\tint bt_flags, bt_errno;
\tvoid *bt_stackbase, *bt_cookie;
\tstruct tcb bt_tcb;
\tstruct { struct bmk_thread *tqe_next, **tqe_prev; } bt_schedq, bt_threadq;
};
struct threadqueue { struct bmk_thread *tqh_first, **tqh_last; };
extern struct bmk_thread fourth;
static struct bmk_thread third = { "third", -1, 0x4, 0, (void *)0x403000, 0,
\t{ 0x403f00, 0, 0, 0 }, { 0, 0 }, { &fourth, 0 } };
static struct bmk_thread second = { "second", 5000000000, 0x2, 0, (void *)0x404000, 0,
\t{ 0x404f00, 0, 0, 0 }, { 0, 0 }, { &third, 0 } };
static struct bmk_thread first = { "first", -1, 0x8, 0, (void *)0x405000, 0,
\t{ 0x405f00, 0, 0, 0 }, { 0, 0 }, { &second, 0 } };
struct bmk_thread fourth = { "fourth", -1, 0x1, 0, (void *)0x406000, 0,
\t{ 0x406f00, 0, 0, 0 }, { 0, 0 }, { 0, 0 } };
static struct threadqueue threadq = { &first, 0 };
unsigned long bmk_stacksize = 4096;
void bmk_cpu_sched_bouncer(void) { for (;;) __asm__ volatile("" :: "r"(&threadq)); }
"""
PAGES = """
static void *minpage_addr = (void *)0x401000, *maxpage_addr = (void *)0x501000;
static unsigned long *alloc_bitmap = (unsigned long *)0x400000;
static struct { void *lh_first; } freelist[52];
unsigned long pgalloc_totalkb = 1024, pgalloc_usedkb = 0;
void *use_pages(int i) { return i ? minpage_addr : i > 1 ? maxpage_addr : i > 2 ? alloc_bitmap
\t: freelist[i].lh_first; }
"""
HEAP = """
static struct { void *lh_first; } freebuckets[7];
static unsigned nmalloc[7];
void *use_heap(int i) { return nmalloc[i] ? freebuckets[i].lh_first : 0; }
"""


class Ram:
    """Memory that a test may write to."""

    def __init__(self):
        self.data, self.size_bytes = bytearray(RAM_BYTES), RAM_BYTES

    def read(self, address, size_bytes):
        if not 0 <= address <= address + size_bytes <= RAM_BYTES:
            raise GuestError("outside", address=address, next_step="")
        return bytes(self.data[address:address + size_bytes])

    def words(self, address, *words):
        self.data[address:address + 8 * len(words)] = struct.pack(f"<{len(words)}Q", *words)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    need("compiler")
    folder = tmp_path_factory.mktemp("bmk") / "lib" / "libbmk_core"
    folder.mkdir(parents=True)
    for name, text in (("sched.c", SCHEDULER), ("pgalloc.c", PAGES), ("memalloc.c", HEAP)):
        (folder / name).write_text(text)
    subprocess.run(["gcc", "-g", "-O0", "-nostdlib", "-static", "-ffreestanding", "-no-pie",
                    "-fno-pie", "-Wl,-Ttext-segment=0x100000", "-Wl,-e,bmk_cpu_sched_bouncer",
                    "-o", "guest.elf", "sched.c", "pgalloc.c", "memalloc.c"],
                   cwd=folder, check=True)
    return folder / "guest.elf"


@pytest.fixture
def guest(path):
    """A subject whose pages are taken but for 128 in one block, and whose heap has one page of
    blocks of 64 bytes, every other free, and one of two pages."""
    found = SimpleNamespace(name="made", state="paused", registers=None, ram=Ram())
    data = path.read_bytes()
    found.image = GuestImage("made", path, path, "rumprun", (), len(data),
                             hashlib.sha256(data).hexdigest(), None)
    elf = ElfFile.read(path)
    for one in elf.segments:
        if one.type == PT_LOAD:
            found.ram.data[one.virtual_address:one.virtual_address + one.file_bytes] = \
                elf.data[one.offset:one.offset + one.file_bytes]
    found.place = lambda name: found.image.symbols.find(name).address
    found.threads = GuestThreads(found)
    found.memory = RumprunMemory(found)
    lay_out(found)
    return found


def lay_out(found):
    ram = found.ram
    count = (LIMIT - FIRST) // PAGE
    ram.data[BITMAP:BITMAP + count // 8] = b"\xff" * (count // 16) + b"\0" * (count // 16)
    free = FIRST + (count // 2) * PAGE
    ram.words(free, 7 | CHUNK << 32, 0)
    ram.words(found.place("freelist") + 8 * 7, free)
    ram.words(found.place("pgalloc_usedkb"), 512)
    for index in range(64):
        block = HEAP_PAGE + 64 * index
        if index % 2:
            ram.words(block, block + 128 if index < 63 else 0, 0)
        else:
            ram.words(block + 8, header(1, index % 3, 16))
    ram.words(found.place("freebuckets") + 8, HEAP_PAGE + 64)
    ram.data[found.place("nmalloc") + 4:found.place("nmalloc") + 8] = struct.pack("<I", 32)
    ram.words(LARGE + 8, header(8, 2, 16))


def header(bucket, owner, padding):
    return owner << 56 | bucket << 48 | 0xEF << 32 | padding


def test_threads_their_states_and_when_they_wake(guest):
    threads = guest.threads.read()
    assert [(one.number, one.name, one.state) for one in threads] == [
        (1, "first", "running"), (2, "second", "blocked"), (3, "third", "blocked"),
        (4, "fourth", "runnable")]
    assert threads[1].record.deadline_ns == 5_000_000_000 and not threads.problems
    assert threads[0].record.stack_pointer == 0, "it is on the processor"
    assert threads[2].record.stack == 0x403000 and threads[2].record.stack_bytes == 4096
    assert "until 5.000 s after boot" in repr(threads[1])


def test_numbers_stay_when_a_thread_has_gone(guest):
    assert [one.number for one in guest.threads] == [1, 2, 3, 4]
    following = 96  # of struct bmk_thread: bt_threadq
    guest.ram.words(guest.place("second") + following, guest.place("fourth"))
    assert [(one.number, one.name) for one in guest.threads] == [
        (1, "first"), (2, "second"), (4, "fourth")]


@pytest.mark.parametrize(("value", "said"), [
    (0x10_0000_0000, "which is not mapped, after 4"), ("first", "comes back to")])
def test_a_list_that_leads_nowhere_or_back(guest, value, said):
    address = value if isinstance(value, int) else guest.place(value)
    guest.ram.words(guest.place("fourth") + 96, address)
    threads = guest.threads.read()
    assert len(threads) == 4 and said in threads.problems[0]


def test_pages_and_what_they_are_for(guest):
    memory = guest.memory
    assert (memory.total_bytes, memory.free_bytes) == (1 << 20, 512 << 10)
    assert memory.pages.df.loc[7, "blocks"] == 1 and memory.pages.largest_free_bytes == 512 << 10
    usage = memory.pages.usage["bytes"]
    assert usage["free"] == 512 << 10 and usage["page allocator's own"] == PAGE
    assert usage["program's heap"] == 8192 and usage["stacks"] == 4 * PAGE
    assert int(usage.sum()) == RAM_BYTES and not memory.pages.problems


def test_blocks_by_size_and_owner(guest):
    heap = guest.memory.runtime_heap
    table = heap.df
    assert not heap.problems
    assert (table.loc[64, "used"], table.loc[64, "free"]) == (32, 32)
    assert tuple(table.loc[64, ["bmk", "rump_kernel", "program"]]) == (11, 10, 11)
    assert table.loc[8192, "program"] == 1
    blocks = guest.memory.heap.blocks()
    assert len(blocks) == 12 and blocks[-1].address == LARGE + 16
    assert all(one.size_bytes == 48 for one in blocks[:-1])


def test_books_that_are_not_true_are_said_to_be_so(guest):
    guest.ram.words(guest.place("pgalloc_usedkb"), 400)
    guest.ram.words(guest.place("freelist"), 0x999)
    guest.ram.words(guest.place("freebuckets") + 16, FIRST + 5)
    guest.ram.data[guest.place("nmalloc") + 4] = 31
    text = repr(guest.memory.pages) + repr(guest.memory.runtime_heap)
    for said in ("its bitmap has 512 KiB free, its counter 624",
                 "free blocks of 4096 bytes leads to 0x999",
                 "free blocks of 128 bytes leads to 0x401005",
                 "32 blocks of 64 bytes are in use, its counter says 31"):
        assert said in text
    guest.ram.words(guest.place("maxpage_addr"), 1 << 40)
    with pytest.raises(GuestError, match="says it manages"):
        repr(guest.memory.pages)


def test_addresses_are_what_they_are_but_for_the_first_page(guest):
    memory = memory_of(guest)
    assert memory.translate(0x1000) == 0x1000 and memory.translate(RAM_BYTES - 1)
    assert memory.translate(0xFFF) is memory.translate(RAM_BYTES) is memory.translate(-1) is None
    assert memory.read_virtual(BITMAP, 4) == b"\xff" * 4
    with pytest.raises(GuestError) as caught:
        memory.read_virtual(RAM_BYTES - 4, 8)
    assert caught.value.address == RAM_BYTES
