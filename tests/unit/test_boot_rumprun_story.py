"""What the console of a Rumprun guest tells: phases, programs, ends, memory that was short."""

import random

import pytest

from kernel_magics.boot.rumprun.shortage import MemoryShortage
from kernel_magics.boot.rumprun.story import STAGES, RumprunStory, story_of

BOOT = ("rump kernel bare metal bootstrap\n\nWARNING: Processor claims …\n"
        "Copyright (c) 1996, 1997, 1998, 1999\n    The NetBSD Foundation, Inc.\n"
        "cpu0 at thinair0: rump virtual cpu\n")
READY = BOOT + "mounted tmpfs on /tmp\n"
CALLED = READY + '\n=== calling "hello" main() ===\n\n'
HALTED = "out of argv entries\nrump kernel halting...\nsyncing disks... done\nhalted\n"


class Output:
    """A console's stream, which grows."""

    def __init__(self, text: str = "") -> None:
        self.data = text.encode()

    def since(self, position, most_bytes):
        return position, self.data[position:position + most_bytes]


def told(text, *asked, memory_mib=64):
    story = RumprunStory(Output(text.replace("\n", "\r\n")).since, memory_mib, asked)
    return story, story.look()


@pytest.mark.parametrize(("text", "status"), [
    ('\n=== main() of "hello" returned 3 ===\n\n=== ERROR: _exit(3) called ===\n', 3),
    ("\n=== _exit(0) called ===\n", 0),
    ("\n=== ERROR: _exit(-1) called ===\n", 255),
    ('\n=== main() of "hello" returned 256 ===\n', 0),
])
def test_exit_statuses(text, status):
    story, end = told(CALLED + text + HALTED, "hello")
    assert end and (end.status, end.reason, end.kind) == (status, "", "exit")
    assert [one.status for one in story.programs] == [status] and story.stage == "exit"


@pytest.mark.parametrize("text", [
    "", BOOT, CALLED, CALLED + '\n=== main() of "hello" returned 3 ===\n',
    CALLED + "halted\n",                                   # a program's own text
    CALLED + "a line that says rump kernel halting... in the middle\nhalted\n",
    CALLED + "=== _exit(0) called ===\n" + HALTED + "more\n",
    CALLED + "=== _exit(0) called ===\n" + HALTED + "more",
    CALLED + "FATAL TRAP: page fault at 0x1 (0x2)\nand on it goes\n"])
def test_a_guest_that_goes_on(text):
    assert told(text)[1] is None


def test_crashes():
    trap = told(CALLED + "no line break FATAL TRAP: page fault at 0x2e9dd0 (0x8)\n")[1]
    assert trap and (trap.kind, trap.status, trap.place, trap.address) == (
        "trap", None, 0x2e9dd0, 8)
    assert trap.reason == "page fault at 0x2e9dd0, address 0x8"
    early = told(BOOT + "FATAL TRAP: page fault at (nil) (0x20)\n")[1]
    assert early and early.place == 0 and early.reason.endswith("while the rump kernel started")
    panic = told(CALLED + 'panic: kernel diagnostic assertion "x" failed\n'
                 "rump kernel halting...\nPANIC: rumpuser panic\nhalted\n")[1]
    assert panic and (panic.kind, panic.reason) == (
        "panic", 'kernel diagnostic assertion "x" failed')
    halt = told("PANIC: command line too long\nhalted\n")[1]
    assert halt and halt.kind == "panic" and halt.reason.startswith("command line too long")
    silent = told(READY + HALTED)[1]
    assert silent and silent.kind == "halt" and "no program had ended" in silent.reason


def test_a_configuration_that_was_refused():
    story, end = told(READY + 'rumprun: failed to mount fs type "blk" from "/dev/ld0a" to "/d"\n'
                      "\n=== bootstrap failed\nrump kernel halting...\nhalted\n", "hello")
    assert end and (end.kind, end.status) == ("refused", None)
    assert end.reason == 'failed to mount fs type "blk" from "/dev/ld0a" to "/d"'
    assert [(one.name, one.state) for one in story.programs] == [("hello", "not started")]


def test_phases_begin_when_they_are_seen():
    output = Output()
    story = RumprunStory(output.since, 64)
    story.look()
    for text, stage in ((BOOT[:20], ""), (BOOT[20:33], "runtime"), (BOOT[33:], "kernel"),
                        ("mounted tmpfs on /tmp\n", "config"),
                        ('\n=== calling "x" main() ===\n', "main"),
                        ("mounted tmpfs on /tmp\n", "main"),   # a program's own text
                        ("rump kernel halting...\n", "exit")):
        output.data += text.encode()
        story.look()
        assert story.stage == stage
    times = list(story.stages.values())
    assert all(before is not None and before <= seen for before, seen in times)
    assert times == sorted(times)


def test_a_byte_at_a_time():
    output = Output()
    story = RumprunStory(output.since, 64, ("hello",))
    text = CALLED + "x\n=== ERROR: _exit(7) called ===\n" + HALTED
    for letter in text.encode():
        assert story.look() is None
        output.data += bytes([letter])
    assert story.look().status == 7


def test_a_very_long_line_and_what_is_lost():
    story, end = told(CALLED + "x" * 3_000_000 + "\n=== _exit(4) called ===\n" + HALTED)
    assert end and end.status == 4

    class Trimmed(Output):
        def since(self, position, most_bytes):
            return super().since(max(position, 100), most_bytes)

    story = RumprunStory(Trimmed(CALLED + "=== _exit(5) called ===\n" + HALTED).since, 64)
    assert story.look().status == 5


SEVERAL = READY + '\n=== calling "one" main() ===\n\n=== calling "two" main() ===\n'


@pytest.mark.parametrize(("text", "states"), [
    # exit in a thread ends the thread: the program went on.
    ('=== ERROR: _exit(5) called ===\n=== main() of "one" returned 0 ===\n',
     [("running", None)]),
    ('=== main() of "two" returned 2 ===\n=== ERROR: _exit(2) called ===\n'
     "=== ERROR: _exit(1) called ===\n", [("exited", 1), ("returned", 2)]),
    ("=== ERROR: _exit(2) called ===\n=== ERROR: _exit(1) called ===\n" + HALTED,
     [("ended", None), ("ended", None)]),
    ("=== ERROR: _exit(2) called ===\n=== ERROR: _exit(2) called ===\n" + HALTED,
     [("ended", 2), ("ended", 2)]),
])
def test_several_programs(text, states):
    if len(states) == 1:
        story, _ = told(READY + '=== calling "one" main() ===\n' + text)
        assert [(one.state, one.status) for one in story.programs] == [("returned", 0)]
        return
    story, _ = told(SEVERAL + text, "one", "two", "three")
    assert [(one.state, one.status) for one in story.programs] == [
        *states, ("not started", None)]
    assert story.programs.df.shape == (3, 4) and "three  not started" in repr(story.programs)


def test_programs_that_were_cut_off():
    story, _ = told(SEVERAL + '=== main() of "two" returned 2 ===\n', "one", "two", "three")
    assert [one.state for one in story.programs] == ["running", "returned", "not started"]
    assert [one.state for one in story.programs.cut_off()] == ["cut off", "returned",
                                                               "not started"]


def test_an_assertion_that_failed():
    said = 'assertion "x > 0" failed: file "a.c", line 19, function "main"'
    story, end = told(CALLED + f"{said}\n_lwpabort() called\n\n=== ERROR: _exit(1) called ===\n"
                      + HALTED)
    assert end and end.status == 1
    assert repr(story.programs) == f"hello  aborted, status 1: {said}"
    caught, _ = told(CALLED + f"{said}\n\n=== ERROR: _exit(1) called ===\n" + HALTED)
    assert caught.programs[0].state == "exited"  # what a program prints is no abort


def test_statuses_that_cannot_be_told_apart_end_with_the_last():
    end = told(SEVERAL + "=== ERROR: _exit(2) called ===\n=== ERROR: _exit(1) called ===\n"
               + HALTED)[1]
    assert end and end.status == 1


def test_a_console_that_claims_anything():
    many = '=== calling "x" main() ===\n' * 5000 + "cannot handle page request order 99/0x1000!\n"
    story, end = told(READY + many)
    assert end is None and len(story.programs) == 64 and story.shortage.block_bytes < 1 << 53


def test_a_console_of_rubbish():
    """Whatever comes, in whatever pieces: read to its end, without an error and in time."""
    chosen = random.Random(7)
    lines = [line + "\n" for line in (SEVERAL + HALTED).splitlines()] + [
        "=== main() of \"one\" returned 99999999999 ===\n", "=== _exit(-9999999999) called ===\n",
        "cannot handle page request order 99/0x1!\n", "FATAL TRAP: x at 0x1 (0x2)\n", "\0\n",
        "PANIC: \n", "panic: rumpuser panic\n", "halted\n", "\r\r\n", "\xff\xfe=== calling\n"]
    for _ in range(200):
        output = Output()
        story = RumprunStory(output.since, 64, ("one", "two"))
        text = "".join(chosen.choices(lines, k=30)).encode()
        damaged = bytearray(text)
        for _ in range(chosen.randrange(5)):
            damaged[chosen.randrange(len(damaged))] = chosen.randrange(256)
        while len(output.data) < len(damaged):
            output.data += damaged[len(output.data):len(output.data) + chosen.randrange(1, 80)]
            end = story.look()
            assert end is None or end.status is None or 0 <= end.status <= 255
        assert len(story.programs) <= 64 and repr(story.programs) and repr(story.shortage)
        assert list(story.stages) == sorted(story.stages, key=STAGES.index)


def test_memory_that_was_short():
    story, end = told(CALLED + "cannot handle page request order 14/0x1000!\n"
                      "FATAL TRAP: page fault at 0x2ea1db (0x0)\n")
    assert end and story.shortage and story.shortage.block_bytes == 64 << 20
    assert story.shortage.advised_mib == 128 and "--memory 128" in story.shortage.step
    assert str(story.shortage) == "64 MiB of memory in one piece could not be had of its 64 MiB"
    assert not MemoryShortage(64) and repr(MemoryShortage(64)) == "no shortage of memory"


def test_a_kernel_that_has_less_than_it_wants():
    story, _ = told("rump kernel warning: low on physical memory quota (524288 bytes)\n",
                    memory_mib=5)
    assert not story.shortage and story.shortage.is_low
    assert repr(story.shortage) == ("its 5 MiB of memory are less than its kernel wants; "
                                    "24 MiB would serve")


@pytest.mark.parametrize(("memory_mib", "order", "advised_mib"), [
    (6, 3, 24), (64, 5, 128), (48, 14, 128), (100, 15, 256), (64, 18, 2048)])
def test_memory_that_would_serve(memory_mib, order, advised_mib):
    shortage = MemoryShortage(memory_mib)
    shortage.note(order)
    assert shortage.advised_mib == advised_mib


def test_what_a_spec_says_of_the_programs():
    story = story_of(Output().since, {"memory_mib": 64, "rc": [{"bin": "a", "argv": ["a", "1"]},
                                                               {"argv": 3}, 7]})
    assert [one.name for one in story.programs] == ["a"]
    assert story_of(Output().since, {}).programs == ()
