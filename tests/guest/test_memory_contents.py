"""The memory map, the page allocator, both heaps and leaks, against known_state."""

from collections.abc import Iterator
from typing import Any

import pytest
from capabilities import need
from known_guest import known_state, until_it_waits

from kernel_magics import Lab
from kernel_magics.errors import UsageError
from kernel_magics.inspect.memory.ram import PAGE_BYTES

pytestmark = pytest.mark.guest

LEAKED, LEAKED_BYTES = 5, 3000
HEAPLESS = '#include <unistd.h>\nint main(void) { write(1, "up\\n", 3); for (;;) pause(); }'
LOSING_CPP = """
#include <cstdio>
#include <unistd.h>
struct Thing { int numbers[20]; };
Thing *volatile stale;
void lose() { for (int i = 0; i < 3; i++) { Thing *volatile lost = new Thing(); lost = nullptr; } }
int main() { lose(); stale = new Thing(); delete stale; puts("up"); fflush(stdout); pause(); }
"""


@pytest.fixture(scope="module")
def guest() -> Iterator[Any]:
    need("compiler", "qemu")
    with known_state(heap_calls=True) as (_, booted):
        booted.pause()
        yield booted


def test_the_map_has_an_owner_for_everything(guest: Any) -> None:
    table = guest.memory.map
    assert not guest.memory.problems
    own = table[table["pid"] == 1]
    assert {"guard", "stack", "heap", "shared", "anonymous"} <= set(own["kind"])
    pages = own[(own["kind"] == "anonymous") & (own["permissions"] == "r--")].iloc[0]
    assert pages["end"] - pages["start"] == 5 * PAGE_BYTES
    assert pages["resident_bytes"] == 2 * PAGE_BYTES
    shared = own[own["kind"] == "shared"].iloc[0]
    assert shared["detail"] == "/tmp/known_state/mapped + 0x0"
    assert shared["end"] - shared["start"] == 3 * PAGE_BYTES
    stacks = table[(table["kind"] == "stack")]["owner"].tolist()
    assert sum("(waiter)" in owner for owner in stacks) == 2  # its own, and the runtime's
    assert (table["end"] > table["start"]).all()


def test_the_image_is_in_the_map_by_layer(guest: Any) -> None:
    table = guest.memory.map
    for symbol, kind, layer in (("main", "text", "app"), ("counter", "data", "app"),
                                ("vfs_open", "text", "vfs"), ("puts", "text", "libc")):
        found = guest.memory.at(guest.image.symbols.find(symbol).address)
        assert (found.kind, found.owner) == (kind, layer)
    text = table[table["kind"] == "text"]
    assert set(text["permissions"]) == {"r-x"} and len(text) >= 8
    assert guest.memory.at(0x30) is None


def test_the_page_allocator_agrees_with_the_guests_counter(guest: Any) -> None:
    pages = guest.memory.pages
    assert pages.df["free_bytes"].sum() == guest.memory.free_bytes and not pages.problems
    usage = pages.usage
    assert usage["bytes"].sum() == guest.ram.size_bytes
    assert usage.loc["free", "bytes"] == guest.memory.free_bytes
    own = guest.memory.map.query("pid == 1")["resident_bytes"].sum()
    assert usage.loc["application", "bytes"] == own
    assert 0 <= pages.fragmentation < 1
    assert "largest free block" in repr(pages)


def test_memory_by_address(guest: Any) -> None:
    label = guest.image.symbols.find("label").address
    assert guest.memory.read(label, 5) == b"label" == guest.memory.read(label, 5, pid=1)
    assert label in guest.memory.search("label\0\0\0\0\0\0\0\0\0\0\0")
    assert guest.memory.translate(label) == label and guest.memory.translate(0) is None
    assert guest.memory.hexdump(label, 16).endswith("label...........")
    kept = int(guest.vars["kept"][0])
    assert guest.memory.read(kept, 1000) == b"k" * 1000
    with pytest.raises(UsageError, match="nothing to search for"):
        guest.memory.search(b"")


def test_the_heap_holds_what_the_program_allocated(guest: Any) -> None:
    sizes = sorted(guest.memory.heap.df["size_bytes"])
    item = guest.drgn.type("struct item").size
    assert sizes == [item] * 8 + [1000] * 4 + [LEAKED_BYTES] * LEAKED
    kept = int(guest.vars["kept"][2])
    block = guest.memory.heap.block_at(kept + 999)
    assert (block.address, block.size_bytes) == (kept, 1000)
    assert "17 blocks of" in repr(guest.memory.heap) and not guest.memory.heap.problems


def test_exactly_what_leaked_is_found_with_its_call_site(guest: Any) -> None:
    leaks = guest.memory.leaks()
    assert [block.size_bytes for block in leaks.blocks] == [LEAKED_BYTES] * LEAKED
    assert set(leaks.df["begins"]) == {"Z" * 16}
    (site,) = leaks.by_call_site.index
    assert site.startswith("leak_blocks (known_state.c:")
    assert leaks.by_call_site.loc[site].tolist() == [LEAKED, LEAKED * LEAKED_BYTES]


def test_who_allocated_and_who_freed(guest: Any) -> None:
    calls = guest.memory.heap.calls
    kept = calls.at(int(guest.vars["kept"][1]) + 5)
    assert kept.size_bytes == 1000 and not kept.freed
    assert "make_heap" in " ".join(kept.allocated) or "main" in kept.allocated[0]
    assert calls.df["bytes"].sum() == guest.memory.heap.df["size_bytes"].sum()
    assert calls.df["freed"].sum() == 1


def test_the_books_take_no_room_and_are_no_variable_of_the_program(lab: Lab) -> None:
    need("compiler")
    plain, booked = (lab.build(HEAPLESS, f"books_{asked}", heap_calls=asked)
                     for asked in (False, True))
    assert booked.size_bytes < plain.size_bytes + 65536
    guest = lab.boot(booked)
    guest.console.expect("up", 60)
    assert list(guest.vars) == [] and "0 allocations" in repr(guest.memory.heap.calls)


def test_the_runtimes_blocks_by_who_asked(guest: Any) -> None:
    heap = guest.memory.runtime_heap
    assert not heap.problems
    table = heap.by_caller
    assert table.loc["tcp_socket_make", "blocks"] == 3
    assert table.loc["unix_make", "blocks"] >= 3
    assert table["blocks"].sum() == heap.df["used"].sum()


def test_a_cpp_program_and_its_stale_pointer(lab: Lab) -> None:
    need("compiler")
    guest = lab.boot(lab.build(LOSING_CPP, "losing", lang="c++", heap_calls=True))
    guest.console.expect("up", 60)
    until_it_waits(guest)
    leaks = guest.memory.leaks()
    assert [block.size_bytes for block in leaks.blocks] == [80] * 3
    assert "lose" in leaks.by_call_site.index[0]
    stale = guest.memory.heap.calls.at(int(guest.vars["stale"]))
    assert stale.freed and "main" in stale.freed[0] and "main" in stale.allocated[0]


def test_without_books_and_without_a_heap_it_says_so(lab: Lab) -> None:
    need("compiler")
    guest = lab.boot(lab.build(HEAPLESS, "heapless"))
    guest.console.expect("up", 60)
    with pytest.raises(UsageError, match="has no heap that can be read"):
        guest.memory.leaks()
    with pytest.raises(UsageError, match="keeps no books"):
        _ = guest.memory.heap.calls
