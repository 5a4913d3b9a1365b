"""Panic reports of real guests: instruction, threads, events; opened when all else is gone."""

import shutil

import pytest
from capabilities import need

import kernel_magics.inspect  # noqa: F401 - gives guests their facets
from kernel_magics.errors import GuestPanic

pytestmark = pytest.mark.guest

PROGRAM = """
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>
struct pair { int one, two; };
__attribute__((noinline)) int get(struct pair *pair)
{
  return pair->two;  // HERE
}
static sem_t begun;
static void *wait_long(void *unused)
{
  sem_post(&begun);
  sleep(1000);
  return unused;
}
int main(int argc, char **argv)
{
  pthread_t thread;
  sem_init(&begun, 0, 0);
  pthread_create(&thread, 0, wait_long, 0);
  puts("before it");
  sem_wait(&begun);
  usleep(20000);
  return get((struct pair *)(long)(argc - 1)) + 1;
}
"""


@pytest.fixture
def report(lab, driver):
    need("compiler")
    guest = lab.boot(lab.build(PROGRAM, name="crash"), memory_mib=16, trace="syscalls")
    with pytest.raises(GuestPanic) as caught:
        guest.wait(timeout=60)
    return caught.value.report


def test_a_report_has_the_guests_last_moments_and_outlives_it(report, lab, tmp_path):
    details = report.details
    assert details.missing == ()
    assert "[rdi + 4] = 0x4" in details.instruction and "rdi = 0x0 (null)" in details.instruction
    assert "HERE" in details.excerpts[report.culprit.place]
    assert len(report.threads) == 3 and set(report.threads["state"]) >= {"blocked"}
    blocked = next(row for row in details.threads if row["state"] == "blocked")
    assert any("sys_call" in named or "sleep" in named for named in blocked["stack"])
    assert "0x0" in details.variables[0]["pair"] and details.variables[1]["argc"].endswith("1")
    assert "before it" in details.console
    events = report.events
    assert events["time_ns"].is_monotonic_increasing and len(events) > 3
    assert {"nanosleep"} <= set(events["event"])
    assert details.facts["memory_mib"] == 16 and details.facts["image"] == "crash"

    path = report.save(tmp_path / "crash.report")
    folder = lab.image("crash").path.parent
    told = report.full_text()
    lab.close()
    shutil.rmtree(folder)
    opened = lab.open_report(path)
    assert opened.full_text() == told and opened.events.equals(events)


def test_a_jump_to_nowhere_has_no_instruction(lab):
    need("compiler")
    text = "int main(void)\n{\n  void (*volatile f)(void) = 0;\n  f();\n  return 0;\n}\n"
    guest = lab.boot(lab.build(text, name="jump"), memory_mib=16)
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    assert guest.panic.details.instruction == "" and guest.panic.details.code == ()
    assert "jump.c:4" in guest.panic.full_text()


def test_a_packaged_program_is_told_by_its_own_files(lab):
    """Its code is not the image's: the stack and the registers name the files it lies in."""
    need("qemu", "debian")
    image = lab.package("dash", name="dies", argv=["dash", "-c", "kill -SEGV $$"])
    guest = lab.boot(image)
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    report = guest.panic
    assert report.frames[0].mapped_place.startswith("libc.so.6+")
    assert any(frame.place.startswith("dash+") for frame in report.frames)
    assert "in kill (libc.so.6+" in report.text().splitlines()[0]
    assert "libc.so.6" in report.details.register_notes["rip"]


def test_a_dumps_panic_has_the_same_report(lab, tmp_path):
    need("qemu", "compiler")
    guest = lab.boot(lab.build(PROGRAM, name="crash"), memory_mib=16, trace="syscalls",
                     on_panic="halt")
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    guest.dump(tmp_path / "crash.dump")
    told = lab.open_dump(tmp_path / "crash.dump").panic
    assert told == guest.panic
    assert told.details.instruction == guest.panic.details.instruction
    assert told.details.console == "" and "console" not in " ".join(told.details.missing)
    assert list(told.events["event"]) == list(guest.panic.events["event"])
