"""Traces of packaged programs: their processes, and stacks through their libraries."""

import subprocess

import pytest
from capabilities import need

from kernel_magics.lab import Lab
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.recording import Recording

pytestmark = pytest.mark.guest

LIBRARY = """
#include <unistd.h>
void say(const char *text, int bytes) { write(1, text, bytes); __asm__ volatile(""); }
"""
PROGRAM = """
#include <sys/wait.h>
#include <unistd.h>
void say(const char *text, int bytes);
__attribute__((noinline)) static void inner(const char *text)
{
	say(text, 4);  /* HERE */
	__asm__ volatile("");
}
int main(void)
{
	if (fork() == 0) {
		inner("one\\n");
		execl("/srv/other", "other", (char *)0);
	}
	wait(0);
	inner("two\\n");
	char byte;
	while (read(0, &byte, 1) == 1 && byte != 'q')
		inner("got\\n");
	return 0;
}
"""
OTHER = 'void say(const char *, int); int main(void) { say("hey\\n", 4); return 0; }'


def build(folder, name, source, *more):
    (folder / f"{name}.c").write_text(source)
    subprocess.run(["gcc", "-O1", "-g", "-fPIC", "-o", folder / name, folder / f"{name}.c",
                    *more], check=True)
    return folder / name


@pytest.fixture(scope="module")
def lab():
    need("qemu", "compiler", "debian")
    with Lab(driver="qemu") as found:
        yield found


@pytest.fixture(scope="module")
def image(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    library = build(folder, "libsay.so", LIBRARY, "-shared")
    links = ["-pie", f"-L{folder}", "-l:libsay.so", "-Wl,-rpath,/srv"]
    files = {f"/srv/{path.name}": path for path in (
        library, build(folder, "program", PROGRAM, *links), build(folder, "other", OTHER, *links))}
    return lab.package("libc-bin", name="traced-glibc", argv=["/srv/program"], files=files)


@pytest.fixture(scope="module")
def ended(lab, image):
    guest = lab.boot(image, memory_mib=48, trace=TracePlan("syscalls", stacks="write"))
    guest.console.send("q\n")
    assert guest.wait(60) == 0
    return guest


def writes(trace):
    table = trace.df
    return table[table["event"] == "write"]


def test_stacks_go_through_libraries_into_the_program(ended, tmp_path):
    trace = ended.trace
    first, other, last = writes(trace).itertuples()
    assert (first.process, last.process) == (first.process, 1) and first.process != 1
    for row in (first, last):
        stack = trace.stack(row.sequence)
        names = [one.function for one in stack]
        assert names.index("arch_syscall_entry") < names.index("write") < names.index("say") \
            < names.index("inner") < names.index("main")
        named = {one.function: one for one in stack}
        assert (named["write"].module, named["say"].module) == ("libc.so.6", "libsay.so")
        line = 1 + next(number for number, text in enumerate(PROGRAM.splitlines())
                        if "HERE" in text)
        assert named["inner"].place.endswith(f"program.c:{line}")
        assert "libsay.so" in stack.df["module"].tolist() and "inner" in repr(stack)
    # After execve the same addresses are another program's.
    names = [(one.function, one.module) for one in trace.stack(other.sequence)]
    assert names[names.index(("say", "libsay.so")) + 1] == ("main", "other")
    stored = Recording.open(trace.recording.save(tmp_path / "run.trace"))
    assert stored.stack(other.sequence) == trace.stack(other.sequence)


def test_processes_are_told_apart(ended):
    trace = ended.trace
    assert sorted(trace.processes.names.values()) == ["other", "program"]
    child = next(pid for pid in trace.processes if pid != 1)
    assert trace.processes.title(child) == f"other ({child})"
    assert set(trace.choose("process:other")["process"]) == {child}
    assert "write" in set(trace.choose("process:program caller:write")["event"])
    assert trace.processes.parents[child][0] == 1


def test_callers_are_named_by_their_process(ended):
    trace = ended.trace
    row = next(writes(trace).itertuples())
    assert trace.symbol(row.caller, row.process).startswith("write")
    flame = trace.flame("calls")
    assert any(stack[-1] == "write" and "inner" in stack and "say" in stack
               for stack in flame.stacks)
    assert flame.layers["inner"] == "app" and flame.layers["say"] == "app"


def test_a_trace_that_is_begun_late_knows_what_was_mapped_before(lab, image):
    guest = lab.boot(image, memory_mib=48)
    guest.console.expect("two", timeout=60)
    trace = guest.trace.start("syscalls", stacks="write")
    guest.console.send("x\n")
    guest.console.expect("got", timeout=60)
    found = [one.function for one in trace.stack(int(writes(trace)["sequence"].iloc[0]))]
    assert found[-1] in ("_start", "main") or "main" in found
    assert found.index("say") < found.index("inner")
    assert set(trace.read()["process"]) == {1}
    assert trace.processes.names[1] == "program"
    guest.stop()


def test_a_stripped_package_has_files_and_beginnings_of_functions(lab):
    image = lab.package("sqlite3", name="sqlite-traced", argv=[
        "sqlite3", "-batch", "/tmp/x.db", "create table t(a); insert into t values (1);"])
    guest = lab.boot(image, memory_mib=64, trace=TracePlan("syscalls", stacks="pwrite64",
                                                         stack_words=512))
    assert guest.wait(60) == 0
    trace = guest.trace
    row = next(trace.choose("event:pwrite64").itertuples())
    stack = trace.stack(row.sequence)
    modules = [one.module for one in stack if one.module]
    assert modules.index("libc.so.6") < modules.index("libsqlite3.so.0.8.6")
    assert "sqlite3_step" in [one.function for one in stack]
    nameless = next(one for one in stack if one.module.startswith("libsqlite3")
                    and not one.function)
    assert nameless.place.startswith("libsqlite3.so.0.8.6+0x")
    assert nameless.function_offset is not None
    assert nameless.function_offset < nameless.module_offset
