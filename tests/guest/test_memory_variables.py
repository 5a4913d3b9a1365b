"""guest.vars against known_state: types, members, lists, tables, and every mistake."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from capabilities import need
from known_guest import known_state

from kernel_magics import Lab
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.memory import GuestMemory
from kernel_magics.inspect.probes.files import Files
from kernel_magics.inspect.values.variables import GuestVariables

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def guest() -> Iterator[Any]:
    need("compiler", "qemu")
    with known_state() as (_, booted):
        yield booted


def test_plain_values(guest: Any) -> None:
    found = guest.vars
    assert found["counter"] == 42 and int(found["counter"]) == 42 and found["counter"] > 41
    assert float(found["ratio"]) == 0.375
    assert found["label"].text_() == "label"
    assert repr(found["counter"]) == "(int)42"
    assert [int(end) for end in found["pipe_ends"]] == [4, 5]


def test_structures_arrays_enumerations_unions_and_bits(guest: Any) -> None:
    table = guest.vars["table"]
    assert len(table) == 3 and table[1].at.y == -2
    assert int(table[2].low) == 5 and int(table[2].high) == 6
    assert table[0].whole == 100
    frame = table.df
    assert frame["number"].tolist() == [10, 20, 30]
    assert frame["name"].tolist() == ["ten", "twenty", "thirty"]
    assert frame["at.x"].tolist() == [1, 2, 3]
    assert frame["colour"].tolist() == ["RED", "GREEN", "BLUE"]
    assert frame["whole"].tolist() == [100, 200, 300]
    assert table[1].df.set_index("member").loc["at.y", "value"] == -2


def test_lists_end_where_they_end_or_come_back(guest: Any) -> None:
    items = guest.vars["list"].list_()
    assert [int(item.number) for item in items] == [4, 3, 2, 1, 0] and not items.problems
    assert items.df["number"].tolist() == [4, 3, 2, 1, 0]
    ring = guest.vars["ring"].list_()
    assert [int(item.number) for item in ring] == [3, 1, 2]
    assert len(ring.problems) == 1 and "comes back" in ring.problems[0]
    assert len(guest.vars["list"].list_(most=2)) == 2


def test_casts_addresses_and_the_runtimes_own(guest: Any) -> None:
    found = guest.vars
    address = int(found["list"])
    assert found.at(address, "struct item").number == 4
    assert int(found["list"].cast_("unsigned long")) == address
    assert found["kern_processes"].command.text_() == "known_state"
    assert found["known_state.c:counter"] == 42
    assert found["counter"].address_of_().value_() == guest.image.symbols.find("counter").address
    assert len(found["environ"]) == 8  # of a library without types: bytes


def store(guest: Any, name: str, value: int) -> None:
    """Change an int of the guest from outside."""
    address = guest.image.symbols.find(name).address
    word, shift = address & ~7, address % 8 * 8
    old = int.from_bytes(guest.ram.read(word, 8), "little")
    assert guest.ram.write_u64(word, old & ~(0xFFFF_FFFF << shift) | value << shift)


def test_it_follows_the_running_guest(guest: Any) -> None:
    live = guest.vars["counter"]
    kept = live.read_()
    store(guest, "counter", 43)
    assert live == 43 and kept == 42
    store(guest, "counter", 42)
    assert live == kept


def test_the_programs_variables_as_a_table_and_as_text(guest: Any) -> None:
    assert {"counter", "table", "list", "kept"} <= set(guest.vars)
    assert "counter" in guest.vars and "no such thing" not in guest.vars
    assert guest.vars.df.loc["counter", "type"] == "int"
    assert "counter = (int)42" in repr(guest.vars)
    assert "counter" in guest.vars._ipython_key_completions_()


def test_thread_local_variables_of_each_thread(guest: Any) -> None:
    names = guest.threads.df.reset_index().set_index("name")["thread"]
    assert guest.vars.of_thread(int(names["main"]))["own"] == 77
    assert guest.vars.of_thread(int(names["waiter"]))["own"] == 1
    assert "own = (int)77" in repr(guest.vars.of_thread(int(names["main"])))
    for number, message in ((999, "there is no thread 999"),
                            (int(names["timers"]), "is the runtime's")):
        with pytest.raises(UsageError, match=message):
            guest.vars.of_thread(number)
    with pytest.raises(UsageError, match="no thread-local variable"):
        guest.vars.of_thread(int(names["main"]))["counter"]


@pytest.mark.parametrize(("look", "message"), [
    (lambda found: found["conter"], "no variable 'conter' in known_state\ndid you mean counter"),
    (lambda found: found["zz_top"], "look for one"),
    (lambda found: found["main"], "main is a function"),
    (lambda found: found["own"], "own is thread-local"),
    (lambda found: found["nosuch.c:counter"], "no variable 'counter' in 'nosuch.c'"),
    (lambda found: found["table"][3], "has no element 3\nits elements are 0 to 2"),
    (lambda found: found["table"][0].nam, "no member 'nam'\ndid you mean name"),
    (lambda found: found["counter"].x, "has no members"),
    (lambda found: int(found["table"]), "is not a number"),
    (lambda found: found["list"].cast_("struct nope *"), "has no type 'struct nope \\*'"),
    (lambda found: found.at(4096, "struct nope"), "has no type 'struct nope'"),
    (lambda found: found["counter"][0], "cannot be indexed"),
])
def test_a_mistake_is_one_clear_message(guest: Any, look: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        look(guest.vars)


def test_a_wild_pointer_is_named(guest: Any) -> None:
    with pytest.raises(GuestError, match="0x700012340008 of the guest is not mapped") as caught:
        int(guest.vars["nowhere"].number)
    assert caught.value.address == 0x700012340008
    assert "not mapped" in repr(guest.vars["nowhere"].number)
    assert not hasattr(guest.vars["list"], "_repr_html_")


def test_a_stripped_image_says_what_is_lost(guest: Any, tmp_path: Path) -> None:
    bare = tmp_path / "bare.elf"
    shutil.copyfile(guest.image.stripped_path, bare)

    class Stripped:
        name, ram, header = guest.name, guest.ram, guest.header
        image = GuestImage.from_file(bare)

    subject = Stripped()
    with pytest.raises(UsageError, match="is stripped: no variable is known by name"):
        GuestVariables(subject)["counter"]
    with pytest.raises(UsageError, match="no debugging information"):
        Files(subject).rows()
    memory = GuestMemory(subject)
    assert set(memory.map["kind"]) >= {"text", "data"} and memory.problems
    assert memory.free_bytes == guest.memory.free_bytes
    with pytest.raises(UsageError, match="is stripped: where its heap is"):
        memory.leaks()


def test_an_image_read_from_a_file_means_its_own_variables_too(tmp_path: Path) -> None:
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        source = "static long used_bytes = 7, volumes = 8;\n" \
                 "int main(void) { __asm__ volatile(\"\" :: \"m\"(used_bytes), \"m\"(volumes)); }"
        path = tmp_path / "other.elf"
        path.write_bytes(lab.build(source, "names", whole=True).path.read_bytes())
        guest = lab.boot(path)
        assert guest.image.sources == () and guest.wait(60) == 0
        # The runtime has statics of these names.
        assert (guest.vars["used_bytes"], guest.vars["volumes"]) == (7, 8)
