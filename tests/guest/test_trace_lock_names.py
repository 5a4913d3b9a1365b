"""Locks in traces are called as guest.locks calls them, also those waited for at the end."""

from pathlib import Path

import pytest
from capabilities import need
from test_threads_waiting import settled

from kernel_magics.lab import Lab
from kernel_magics.trace.recording import Recording

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "thread_programs" / "waiting.c"


@pytest.fixture(scope="module")
def guest():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        image = lab.build(SOURCE.read_text(), "waiting")
        yield settled(lab.boot(image, memory_mib=48,
                               trace=["hypercalls", "futex", "switch", "wakeup"]))


def test_names_are_those_of_guest_locks(guest):
    table = guest.trace.locks
    held = [one for one in guest.locks if one.waiters]
    assert {one.name for one in held} == {"bob.lock", "alice.lock", "table", "*heap"}
    for one in held:
        row = table.loc[one.address]
        assert (row["kind"], row["name"]) == (one.kind, one.name)
        assert row["waiting"] == row["waiters"] == len(one.waiters)
    assert {"slots", "kern_lock"} <= set(table["name"])
    assert table.set_index("name").loc["slots", "kind"] == "semaphore"
    own = table[table["name"].str.endswith("'s own")]
    assert len(own) and set(own["process"]) == {0}
    assert table.loc[held[0].address, "process"] == 1


def test_waits_that_go_on_are_told(guest):
    waits = guest.trace.lock_waits
    stuck = waits[waits["name"] == "bob.lock"].iloc[-1]
    assert not stuck["ended"] and stuck["kind"] == "mutex" and stuck["waited_ns"] > 0
    assert stuck["thread"] == guest.locks["bob.lock"].waiters[0].number
    assert waits["ended"].any() and waits["time_ns"].is_monotonic_increasing


def test_a_stored_trace_names_what_types_tell(guest, tmp_path):
    stored = Recording.open(guest.trace.recording.save(tmp_path / "run.trace"))
    names = set(stored.locks["name"])
    assert {"bob.lock", "alice.lock", "table", "slots"} <= names
    assert "*heap" not in names  # only the guest itself can tell
