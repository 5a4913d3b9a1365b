"""Programs that crash in a real guest: the report names the right function and line."""

from dataclasses import dataclass

import pytest
from capabilities import need

import kernel_magics.inspect  # noqa: F401 - gives guests their facets
from kernel_magics.errors import GuestPanic

pytestmark = pytest.mark.guest


@dataclass(frozen=True)
class Crash:
    """A program whose line with the comment HERE crashes in `function`."""

    kind: str
    function: str
    text: str
    words: tuple[str, ...] = ()
    signal: int = 11

    @property
    def line(self) -> int:
        return 1 + next(number for number, line in enumerate(self.text.splitlines())
                        if "HERE" in line)


CRASHES = {
    "null": Crash("null_dereference", "get", """
struct pair { int one, two; };
__attribute__((noinline)) int get(struct pair *pair)
{
  return pair->two;  // HERE
}
int main(int argc, char **argv)
{
  return get((struct pair *)(long)(argc - 1)) + 1;
}
""", ("null pointer in get", "4 bytes from null", "#1   main")),
    "wild": Crash("page_fault", "main", """
int main(void)
{
  volatile int *wild = (int *)0x123456789000;
  *wild = 3;  // HERE
  return 0;
}
""", ("0x123456789000", "where nothing of the image is")),
    "stack": Crash("stack_overflow", "deep", """
__attribute__((noinline)) int deep(int depth)
{
  volatile char room[1000];
  room[depth % 1000] = depth;  // HERE
  return deep(depth + 1) + room[0];
}
int main(void)
{
  return deep(0) + 1;
}
""", ("(main): stack overflow", "times", "recursion", "main  ")),
    "thread_stack": Crash("stack_overflow", "deep", """
#include <pthread.h>
__attribute__((noinline)) int deep(int depth)
{
  volatile char room[1000];
  room[depth % 1000] = depth;  // HERE
  return deep(depth + 1) + room[0];
}
static void *run(void *unused)
{
  deep(0);
  return 0;
}
int main(void)
{
  pthread_t thread;
  pthread_create(&thread, 0, run, 0);
  pthread_join(thread, 0);
  return 0;
}
""", ("stack overflow in deep", "run ")),
    "memory": Crash("out_of_memory", "main", """
#include <stdlib.h>
#include <string.h>
int main(void)
{
  for (;;)
    memset(malloc(1 << 20), 1, 1 << 20);  // HERE
}
""", ("MiB of RAM", "memory_mib=")),
    "abort": Crash("signal", "give_up", """
#include <stdlib.h>
static __attribute__((noinline)) void give_up(void)
{
  abort();  // HERE
}
int main(void)
{
  give_up();
  return 0;
}
""", ("killed by SIGABRT in give_up", "abort  ", "main  "), 6),
    "assert": Crash("signal", "main", """
#include <assert.h>
int main(int argc, char **argv)
{
  assert(argc == 77);  // HERE
  return 0;
}
""", ("killed by SIGABRT in main", "__assert_fail"), 6),
    "division": Crash("exception", "main", """
int main(int argc, char **argv)
{
  volatile int zero = 0;
  return argc / zero;  // HERE
}
""", ("divide error",), 8),
    "constant": Crash("protection", "main", """
int main(void)
{
  char *text = "abc";
  *(volatile char *)text = 'A';  // HERE
  return 0;
}
""", ("in the constants of layer app", "string literal")),
    "null_call": Crash("null_dereference", "main", """
int main(void)
{
  void (*volatile function)(void) = 0;
  function();  // HERE
  return 0;
}
""", ("call of a null pointer in main", "nothing known here", "a pointer to a function")),
    "data_run": Crash("protection", "main", """
char code[16] = { 0xc3 };
int main(void)
{
  ((void (*)(void))code)();  // HERE
  return 0;
}
""", ("in code+0x0",)),
    "trap": Crash("exception", "main", """
int main(void)
{
  __builtin_trap();  // HERE
}
""", ("invalid opcode",), 4),
    "impossible": Crash("exception", "main", """
int main(void)
{
  *(volatile int *)0x8000000000000000 = 1;  // HERE
  return 0;
}
""", ("general protection fault",)),
    "callback": Crash("null_dereference", "compare", """
#include <stdlib.h>
static int compare(const void *one, const void *other)
{
  return *(const volatile int *)(long)(*(const int *)one - 1);  // HERE
}
int main(void)
{
  int numbers[] = { 1, 1, 1, 1, 1 };
  qsort(numbers, 5, sizeof *numbers, compare);
  return numbers[0];
}
""", ("null pointer in compare", "main  ")),
}


@pytest.mark.parametrize("name", CRASHES)
def test_report_names_function_and_line(lab, name):
    need("compiler")
    crash = CRASHES[name]
    guest = lab.boot(lab.build(crash.text, name=name), memory_mib=16)
    with pytest.raises(GuestPanic) as caught:
        guest.wait(timeout=60)
    report = caught.value.report
    assert guest.state == "panicked"
    assert (report.kind, report.signal) == (crash.kind, crash.signal)
    assert (report.culprit.function, report.culprit.line) == (crash.function, crash.line)
    assert report.culprit.file == f"{name}.c"
    text = report.text()
    flowing = text + " ".join(text.split())
    for words in crash.words:
        assert words in flowing
    arrow = next(line for line in report.excerpt.splitlines() if line.startswith("→"))
    assert "HERE" in arrow
    assert repr(guest.panic) == text


def test_report_through_both_drivers(lab, driver):
    need("compiler")
    guest = lab.boot(lab.build(CRASHES["null"].text, name="null"), memory_mib=16)
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    assert guest.panic.culprit.function == "get"


def test_guest_that_did_not_panic_has_no_report(lab):
    need("compiler")
    guest = lab.boot(lab.build("int main(void) { return 7; }\n", name="fine"), memory_mib=16)
    assert guest.wait(timeout=60) == 7
    assert guest.panic is None


def test_cxx_exception_that_nobody_catches(lab):
    need("compiler")
    text = """
#include <stdexcept>
static __attribute__((noinline)) void refuse()
{
  throw std::runtime_error("no");  // HERE
}
int main()
{
  refuse();
}
"""
    guest = lab.boot(lab.build(text, name="thrower", lang="c++"), memory_mib=16)
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    assert "what():  no" in guest.console.text
    functions = [frame.function for frame in guest.panic.frames]
    assert "of type std::runtime_error: no was thrown and nothing caught it" in \
        " ".join(guest.panic.text().split())
    assert any("refuse" in name for name in functions)
    assert functions.index("abort") < next(i for i, name in enumerate(functions)
                                           if "refuse" in name)


CAUSES = {
    "freed_twice": ("""
#include <stdlib.h>
__attribute__((noinline)) static void drop(void *block) { free(block); }
int main(void)
{
  void *volatile block = malloc(64);
  drop(block);
  malloc(10);
  drop(block);
}
""", "one that was freed twice"),
    "asserted": ("""
#include <assert.h>
int main(int argc, char **argv) { assert(argc == 7 && "seven"); }
""", "An assert() failed. Assertion failed: argc == 7"),
    "smashed": ("""
#include <string.h>
__attribute__((noinline)) static int fill(int count)
{
  char room[8];
  memset(room, 'B', count);
  return room[3];
}
int main(int argc, char **argv) { return fill(63 + argc); }
""", "0x4242424242424242, which is the text \"BBBBBBBB\": its return address was overwritten"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_behind_the_fault_is_told(lab, name):
    need("compiler")
    text, words = CAUSES[name]
    guest = lab.boot(lab.build(text, name=name), memory_mib=16)
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    assert words in " ".join(guest.panic.explanation.split())


OVERWRITES_THE_RUNTIME = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *fake[64];
int main(int argc, char **argv)
{
  void **lock = (void **)strtoul(argv[1], 0, 0);
  void **current = (void **)strtoul(argv[2], 0, 0);
  for (int i = 0; i < 64; i++)
    fake[i] = *current;
  *lock = argc == 3 ? (void *)fake : (void *)0x123456789000;
  usleep(1000);  // HERE
  puts("survived");
}
"""


@pytest.mark.parametrize(("kind", "more"), [("assertion", []), ("page_fault", ["wild"])])
def test_runtime_that_fails_in_a_system_call(lab, kind, more):
    """The program, in the same address space, spoils the factions' lock and then calls."""
    need("compiler")
    image = lab.build(OVERWRITES_THE_RUNTIME, name="spoiler")
    addresses = [hex(image.symbols.find(name).address) for name in ("kern_lock", "bmk_current")]
    guest = lab.boot(image, memory_mib=16, argv=["spoiler", *addresses, *more])
    with pytest.raises(GuestPanic):
        guest.wait(timeout=60)
    report = guest.panic
    assert (report.kind, report.in_kernel) == (kind, True)
    functions = [frame.function for frame in report.frames]
    assert functions.index("rumpuser_mutex_enter") < functions.index("bmk_syscall")
    assert {"rumpuser", "kern", "sys", "bmk", "arch"} <= {frame.layer for frame in report.frames}
    assert "rumpuser/locks.c:" in report.text()
    if kind == "page_fault":
        assert functions.index("bmk_syscall") < functions.index("usleep") < functions.index("main")
        assert "HERE" in report.excerpt
        assert f"called from main (spoiler.c:{report.culprit.line})" in report.text()
