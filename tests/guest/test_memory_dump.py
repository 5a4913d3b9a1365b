"""guest.dump and lab.open_dump: whatever the guest's state, both drivers, gdb, damaged files,
and a guest that lies in its memory."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from capabilities import need
from known_guest import known_state

from kernel_magics.errors import GuestError, GuestPanic, ImageError, LabError, UsageError
from kernel_magics.inspect.dumps.dump import Dump, open_dump
from kernel_magics.inspect.memory.program import DIRECT_BASE

pytestmark = pytest.mark.guest

PROBES = ("processes", "files", "sockets", "mounts", "timers", "interrupts", "devices")
LOOKS = {**{name: (lambda dump, name=name: repr(getattr(dump, name))) for name in PROBES},
         "vars": lambda dump: repr(dump.vars), "table": lambda dump: dump.vars.df,
         "map": lambda dump: dump.memory.map, "pages": lambda dump: repr(dump.memory.pages),
         "heap": lambda dump: repr(dump.memory.heap), "leaks": lambda dump: dump.memory.leaks().df,
         "runtime heap": lambda dump: repr(dump.memory.runtime_heap)}


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A dump of known_state, and what was said of the guest while it was paused."""
    need("compiler", "qemu")
    path = tmp_path_factory.mktemp("dump") / "known.core"
    with known_state() as (_, guest):
        guest.pause()
        guest.dump(path)
        said = {name: look(guest) for name, look in LOOKS.items()
                if name not in ("table", "map", "leaks")}
    yield path, said


@pytest.fixture
def dump(dumped: tuple[Path, dict[str, str]]) -> Dump:
    return open_dump(dumped[0])


def test_what_looks_inside_a_guest_says_the_same_of_its_dump(dumped: Any, dump: Dump) -> None:
    for name, text in dumped[1].items():
        assert LOOKS[name](dump) == text, name
    assert dump.state == "paused" and dump.console_text.endswith("> ")
    assert dump.registers and dump.registers["rip"]
    assert dump.panic is None and dump.exit_status is None
    assert "paused, 32 MiB of RAM, with registers" in repr(dump)
    assert not hasattr(dump, "debugger") and "files" in dir(dump)


def test_zeroes_take_no_disk(dumped: Any) -> None:
    status = dumped[0].stat()
    assert status.st_blocks * 512 < status.st_size / 4


def test_gdb_opens_it_too(dumped: Any, dump: Dump) -> None:
    need("gdb")
    said = subprocess.run(
        ["gdb", "-q", "-batch", "-ex", "p counter", "-ex", "p *list", "-ex",
         "p kern_processes->command", str(dump.image.path), str(dumped[0])],
        capture_output=True, text=True, timeout=60, check=True)
    assert "$1 = 42" in said.stdout
    assert "number = 4" in said.stdout  # in the program's own memory
    assert '"known_state' in said.stdout  # in the runtime's


def test_it_opens_without_the_image_it_came_from(dump: Dump, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    dump._image_facts["path"] = "/nowhere/at/all.elf"
    assert str(dump.image.path).startswith(str(tmp_path))
    assert dump.vars["counter"] == 42 and len(dump.files) == 20


def test_every_state_with_both_drivers(driver: str, tmp_path: Path) -> None:
    need("compiler")
    with known_state(driver) as (lab, guest):
        dump = guest.dump(tmp_path / "running")
        assert guest.state == "running" and dump.state == "running"
        assert lab.open_dump(tmp_path / "running").vars["counter"] == 42
        guest.console.send("\n")
        assert guest.wait(timeout=60) == 0
        ended = guest.dump(tmp_path / "exited")
        assert (ended.state, ended.exit_status, ended.registers) == ("exited", 0, None)
        assert ended.vars["counter"] == 42
    with known_state(driver, "crash") as (_, guest):
        with pytest.raises(GuestPanic):
            guest.wait(timeout=60)
        dump = guest.dump(tmp_path / "panicked")
        assert dump.state == "panicked" and dump.panic.culprit.function == "crash_if_asked"
        assert dump.panic.text() == guest.panic.text()


def test_a_guest_that_dies_while_it_is_inspected_stays_readable() -> None:
    need("compiler", "qemu")
    with known_state() as (_, guest):
        files, counter = guest.files, guest.vars["counter"]
        guest.machine.stop()
        assert len(files) == 20 and counter == 42 and guest.state == "died"
        assert len(guest.memory.leaks()) == 5


def test_a_wrong_path_is_said_before_anything_is_written(tmp_path: Path) -> None:
    need("compiler", "qemu")
    with known_state() as (_, guest):
        with pytest.raises(UsageError, match="is a folder"):
            guest.dump(tmp_path)
        with pytest.raises(UsageError, match="a folder that does not exist"):
            guest.dump(tmp_path / "no" / "where")
        assert guest.state == "running" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("content", "message"), [
    (b"", "cannot be read: empty"), (b"hello", "not a 64-bit ELF file"),
    (b"\x7fELF\2\1" + bytes(100), "no dump of an x86-64 machine")])
def test_files_that_are_no_dumps(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message):
        open_dump(path)
    with pytest.raises(ImageError, match="cannot be read: No such file"):
        open_dump(tmp_path / "missing")


def test_truncated_and_damaged_dumps_are_refused_or_read(dumped: Any, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    shutil.copyfile(dumped[0], path)
    head = path.read_bytes()[:2000]
    chance = random.Random(7)
    for _ in range(40):
        changed = bytearray(head)
        for _ in range(chance.choice((1, 4, 30))):
            changed[chance.randrange(len(head))] = chance.randrange(256)
        with path.open("r+b") as stream:
            stream.write(changed)
        try:
            repr(open_dump(path).files)
        except LabError:
            continue
    with path.open("r+b") as stream:
        stream.write(head)
    for size in (path.stat().st_size - 1, 5000, 100, 63):
        os.truncate(path, size)
        with pytest.raises(ImageError):
            open_dump(path)


def poke(dump: Dump, address: int, value: int) -> None:
    at = address - DIRECT_BASE if address >= DIRECT_BASE else address
    dump.ram.mapping[at:at + 8] = value.to_bytes(8, "little")


def test_cycles_and_wild_pointers_end_and_are_reported(dump: Dump) -> None:
    process = int(dump.drgn["kern_processes"])
    member = dump.drgn["kern_processes"].next.address_
    poke(dump, member, process)
    assert len(dump.processes) == 1
    assert "the list of processes comes back" in dump.processes.problems[0]
    assert "comes back" in repr(dump.processes)
    poke(dump, member, 0)
    regions = dump.drgn["kern_processes"].vm.regions
    poke(dump, regions.next.address_, int(regions))
    assert len(dump.memory.map) and any("comes back" in one for one in dump.memory.problems)
    poke(dump, regions.next.address_, DIRECT_BASE + (1 << 45))
    assert len(dump.memory.map) and any("not mapped" in one for one in dump.memory.problems)
    slots = dump.drgn["kern_processes"].files
    poke(dump, slots.slots.address_, 8)
    assert len(dump.files) == 0 and "not mapped" in dump.files.problems[0]


def test_impossible_counts_are_not_believed(dump: Dump) -> None:
    limit = dump.drgn.variable("limit", "pages.c")
    poke(dump, limit.address_, 1 << 62)
    with pytest.raises(GuestError, match="page allocator says it manages"):
        _ = dump.memory.pages.usage
    assert len(dump.files) == 20
    header = dump.image.header_address
    table = dump.header.page_table_address
    poke(dump, table, table | 3)  # the first table is its own second, third and fourth one
    assert len(dump.memory.map)
    assert any("used twice" in one for one in dump.memory.problems)
    poke(dump, header, 0)
    with pytest.raises(GuestError, match="no lab header"):
        _ = dump.header


def test_a_guest_that_lies_anywhere_never_breaks_the_lab(dumped: Any) -> None:
    chance = random.Random(4)
    for _ in range(6):
        dump = open_dump(dumped[0])
        memory = dump.ram.mapping
        starts = [at for at in range(0x160000, 0x240000, 8)
                  if memory[at + 5:at + 8] == (DIRECT_BASE >> 40).to_bytes(3, "little")]
        for at in chance.sample(starts, 40):
            value = chance.choice((0, 1, 2**64 - 1, DIRECT_BASE + chance.randrange(1 << 25),
                                   DIRECT_BASE + (1 << 40), chance.getrandbits(64)))
            poke(dump, at, value)
        for look in LOOKS.values():
            try:
                look(dump)
            except LabError:
                continue
