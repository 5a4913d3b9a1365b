"""Which lock a word is part of, by the types of variables; waits that have not ended."""

import subprocess

import pytest
from capabilities import need
from trace_rows import Guest

from kernel_magics.build.image import GuestImage
from kernel_magics.trace.lock_names import LockName, LockNames

SOURCE = """
#include <pthread.h>
#include <semaphore.h>
struct account { int number; pthread_mutex_t lock; pthread_cond_t changed; };
struct account bank[3];
pthread_rwlock_t table[2];
sem_t slots;
static pthread_mutex_t gate;
int plain;
int main(void) { return pthread_mutex_lock(&gate); }
"""
FUTEX_WAIT, ENTER = 0, 1


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    need("compiler")
    folder = tmp_path_factory.mktemp("locks")
    (folder / "locks.c").write_text(SOURCE)
    path = folder / "locks"
    subprocess.run(["gcc", "-g", "-O0", "-static", "-o", path, folder / "locks.c"], check=True)
    return GuestImage("locks", path, path, "rumpkit", (), path.stat().st_size, "", None)


@pytest.mark.parametrize(("variable", "offset", "kind", "name"), [
    ("gate", 0, "mutex", "gate"), ("gate", 4, "mutex", "gate"),
    ("bank", 8, "mutex", "bank[0].lock"), ("bank", 96 + 8 + 16, "mutex", "bank[1].lock"),
    ("bank", 8 + 40 + 4, "condition", "bank[0].changed"), ("table", 56 + 8, "rwlock", "table[1]"),
    ("slots", 0, "semaphore", "slots")])
def test_a_word_is_part_of_a_lock(image, variable, offset, kind, name):
    start = image.symbols.find(variable).address
    found = LockNames(Guest().recording(image=image)).of(start + offset)
    assert (found.kind, found.name) == (kind, name)
    assert start <= found.address <= start + offset


def test_what_is_no_lock_has_its_symbols_name(image):
    names = LockNames(Guest().recording(image=image), {0x5000: ("mutex", "heap->lock")})
    plain = image.symbols.find("plain").address
    assert names.of(plain) == LockName("", "plain", plain)
    assert names.of(image.symbols.find("bank").address).kind == ""  # a number before the lock
    assert names.of(0x5004) == ("mutex", "heap->lock", 0x5000)
    assert names.of(0x6000) == LockName("", "", 0x6000)
    assert LockNames(Guest().recording()).of(plain) == LockName("", "", plain)


def test_a_wait_that_goes_on_is_counted_one_whose_end_was_lost_is_not():
    guest = Guest()
    guest.enter("futex", 0x700, FUTEX_WAIT, thread=2)
    guest.enter("rumpuser_cv_wait", 0x900, 0x500, thread=2)
    guest.enter("futex", 0x704, FUTEX_WAIT, thread=3)  # its exit was lost
    guest.enter("rumpuser_cv_wait", 0x910, 0x500, thread=3)
    guest.after(1000).call("getpid", thread=3)
    recording = guest.recording()
    waits = recording.lock_waits
    assert waits["lock"].tolist() == [0x700, 0x900] and not waits["ended"].any()
    assert waits["waited_ns"].tolist() == [1000, 1000]
    locks = recording.locks
    assert locks.loc[0x700, ["kind", "waits", "waiting"]].tolist() == ["futex", 1, 1]
    assert 0x704 not in locks.index


def test_one_address_in_two_processes_is_two_locks():
    from test_trace_processes import Telling

    guest = Telling()
    guest.program(2, 1, "a")
    guest.forked(3, 3, 1)
    for thread in (2, 3):
        guest.call("futex", 0x700, FUTEX_WAIT, thread=thread, took=100 * thread)
        guest.call("rumpuser_mutex_enter", 0x500, thread=thread)
    locks = guest.recording().locks
    assert locks.loc[0x700, "process"].tolist() == [3, 1]
    assert locks.loc[0x700, "waited_ns"].tolist() == [300, 200]
    assert locks.loc[0x500, "taken"] == 2 and locks.loc[0x500, "process"] == 0
