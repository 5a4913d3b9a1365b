"""Breakpoints, steps and watchpoints in unmodified programs and their libraries."""

import json
import subprocess

import pytest
from capabilities import need

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.debugger import Debugger
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

LIBRARY = """
#include <unistd.h>
int said;
void say(const char *text, int bytes)
{
	said += bytes;
	write(1, text, bytes);
}
"""
PROGRAM = """
#include <sys/wait.h>
#include <unistd.h>
extern int said;
struct counter { int calls, last; } counter;
void say(const char *text, int bytes);
__attribute__((noinline)) static int twice(int number)
{
	counter.calls++;
	counter.last = number;  /* LAST */
	return 2 * number;
}
int main(int argc, char **argv)
{
	int found = twice(20 + argc);
	if (fork() == 0) {
		twice(7);
		execl("/srv/other", "other", (char *)0);
	}
	wait(0);
	say("done\\n", 5);  /* SAY */
	return found - 42;
}
"""
OTHER = """
void say(const char *, int);
int twice(int number) { return number; }
int main(void) { say("other\\n", 6); return twice(3); }
"""


def build(folder, name, source, *more):
    (folder / f"{name}.c").write_text(source)
    subprocess.run(["gcc", "-O1", "-g", "-fPIC", "-o", folder / name, folder / f"{name}.c",
                    *more], check=True)
    return folder / name


def line(mark):
    return 1 + next(number for number, text in enumerate(PROGRAM.splitlines()) if mark in text)


@pytest.fixture(scope="module", params=["qemu", "libvirt"])
def lab(request):
    need("qemu", "compiler", "debian", *(["libvirt"] if request.param == "libvirt" else []))
    with Lab(driver=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def image(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    library = build(folder, "libsay.so", LIBRARY, "-shared")
    links = ["-pie", f"-L{folder}", "-l:libsay.so", "-Wl,-rpath,/srv"]
    files = {f"/srv/{path.name}": path for path in (
        library, build(folder, "program", PROGRAM, *links), build(folder, "other", OTHER, *links))}
    return lab.package("libc-bin", name="debugged-glibc", argv=["/srv/program"], files=files)


@pytest.fixture
def debugger(lab, image):
    guest = lab.boot(image, memory_mib=48, paused=True)
    yield guest.debugger
    guest.stop()


def test_a_breakpoint_waits_for_its_program(debugger):
    one = debugger.break_at("program:twice")
    assert one.is_pending
    assert repr(one) == f"breakpoint 1: {one.targets[0].text}, as soon as program is mapped"
    assert debugger.breakpoints.df["address"].isna().all()
    stop = debugger.cont(timeout=60)
    assert stop.reason == "breakpoint" and stop.place.function == "twice" and not one.is_pending
    assert stop.place.module == "/srv/program" and stop.place.line
    assert int(debugger.locals["number"]) == 21 and stop.excerpt
    assert [frame.function for frame in debugger.backtrace()][:2] == ["twice", "main"]
    assert debugger.breakpoints.df["address"].iloc[0] == stop.place.address
    # The forked child stops there too, the other program has other code at that address.
    assert debugger.cont(timeout=60).thread != stop.thread
    assert int(debugger.evaluate("number")) == 7
    assert debugger.cont(timeout=60).reason == "exited"


def test_a_name_is_looked_for_in_all_files(debugger):
    debugger.break_at("twice")
    seen = []
    while (stop := debugger.cont(timeout=60)).place is not None:
        seen.append((stop.place.module_name, int(stop.evaluate("number"))))
    assert seen == [("program", 21), ("program", 7), ("other", 3)]
    assert stop.reason == "exited" and stop.status == 0


def test_lines_steps_and_calls_of_libraries(debugger):
    debugger.break_at(f"program.c:{line('SAY')}")
    stop = debugger.cont(timeout=60)
    assert (stop.place.function, stop.place.line) == ("main", line("SAY"))
    stop = debugger.step(timeout=60)  # through the linkage table, which the loader fills now
    assert (stop.place.function, stop.place.module_name) == ("say", "libsay.so")
    assert int(debugger.locals["bytes"]) == 5
    assert int(debugger.evaluate("said")) == 0
    assert debugger.until("libsay.so.c:7", timeout=60).place.line == 7
    assert int(debugger.evaluate("said")) == 5
    stop = debugger.finish(timeout=60)
    assert stop.place.function == "main"
    assert debugger.next(timeout=60).place.line > line("SAY")


def test_finish_tells_what_was_returned(debugger):
    debugger.break_at("twice", "number == 21", temporary=True)
    debugger.cont(timeout=60)
    assert len(debugger.breakpoints) == 0
    stop = debugger.finish(timeout=60)
    assert int(stop.value) == 42 and stop.note == "it returned (int)42"


def test_what_a_program_writes_is_watched_in_its_process(debugger):
    debugger.break_at("main", temporary=True)
    debugger.cont(timeout=60)
    one = debugger.watch("counter.last")
    assert one.process == 1 and "of process 1" in one.where
    stop = debugger.cont(timeout=60)
    assert stop.reason == "watchpoint" and "was (int)0, is (int)21" in stop.note
    assert stop.place.function == "twice"
    # The child writes the same address of its own.
    assert debugger.cont(timeout=60).reason == "exited"


def test_libc_is_known_by_what_it_exports(debugger):
    one = debugger.break_at("libc.so.6:write")
    stop = debugger.cont(timeout=60)
    assert stop.place.function == "write" and stop.place.module_name == "libc.so.6"
    assert stop.place.text.startswith("write at libc.so.6+0x") and one.hits == 1
    assert "called from say" in stop.note
    at = stop.place.address
    assert debugger.examine(at, 2, "i").splitlines()[0].count("write") == 1
    assert debugger.break_at(at).places[0].address == at


@pytest.mark.parametrize(("place", "said", "next_step"), [
    ("twise", "no symbol", "did you mean twice"),
    ("libsay.so:main", "no function 'main' in 'libsay.so'", "it is in "),
    ("program.c:999", "has no code at line 999", "give the line"),
    ("nowhere.c:3", "no source file", "")])
def test_places_that_are_not_there(debugger, place, said, next_step):
    with pytest.raises(UsageError) as error:
        debugger.break_at(place)
    assert said in error.value.message and next_step in error.value.next_step


def test_until_wants_what_is_mapped(debugger):
    debugger.attach()
    with pytest.raises(UsageError, match="program is not mapped by a process yet"):
        debugger.until("program:twice", timeout=60)


def test_pending_breakpoints_outlive_the_notebook(debugger):
    debugger.break_at("program:twice", "number == 7")
    guest = debugger.guest
    file = next(guest.host_files.folder.glob("debugger.json"))
    kept = json.loads(file.read_text())
    debugger.detach(resume=False)
    file.write_text(json.dumps({**kept, "process": 1}))  # a notebook's that is gone
    again = Debugger(guest)
    assert [one.is_pending for one in again.breakpoints] == [True]
    stop = again.cont(timeout=60)
    assert int(stop.evaluate("number")) == 7 and stop.place.module == "/srv/program"
    again.detach()


def test_a_stripped_package(lab):
    """sqlite3 as Debian ships it, a breakpoint in its library by name and by address."""
    image = lab.package("sqlite3", name="sqlite-debugged", argv=[
        "sqlite3", "-batch", ":memory:", "create table t(a); insert into t values (1), (2);"])
    guest = lab.boot(image, memory_mib=64, paused=True)
    debugger = guest.debugger
    debugger.command("break libsqlite3.so.0:sqlite3_step")
    stop = debugger.cont(timeout=60)
    assert stop.place.module_name == "libsqlite3.so.0.8.6" and stop.place.function == "sqlite3_step"
    stack = debugger.backtrace()
    assert [stack[0].function, stack[0].module] == ["sqlite3_step", "libsqlite3.so.0.8.6"]
    assert "__libc_start_main" in [frame.function for frame in stack]
    assert stack[-1].module == "sqlite3"
    finished = debugger.finish(timeout=60)
    assert finished.place.address == stack[1].address
    assert debugger.registers["rax"] in (100, 101)  # SQLITE_ROW, SQLITE_DONE
    assert debugger.stepi(timeout=60).place.module_name == finished.place.module_name
    debugger.remove()
    assert debugger.cont(timeout=60).reason == "exited"
