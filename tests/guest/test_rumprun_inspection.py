"""What is known of a running guest of upstream Rumprun's: threads, variables, memory, files."""

import random
import re
import subprocess
import time
from pathlib import Path

import pytest
from rumprun_building import toolchain_lab

from kernel_magics.errors import GuestError, LabError, UsageError

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "rumprun_inspected" / "known.c"
TEXT = SOURCE.read_text()
NAMES = ("threads", "locks", "processes", "files", "sockets", "mounts", "timers", "interrupts",
         "devices", "memory", "vars")
LOOKS = (*((lambda dump, name=name: repr(getattr(dump, name))) for name in NAMES),
         lambda dump: dump.memory.map, lambda dump: repr(dump.memory.heap),
         lambda dump: repr(dump.memory.pages), lambda dump: repr(dump.threads.backtraces()))


def line(mark):
    """The line of the program with this comment."""
    return 1 + next(number for number, text in enumerate(TEXT.splitlines()) if mark in text)


lab = toolchain_lab()


@pytest.fixture(scope="module")
def image(lab):
    return lab.build(TEXT, "known", kit="rumprun", cflags="-O1 -g")


@pytest.fixture(scope="module")
def guest(lab, image):
    return settled(lab.boot(image, memory_mib=64, net="user", argv=["known", "one"]))


@pytest.fixture(scope="module")
def dumped(guest, tmp_path_factory):
    path = tmp_path_factory.mktemp("dump") / "known.core"
    guest.dump(path)
    return path


def settled(guest):
    """The guest once all its threads wait."""
    guest.console.expect("ready", timeout=60)
    end = time.monotonic() + 60
    while any(one.state in ("running", "runnable") for one in guest.threads):
        assert time.monotonic() < end, guest.threads
        time.sleep(0.02)
    return guest


def test_threads_say_who_they_are_and_what_they_wait_for(guest):
    threads = {one.name: one for one in guest.threads}
    said = {name: one.wait.text for name, one in threads.items() if one.wait}
    stuck, main = threads["is_stuck"], threads["known"]
    assert said["waits"] == "condition opened"
    assert said["is_stuck"] == f"mutex held held by thread {main.number} (known)"
    assert said["looks_up"] == f"rwlock table held by thread {main.number} (known)"
    assert said["reads"] == "read on fd 4 (pipe)" and said["polls"] == "poll on fd 4 (pipe)"
    assert said["accepts"] == "accept on fd 6 (socket)"
    assert re.fullmatch(r"the time to pass, until 100\d\.\d{3} s after boot", said["known"])
    assert said["isrthr"] == "an interrupt" and said["pdaemon"] == "memory to run short"
    assert stuck.process == main.process > 0 and threads["isrthr"].process == 0
    assert all(one.cpu_ns is None for one in threads.values())
    table = guest.threads.df
    assert set(threads) == set(table["name"]) and table["cpu_ns"].isna().all()
    assert list(table.index) == list(range(1, len(table) + 1))


def test_a_backtrace_goes_from_the_program_to_the_scheduler(guest):
    trace = guest.threads["reads"].backtrace()
    names = [one.function for one in trace]
    assert names[:2] == ["schedule", "bmk_sched_block"] and names[-1] == "bmk_cpu_sched_bouncer"
    way = ["rumpuser_cv_wait", "pipe_read", "rumpns_sys_read", "rump_syscall", "read", "reads"]
    assert [one for one in names if one in way] == way
    assert trace["reads"].line == line("READS") and trace["reads"].file == "known.c"
    assert trace["pipe_read"].place.startswith("sys/kern/sys_pipe.c:")
    assert {"app", "libc", "bmk", "rumpuser", "kern"} <= {one.layer for one in trace}
    deep = guest.threads["is_stuck"].backtrace()
    assert [int(one["depth"]) for one in deep if one.function == "locks"] == [0, 1, 2, 3]
    assert deep["locks"].line == line("STUCK") and "depth = (int)0" in deep.text(full=True)


def test_every_thread_can_be_followed_to_its_beginning(guest):
    for thread, trace in guest.threads.backtraces():
        assert trace[-1].function == "bmk_cpu_sched_bouncer", (thread, trace)
    groups = guest.threads.backtraces().groups
    assert len(groups[0][0]) > 2, "the threads of idle work queues are alike"
    assert guest.state == "running"


def test_locks_and_who_has_them(guest):
    locks = {one.name: one for one in guest.locks}
    assert locks["held"].holder.name == "known"
    assert [one.name for one in locks["held"].waiters] == ["is_stuck"]
    assert [one.name for one in locks["table"].waiters] == ["looks_up"]
    assert "gate" not in locks and guest.locks.deadlocks == []


def test_variables_have_their_types(guest):
    assert int(guest.vars["list"].value) == 1 and guest.vars["list"].next.next.name.text_() == \
        "three"
    assert float(guest.vars["ratio"]) == 0.25 and "listener" in guest.vars.search()
    number = guest.threads["waits"].number
    assert int(guest.vars.of_thread(number)["own_number"]) == 11
    assert int(guest.vars.of_thread(guest.threads["is_stuck"].number)["own_number"]) == 22
    assert int(guest.vars["hz"]) == int(guest.vars["rumpns_hz"]) == 100, "the rump kernel's"
    with pytest.raises(UsageError, match="no variable 'lisst'"):
        guest.vars["lisst"]


def test_memory_is_accounted_for(guest):
    memory = guest.memory
    assert 50 << 20 < memory.total_bytes <= 64 << 20 and 0 < memory.free_bytes < memory.total_bytes
    usage = memory.pages.usage
    assert int(usage["bytes"].sum()) == 64 << 20 and not memory.pages.problems
    assert usage.loc["free", "bytes"] == memory.free_bytes
    assert memory.pages.largest_free_bytes <= memory.free_bytes
    sizes = memory.runtime_heap.df
    assert not memory.runtime_heap.problems, "blocks found are as many as bmk counts"
    assert sizes.loc[1024, "program"] >= 20
    assert memory.runtime_heap.by_owner.loc["bmk", "blocks"] > 100
    place = memory.at(guest.vars["ratio"].object_.address_)
    assert place.detail == ".data" and place.permissions == "rwx"
    stack = guest.threads["reads"].record.stack_pointer
    assert memory.at(stack).kind == "stack" and "(reads)" in memory.at(stack).owner
    assert memory.search("0123456789") and memory.translate(0) is None
    for nowhere in (0, 8, 64 << 20, 1 << 40, (1 << 64) - 8):
        with pytest.raises(GuestError):
            memory.read(nowhere, 8)


def test_leaks_are_what_nothing_points_to(guest):
    heap = guest.memory.heap
    kept = int(guest.vars["kept"])
    assert any(one.address == kept and one.size_bytes >= 5000 for one in heap.blocks())
    leaks = guest.memory.leaks()
    assert kept not in set(leaks.df["address"])
    lost = leaks.df[leaks.df["begins"] == "L" * 16]
    assert len(lost) >= 18, "a copy of the last pointers may be left in a register or on a stack"
    with pytest.raises(UsageError, match="keeps no books about its heap"):
        repr(heap.calls)


def test_processes_files_sockets_and_mounts(guest):
    process = next(one for one in guest.processes if one.command == "known")
    assert guest.processes.arguments(process.pid) == ["known", "one"]
    assert {guest.threads[number].process for number in process.threads} == {process.pid}
    files = {one.descriptor: one for one in guest.files if one.pid == process.pid}
    assert (files[3].path, files[3].size_bytes, files[3].flags, files[3].kind) == \
        ("/tmp/folder/notes.txt", 10, "rw,append", "file")
    assert [files[number].kind for number in (1, 4, 5, 6)] == \
        ["terminal", "pipe", "pipe", "socket"]
    assert guest.files.find(4, process.pid).flags == "r"
    sockets = {one.descriptor: one for one in guest.sockets if one.pid == process.pid}
    assert (sockets[6].state, sockets[6].local, sockets[6].backlog) == ("listen",
                                                                       "127.0.0.1:7000", 5)
    assert (sockets[7].type, sockets[7].local) == ("datagram", "127.0.0.1:7001")
    near, far = sockets[8], sockets[9]
    assert near.state == far.state == "established" and near.local == far.remote
    assert near.receive_bytes == 5 and far.local == "127.0.0.1:7000"
    mounts = guest.mounts.df
    assert mounts.loc["/tmp", "type"] == "tmpfs" and mounts.loc["/", "type"] == "rumpfs"


def test_timers_interrupts_and_devices(guest):
    timers = guest.timers.df
    assert {"sleep", "network", "runtime"} <= set(timers["kind"])
    assert any("(known)" in owner for owner in timers["owner"])
    assert "tcp_slowtimo" in set(timers["calls"])
    assert "virtio_intr" in {one.handler for one in guest.interrupts}
    devices = guest.devices.df
    assert "vioif0" in devices.loc["virtio0", "kind"] and devices.loc["virtio0", "queues"] >= 2


def test_a_dump_has_all_of_it(lab, guest, dumped):
    dump = lab.open_dump(dumped)
    assert [repr(one) for one in dump.files] == [repr(one) for one in guest.files]
    assert {one.name for one in dump.threads} == {one.name for one in guest.threads}
    assert all(len(trace) > 3 for _, trace in dump.threads.backtraces())
    assert dump.memory.free_bytes == guest.memory.free_bytes and dump.panic is None
    told = subprocess.run(["gdb", "-batch", "-nx", "-ex", "bt", str(dump.image.path),
                           str(dumped)], capture_output=True, text=True, check=False)
    if told.returncode == 0:
        assert "bmk_sched_block" in told.stdout, told.stdout + told.stderr


def test_a_guest_that_lies_ends_no_look(lab, dumped):
    """Words of the kernel's data, of heap and stacks are changed at random in a dump."""
    chance = random.Random(5)
    for _ in range(2):
        dump = lab.open_dump(dumped)
        memory = dump.ram.mapping
        start = dump.image.symbols.find("freebuckets").address & ~0xFFFF
        for _ in range(chance.choice((30, 1000))):
            at = chance.randrange(start, start + (6 << 20), 8)
            value = chance.choice((chance.getrandbits(64), chance.randrange(start, 9 << 20, 8),
                                   0, (1 << 64) - 1))
            memory[at:at + 8] = value.to_bytes(8, "little")
        for look in LOOKS:
            try:
                look(dump)
            except LabError as error:
                assert error.message


def test_a_list_of_threads_that_never_ends(lab, dumped):
    dump = lab.open_dump(dumped)
    memory = dump.ram.mapping
    first = int(dump.drgn.variable("threadq", "libbmk_core/sched.c").tqh_first)
    following = first + dump.drgn.type("struct bmk_thread").member("bt_threadq").bit_offset // 8
    memory[following:following + 8] = first.to_bytes(8, "little")
    threads = dump.threads.read()
    assert len(threads) == 1 and "comes back to" in threads.problems[0]
    memory[following:following + 8] = (1 << 50).to_bytes(8, "little")
    assert "which is not mapped" in dump.threads.read().problems[0]


def test_images_without_debugging_information_or_symbols(lab, image, tmp_path):
    bare, nothing = tmp_path / "bare.elf", tmp_path / "nothing.elf"
    subprocess.run(["strip", "-g", "-o", bare, image.path], check=True)
    subprocess.run(["strip", "-s", "-o", nothing, image.path], check=True)
    guest = settled(lab.boot(lab.image(str(bare)), memory_mib=64, name="bare"))
    threads = guest.threads.read()
    assert "no debugging information" in threads.problems[0]
    assert {"isrthr", "main", "lwp"} <= {one.name for one in threads}
    names = [[one.function for one in thread.backtrace()] for thread in threads]
    assert any("reads" in one and "rumpns_sys_read" in one for one in names)
    assert not guest.memory.runtime_heap.problems and len(guest.memory.runtime_heap.df)
    with pytest.raises(UsageError, match="no debugging information of the rump kernel"):
        guest.files.rows()
    guest.stop()
    guest = lab.boot(lab.image(str(nothing)), memory_mib=64, name="nothing")
    guest.console.expect("ready", timeout=60)
    for look in (lambda: guest.threads.read(), lambda: guest.memory.free_bytes,
                 lambda: guest.memory.pages.df):
        with pytest.raises(GuestError, match="no symbols") as caught:
            look()
        assert "before stripping" in caught.value.next_step or "need none" in \
            caught.value.next_step
    guest.debugger.interrupt()
    assert len(guest.debugger.backtrace()) > 2
    guest.stop()
