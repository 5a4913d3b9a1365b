"""The guests' directory, processes, RAM and the header, without any guest."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot import abi, registry
from kernel_magics.boot.header import HeaderReader
from kernel_magics.boot.process import ProcessId, own_process
from kernel_magics.boot.ram import HIGH_ADDRESS, LOW_BYTES, MappedRam, PeekedRam
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.errors import GuestError, HostError


@pytest.fixture
def guests(monkeypatch, runtime):
    """A runtime folder of the test's own, with a short path."""
    import shutil
    folder = runtime / "own"
    monkeypatch.setenv("RUMPLAB_RUNTIME", str(folder))
    yield folder / "guests"
    shutil.rmtree(folder, ignore_errors=True)


def record(name="one", uuid="u-1", **more) -> GuestRecord:
    return GuestRecord(name=name, uuid=uuid, driver="qemu", uri="", image="/x.elf",
                       **{"owner": own_process(), **more})


def gone() -> ProcessId:
    """Return the identity of a process that has ended."""
    with subprocess.Popen(["sleep", "0"]) as child:
        identity = ProcessId.of(child.pid)
    return identity


def test_a_claimed_name_is_taken_until_its_guest_has_ended(guests):
    files, _ = registry.claim(record())
    with pytest.raises(GuestError, match="the name one is taken") as caught:
        registry.claim(record(uuid="u-2"))
    assert 'lab.stop("one")' in caught.value.next_step
    registry.update(files, "u-1", qemu=gone())
    registry.claim(record(uuid="u-2"))
    assert registry.read_record(files).uuid == "u-2"


def test_an_automatic_name_gets_a_number(guests):
    claimed = [registry.claim(record("one", f"u-{n}"), numbered=True) for n in range(3)]
    assert [found.name for _, found in claimed] == ["one", "one-2", "one-3"]
    assert [registry.read_record(files).uuid for files, _ in claimed] == ["u-0", "u-1", "u-2"]


def test_two_processes_cannot_claim_one_name(guests):
    script = (
        "from kernel_magics.boot import registry\n"
        "from kernel_magics.errors import GuestError\n"
        "import sys, time\n"
        "record = registry.GuestRecord('race', sys.argv[1], 'qemu', '', '', "
        "registry.own_process())\n"
        "try: registry.claim(record); print('claimed', flush=True); sys.stdin.read()\n"
        "except GuestError: print('taken')\n")
    racers = [subprocess.Popen([sys.executable, "-c", script, str(n)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(Path.cwd())})
              for n in range(4)]
    said = sorted(racer.stdout.readline().strip() for racer in racers)
    for racer in racers:
        racer.communicate()
    assert said == ["claimed", "taken", "taken", "taken"]


def test_what_dead_notebooks_left_is_removed_and_nothing_else(guests):
    mine, _ = registry.claim(record("mine"))
    registry.claim(record("dead", "u-2", owner=gone()))
    registry.claim(record("survived", "u-3", owner=gone(), qemu=own_process()))
    (guests / "broken").mkdir()
    (guests / "broken" / "guest.json").write_text("{")
    assert sorted(registry.clean_stale()) == ["broken", "dead"]
    assert [found.name for _, found in registry.records()] == ["mine", "survived"]
    registry.remove(mine, "another uuid")
    assert mine.folder.exists()
    registry.remove(mine, "u-1")
    assert not mine.folder.exists()


def test_a_path_too_long_for_a_socket_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("RUMPLAB_RUNTIME", str(tmp_path / ("x" * 100)))
    with pytest.raises(HostError, match="too long for a socket") as caught:
        registry.claim(record())
    assert "RUMPLAB_RUNTIME" in caught.value.next_step


def test_a_process_number_used_again_is_another_process():
    own = own_process()
    assert own.is_alive() and "python" in own.command_line()[0]
    other = ProcessId(own.pid, own.start_ticks + 1)
    assert not other.is_alive() and other.open() is None and other.wait(0)
    other.terminate()  # must not end this test


def test_waiting_for_a_process_ends_with_it_or_with_the_time():
    with subprocess.Popen(["sleep", "1000"]) as child:
        sleeper = ProcessId.of(child.pid)
        assert not sleeper.wait(0.05)
        sleeper.terminate()
        assert sleeper.wait(0) and not sleeper.is_alive()


# Its first thread ends at once, the other when its input does.
HEADLESS = r"""
#include <pthread.h>
#include <unistd.h>
static void *stay(void *unused) { char byte; while (read(0, &byte, 1) > 0); _exit(0); }
int main(void) { pthread_t thread; pthread_create(&thread, 0, stay, 0); pthread_exit(0); }
"""


def test_a_process_whose_first_thread_alone_has_ended_is_there(tmp_path):
    need("compiler")
    program = tmp_path / "headless"
    subprocess.run(["gcc", "-pthread", "-xc", "-", "-o", program], input=HEADLESS, text=True,
                   check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        found = ProcessId.of(child.pid)
        while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        assert found.is_alive() and not found.wait(0.05)
        child.stdin.close()
        assert found.wait(60) and not found.is_alive()


def test_ram_is_read_where_qemu_puts_it(tmp_path):
    ram = MappedRam(tmp_path / "ram", create_bytes=1 << 20)
    ram.view[4096:4101] = b"hello"
    assert ram.read(4096, 5) == b"hello"
    assert ram.write_u64(8, 0x0123456789ABCDEF) and ram.read(8, 2) == b"\xef\xcd"
    for address, size in ((1 << 20, 1), ((1 << 20) - 4, 5), (-1, 1), (0, -1), (HIGH_ADDRESS, 1)):
        with pytest.raises(GuestError, match="outside the guest's RAM of 1 MiB"):
            ram.read(address, size)


def test_ram_above_the_hole_continues_in_the_file(tmp_path):
    ram = MappedRam(tmp_path / "ram", create_bytes=LOW_BYTES + 4096)
    assert ram.offset(HIGH_ADDRESS, 8) == LOW_BYTES
    with pytest.raises(GuestError, match="outside"):
        ram.read(LOW_BYTES, 1)
    with pytest.raises(GuestError, match="outside"):
        ram.read(LOW_BYTES - 4, 8)


def test_peeked_ram_asks_in_pieces_and_keeps_what_it_read():
    memory = bytes(range(256)) * 1024
    asked = []

    def peek(address, size):
        if asked is None:
            raise GuestError("gone")
        asked.append(size)
        return memory[address:address + size]

    ram = PeekedRam(len(memory), peek)
    assert ram.read(10, 100_000) == memory[10:100_010]
    assert max(asked) <= PeekedRam.PEEK_BYTES
    assert ram.read(3, 5) == memory[3:8]
    asked = None
    assert ram.read(3, 5) == memory[3:8]
    with pytest.raises(GuestError, match="gone"):
        ram.read(4, 5)
    with pytest.raises(GuestError, match="outside"):
        ram.read(len(memory), 1)
    assert ram.write_u64(0, 1) is False


@pytest.fixture
def page(tmp_path):
    """A header in RAM, as a guest would have it: (its fields, a reader of it)."""
    ram = MappedRam(tmp_path / "ram", create_bytes=1 << 16)
    header = abi.Header.from_buffer(ram.mapping, 4096)
    header.magic, header.version = abi.MAGIC, abi.ABI_VERSION
    return header, HeaderReader(ram, 4096)


def test_the_header_is_read_field_by_field(page):
    header, reader = page
    header.state, header.exit_status, header.tsc_hz = abi.State.EXITED, 42, 2_500_000_000
    header.phase_tsc[abi.Phase.MAIN] = 77
    found = reader.read()
    assert (found.state, found.exit_status, found.tsc_hz) == (abi.State.EXITED, 42, 2_500_000_000)
    assert found.phase_tsc[abi.Phase.MAIN] == 77
    assert reader.phases_passed() == 1 << abi.Phase.MAIN
    assert reader.store("console_consumed", 99) and reader.read().console_consumed == 99


def test_a_damaged_header_is_said_to_be_one(page):
    header, reader = page
    header.state = 77
    assert reader.state() == abi.State.UNBORN
    header.version = 2
    with pytest.raises(GuestError, match="has version 2, this lab reads version 1"):
        reader.read()
    header.magic = 0
    assert not reader.is_loaded()
    with pytest.raises(GuestError, match="no lab header at 0x1000"):
        reader.read()


def test_files_of_a_guest_are_all_in_its_folder():
    files = GuestFiles(Path("/r/guests/x"))
    assert {path.parent for path in (files.record, files.ram, files.console_log, files.qemu_log,
                                     files.console_input, files.serial_input,
                                     files.window_bell, files.qmp_socket, files.pid)} == {
        files.folder}
