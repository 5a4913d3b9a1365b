"""Calls as text: arguments by name and type, descriptors, errors, what the guest lies about."""

import struct

import numpy as np
import pytest
from trace_rows import Guest

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError, UsageError
from kernel_magics.places import images_dir
from kernel_magics.trace.calls.constants import error_name, flags
from kernel_magics.trace.calls.coverage import STUBS, hypercall_table
from kernel_magics.trace.calls.descriptors import address_text
from kernel_magics.trace.calls.hypercalls import HYPERCALLS
from kernel_magics.trace.plan import TracePlan

AT_FDCWD = 2**64 - 100
PEER = struct.pack("<H", 2) + struct.pack(">H", 80) + bytes([10, 0, 2, 2]) + bytes(8)


def texts(guest: Guest) -> list[str]:
    return guest.recording().decoded().tolist()


def test_a_descriptor_is_the_path_it_was_opened_with():
    guest = Guest()
    guest.call("openat", AT_FDCWD, 0x1000, 0, 0, result=3, given=(1, b"/etc/passwd"))
    guest.call("read", 3, 0x2000, 100, result=4, taken=(1, b"root"))
    guest.call("dup2", 3, 9, result=9)
    guest.call("close", 3)
    guest.call("read", 3, 0x2000, 100, result=-9)
    guest.call("read", 9, 0x2000, 100, result=0)
    assert texts(guest) == [
        'openat(dirfd=AT_FDCWD, pathname="/etc/passwd", flags=O_RDONLY) = 3</etc/passwd>',
        'read(fd=3</etc/passwd>, buf="root", count=100) = 4',
        "dup2(oldfd=3</etc/passwd>, newfd=9) = 9</etc/passwd>",
        "close(fd=3</etc/passwd>) = 0",
        "read(fd=3, buf=8192, count=100) = -1 EBADF",
        "read(fd=9</etc/passwd>, buf=8192, count=100) = 0"]


def test_sockets_and_pipes_have_names():
    guest = Guest()
    guest.call("socket", 2, 0x80001, 0, result=4)
    guest.call("connect", 4, 0x1000, 16, given=(1, PEER))
    guest.call("pipe2", 0x1000, 0x80000, taken=(0, struct.pack("<ii", 5, 6)))
    guest.call("write", 6, 0x1000, 2, result=2, given=(1, b"\n\"")),
    assert texts(guest) == [
        "socket(domain=AF_INET, type=SOCK_STREAM|SOCK_CLOEXEC, protocol=0)"
        " = 4<socket AF_INET>",
        "connect(sockfd=4<socket AF_INET>, addr=10.0.2.2:80, addrlen=16) = 0",
        "pipe2(pipefd=[5, 6], flags=O_RDONLY|O_CLOEXEC) = 0",
        'write(fd=6<pipe of 5>, buf="\\n\\"", count=2) = 2']


def test_a_text_longer_than_a_record_is_put_together_and_a_cut_one_marked():
    guest = Guest()
    guest.call("open", 0x1000, 0, result=3, given=(0, b"/a" * 50))
    guest.call("write", 1, 0x1000, 5000, result=5000, given=(1, b"x" * 32, 5000))
    first, second = texts(guest)
    assert "/a" * 50 in first
    assert second == f'write(fd=1<stdout>, buf="{"x" * 32}"…, count=5000) = 5000'


def test_what_the_runtime_did_is_told_in_words():
    guest = Guest()
    guest.thread(2, "worker")
    guest.switch(1, 2, abi.ThreadState.BLOCKED)
    guest.instant("wakeup", 1, 0x10, 1, thread=2, detail=abi.DETAIL_IN_INTERRUPT)
    guest.instant("phase", abi.Phase.MAIN)
    guest.call("page_fault", 0x5000, 2, 0x10)
    guest.call("rumpuser_cv_timedwait", 0x100, 0x200, 1, 0, result=60)
    assert texts(guest) == [
        'thread(thread=2 "worker")', 'switch(previous=1, next=2 "worker", state=blocked)',
        "wakeup(thread=1, because=time)", "phase(phase=main)",
        "page_fault(address=0x5000, access=write, at=0x10)",
        "rumpuser_cv_timedwait(cv=0x100, mutex=0x200, seconds=1, nanoseconds=0) = 60 ETIMEDOUT"]


def test_a_part_that_was_lost_is_not_made_up():
    guest = Guest()
    guest.call("open", 0x1000, 0, result=3, given=(0, b"/" + b"a" * 90))
    del guest.rows[2]  # the middle of the path
    assert texts(guest)[0].startswith(f'open(pathname="/{"a" * 31}", ')


@pytest.mark.parametrize("seed", range(10))
def test_a_guest_that_lies_is_decoded_all_the_same(seed):
    random = np.random.default_rng(seed)
    rows = random.integers(0, 2**64, (400, 8), dtype=np.uint64)
    rows[:, 0] = np.arange(1, 401)
    rows[:, 2] = random.integers(1, 1024, 400) | random.integers(1, 6, 400) << 16 \
        | random.integers(0, 4, 400) << 24
    rows[::3, 7] = random.integers(0, 2**20, len(rows[::3]))
    guest = Guest()
    guest.rows = rows.tolist()
    recording = guest.recording()
    assert len(recording.decoded()) == len(recording.df)
    assert all(len(text) < 4000 for text in recording.decoded())
    for _, stack in recording.attached.stacks():
        assert len(stack.words) <= 400 * 5
    assert str(recording.text())


def test_names_of_errors_flags_and_addresses():
    assert (error_name(-2), error_name(5), error_name(-5000)) == ("ENOENT", "", "")
    assert flags(7, {1: "A", 2: "B"}) == "A|B|0x4"
    assert address_text(struct.pack("<H", 1) + b"/run/x\0\0") == "/run/x"
    assert address_text(struct.pack("<H", 1) + b"\0hidden") == "@hidden"
    assert address_text(struct.pack("<HHI", 10, 0x5000, 0) + bytes(15) + b"\1" + bytes(4)) \
        == "[::1]:80"
    assert address_text(b"\x02") == address_text(b"") == ""


def test_too_much_text_is_refused():
    recording = Guest().recording()
    many = recording.df.reindex(range(200_001))
    with pytest.raises(TraceError, match="too many"):
        recording.decoded(many)


def test_the_stubs_are_those_of_the_source():
    bodies = "".join(path.read_text() for path in
                     sorted((images_dir() / "rumpkit" / "rumpuser").glob("*.c")))
    found = set()
    for call in HYPERCALLS:
        begin = bodies.find(f"HYPERCALL_ENTER({call.name},")
        if begin < 0:
            continue
        lines = [line.strip() for line in bodies[begin:bodies.index("\n}", begin)].split("\n")[1:]]
        if len(lines) == 1 and lines[0] in (f"HYPERCALL_EXIT({call.name}, 0);",
                                            f"HYPERCALL_RETURN({call.name}, 0);"):
            found.add(call.name)
    assert found == STUBS


def test_every_hypercall_has_a_status():
    table = hypercall_table({"rumpuser_malloc": 3, "rumpuser_dl_bootstrap": 1})
    assert len(table) == len(HYPERCALLS)
    assert table.loc["rumpuser_malloc", ["status", "calls"]].tolist() == ["used", 3]
    assert table.loc["rumpuser_dl_bootstrap", "status"] == "stubbed"
    assert table.loc["rumpuser_bio", "status"] == "unused"


def test_a_plan_is_bits_and_digits():
    plan = TracePlan(["getppid", "switch"], stacks="switch", data_bytes=0)
    assert plan.configuration() == {
        "trace_events": "4" + "0" * 154 + "4", "trace_stacks": "4", "trace_packets": 96,
        "trace_stack": 128}
    sampled = TracePlan("off", sample_hz=1000)
    assert sampled.configuration()["trace_sample_ns"] == 1_000_000
    assert sampled.event_bits[0] == sampled.stack_bits[0] == 1 << abi.Event.SAMPLE


@pytest.mark.parametrize("wrong", [
    {"events": "nonsense"}, {"stacks": ["read", "raed"]}, {"data_bytes": 257},
    {"data_bytes": -1}, {"sample_hz": 20_001}, {"stack_words": 1.5}, {"packet_bytes": True}])
def test_a_plan_that_means_nothing_is_refused(wrong):
    with pytest.raises(UsageError):
        TracePlan(**wrong)


def test_an_older_image_is_told_what_it_can_and_refused_what_it_cannot():
    header = abi.Header(header_bytes=abi.Header.stacks.offset)
    TracePlan("syscalls").apply(header)
    assert header.enabled[8] == 2**64 - 1 and header.trace_data_bytes == 0
    with pytest.raises(TraceError, match="built before"):
        TracePlan("off", sample_hz=10).apply(header)
