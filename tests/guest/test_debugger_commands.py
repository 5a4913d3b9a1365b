"""gdb's commands that print, and breakpoints in optimised code; one guest of an -O2 build."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import UsageError

pytestmark = pytest.mark.guest

OPTIMISED = r"""#include <stdio.h>
struct flags { unsigned ready : 1; int level : 5; long big; };
struct flags flags = { 1, -3, 0x1234 };
struct ops { int (*run)(int); } ops;
long double wide = 1.5L;
double _Complex pair = 1;
int table[4] = { 1, -1, 3, 4 };
_Thread_local int mine = 5;
volatile int work;
static int square(int n)
{
	int result = n * n;
	work += result;
	return result;
}
static inline int twice(int n)
{
	work++;
	return square(n) + square(n + 1);
}
__attribute__((noinline)) int outer(int n)
{
	return twice(n) + 1;
}
int main(void)
{
	int total = 0;
	ops.run = outer;
	for (int i = 0; i < 4; i++)
		total += outer(i);
	printf("total %d %p %p %p\n", total, (void *)&wide, (void *)&pair, (void *)&mine);
	printf("%d %p\n", table[work & 3], (void *)&flags);
	fflush(stdout);
	return getchar();
}
"""


@pytest.fixture(scope="module")
def debugger() -> Iterator[Any]:
    """It stands where square was put into outer, at its second call."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        image = lab.build(OPTIMISED, name="optimised", cflags="-O2")
        found = lab.boot(image, paused=True).debugger
        found.break_at("square", ignore=1)
        found.cont(timeout=60)
        yield found


def test_a_breakpoint_at_an_inlined_function_stops_in_each_caller(debugger: Any) -> None:
    place = debugger.breakpoints[0]
    assert len(place.places) == 2 and "outer at optimised.c" in place.where
    frames = [frame.function for frame in debugger.backtrace()][:4]
    assert frames == ["square", "twice", "outer", "main"]
    assert [frame.is_inlined for frame in debugger.backtrace()][:3] == [True, True, False]
    assert debugger.breakpoints[0].hits == 2


@pytest.mark.parametrize(("command", "text"), [
    ("p/x flags.big", "0x1234"), ("p/t table[2]", "0b11"), ("p/x table[1]", "0xffffffff"),
    ("p/d 0x10", "16"), ("p/c 97", "97 'a'"), ("p/o 8", "0o10"),
    ("p table[1]@2", "(int [2]){ -1, 3 }"),
    ("p/x table", "(int [4]){ 0x1, -0x1, 0x3, 0x4 }"),
    ("whatis flags", "struct flags"), ("whatis &flags", "struct flags *"),
    ("ptype struct flags", "struct flags, 16 bytes; offset and member:\n"
     "        0 bit 0, 1 wide  unsigned int ready\n"
     "        0 bit 1, 5 wide  int level\n"
     "                      8  long big"),
    ("info line outer", "outer at optimised.c:"),
    ("info symbol ops.run", ": outer at optimised.c:"),
    ("p/a ops.run", "<outer at optimised.c:"), ("disassemble main", "main"),
    ("info registers rip", "1"), ("thread 2", "outer"), ("info args", "result = ")])
def test_what_a_command_prints(debugger: Any, command: str, text: str) -> None:
    shown = repr(debugger.command(command))
    assert text.replace(" ", "") in shown.replace(" ", "")


@pytest.mark.parametrize(("command", "message"), [
    ("p/q 1", "no format is called /q"), ("p/x \"a\"", "format /x is one of numbers"),
    ("p 1@2", "no stretch of memory"), ("p table[0]@0", "no stretch of memory"),
    ("ptype", "the type of something"), ("ptype struct flag", "flag"),
    ("info symbol 1.5", "is no address"), ("condition 9 1", "no breakpoint 9"),
    ("condition 1 (", "not an expression"), ("ignore 1 x", "not a number"),
    ("catch signal", "cannot catch signal"), ("display work", "no debugger command 'display'"),
    ("p wide", "cannot be read")])
def test_mistakes_are_one_message(debugger: Any, command: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        found = debugger.command(command)
        raise UsageError(repr(found), next_step="(a value of an unreadable type says so itself)")
    assert message in str(error.value)


def test_a_condition_and_a_count_are_changed(debugger: Any) -> None:
    assert debugger.command("condition 1 n == 3").condition == "n == 3"
    assert debugger.command("ignore 1 1").ignore == 1
    assert debugger.command("condition 1").condition is None
    assert debugger.ignore(1, 0).ignore == 0


def test_what_cannot_be_read_does_not_hide_the_rest(debugger: Any) -> None:
    variables = debugger.guest.vars
    assert "cannot be read" in repr(variables["wide"]) and "work = (" in repr(variables)
    assert "unsigned char [16]" in repr(variables["pair"])
    assert {"wide", "flags", "table"} <= set(variables.df.index)


def test_a_thread_that_waits_alone_has_its_own_variables(debugger: Any) -> None:
    debugger.remove()
    debugger.cont(wait=False)
    debugger.guest.console.expect("total", 60)
    debugger.detach()
    guest = debugger.guest
    deadline = time.monotonic() + 60
    while guest.threads[2].state != "blocked" and time.monotonic() < deadline:
        time.sleep(0.01)  # until it waits for a key
    assert guest.vars.of_thread(2)["mine"] == 5
