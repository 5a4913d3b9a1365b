"""Threads of unmodified programs: glibc, its mutexes, and the files a process has mapped."""

import subprocess
import time
from pathlib import Path

import pytest
from capabilities import need
from test_threads_waiting import settled

from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "thread_programs" / "waiting.c"
PYTHON = """
import threading
one, two, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def work(first, second):
    with first:
        both.wait()
        with second:
            pass
threading.Thread(target=work, args=(one, two)).start()
threading.Thread(target=work, args=(two, one)).start()
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def lab():
    need("qemu", "compiler", "debian")
    with Lab(driver="qemu") as found:
        yield found


@pytest.fixture(scope="module")
def guest(lab, tmp_path_factory):
    program = tmp_path_factory.mktemp("packaged") / "waiting"
    subprocess.run(["gcc", "-O2", "-g", "-pthread", "-o", program, SOURCE], check=True)
    image = lab.package("libc-bin", name="waiting-glibc", argv=["/srv/waiting"],
                        files={"/srv/waiting": program})
    return settled(lab.boot(image, memory_mib=64))


def test_backtraces_go_through_the_c_library_into_the_program(guest):
    trace = next(one for one in guest.threads if one.label == "first").backtrace()
    names = [frame.function for frame in trace]
    assert names.index("arch_syscall_entry") < names.index("pthread_mutex_lock") \
        < names.index("transfer") < names.index("first")
    assert names[-1] in ("clone", "clone3")
    assert trace["pthread_mutex_lock"].module == "libc.so.6"
    assert trace["pthread_mutex_lock"].place.startswith("libc.so.6+0x")
    frame = trace["transfer"]
    assert frame.place.endswith(f"waiting.c:{_line('STUCK')}") and frame.module == "waiting"
    assert int(frame["amount"]) == 13 and frame["to"].name.text_() == "bob"


def test_waits_and_deadlocks_name_the_programs_variables(guest):
    said = {one.label: one.wait.text for one in guest.threads if one.wait}
    number = {one.label: one.number for one in guest.threads}
    assert said["first"] == f"mutex bob.lock held by thread {number['second']} (second)"
    assert said["main"] == f"the end of thread {number['first']} (first)"
    assert said["waits"] == "condition opened"
    assert said["reads"].startswith("read on fd 3 (pipe")
    assert said["looks_up"] == f"rwlock table held by thread {number['main']} (main)"
    assert said["own_lock"].endswith("held by itself")
    assert {tuple(one.label for one in deadlock.threads)
            for deadlock in guest.locks.deadlocks} == {("first", "second"), ("own_lock",)}


def test_a_stripped_interpreter(lab):
    """python3 as Debian ships it: call frame information and exported names are there."""
    image = lab.package("python3-minimal", name="python-threads",
                        argv=["python3", "-c", PYTHON])
    guest = settled(lab.boot(image))
    for thread in guest.threads:
        if thread.state != "exited" and thread.process:
            names = [frame.function for frame in thread.backtrace()]
            assert names[-1] in ("_start", "clone", "clone3"), (thread, names)
            assert any("PyEval" in name for name in names), names
    assert all(one.wait.kind in ("futex", "semaphore", "condition", "mutex")
               for one in guest.threads if one.process)
    guest.stop()


def test_a_program_that_has_said_nothing_has_begun(lab):
    guest = lab.boot(lab.package("dash", name="silent", argv=["dash", "-c", "read answer"]))
    end = time.monotonic() + 60
    while "read on fd 0" not in repr(guest.whereabouts) and time.monotonic() < end:
        time.sleep(0.02)
    (line,) = guest.whereabouts.lines
    assert "main" in line and "waits for read on fd 0" in line
    guest.stop()


def _line(mark):
    return 1 + next(number for number, text in enumerate(SOURCE.read_text().splitlines())
                    if mark in text)
