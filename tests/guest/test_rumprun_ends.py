"""How guests of upstream Rumprun end: exits, crashes, several programs, too little memory."""

import os
import signal

import pytest
from capabilities import need
from rumprun_building import toolchain_lab
from rumprun_programs import ENDS, FAKE, TWO

from kernel_magics.errors import GuestError, GuestPanic, GuestTimeout, UsageError

pytestmark = pytest.mark.guest


lab = toolchain_lab()


@pytest.fixture(params=["qemu", "libvirt"])
def driver(request):
    if request.param == "libvirt":
        need("libvirt")
    return request.param


@pytest.fixture(scope="module")
def ends(lab):
    return lab.build(ENDS, "ends", kit="rumprun", cflags="-Wno-infinite-recursion")


@pytest.fixture(scope="module")
def two(lab):
    """One image of two programs."""
    return lab.build(TWO, "two", kit="rumprun")


def boot(lab, image, *arguments, memory_mib=64, **spec):
    return lab.boot(image, memory_mib=memory_mib, argv=[image.name, *arguments], **spec)


@pytest.mark.parametrize(("what", "status", "state"), [
    ((), 0, "returned"), (("none", "300"), 44, "returned"), (("exit", "7"), 7, "exited"),
    (("abort",), 1, "aborted")])
def test_exit_statuses(lab, ends, what, status, state):
    guest = boot(lab, ends, *what)
    assert guest.wait(60) == status == guest.exit_status and guest.state == "exited"
    assert repr(guest) == f"guest {guest.name}: exited with status {status}"
    why = ": abort()" if state == "aborted" else ""
    assert repr(guest.programs) == f"ends  {state}, status {status}{why}"
    assert guest.end and guest.end.kind == "exit" and not guest.memory_shortage


def test_the_words_of_a_program(lab, ends):
    words = ["none", "0", 'say "a"', "back\\slash", "", "two words", "ä"]
    guest = boot(lab, ends, *words, env={"A": "it's\nso"})
    assert guest.wait(60) == 0
    for number, word in enumerate(words, 1):
        assert f"argument {number}: <{word}>" in guest.console.text
    assert "A has 7 bytes: it's\r\nso" in guest.console.text


def test_a_trap_is_told_from_an_end(lab, ends, driver):
    guest = boot(lab, ends, "null", "8", driver=driver)
    with pytest.raises(GuestPanic, match=r"page fault at 0x.*, address 0x8") as crashed:
        guest.wait(60)
    end = crashed.value.end
    assert (end.kind, end.status, end.address) == ("trap", None, 8)
    assert guest.image.symbols.at(end.place)[0].name == "rumprun_main1"
    assert guest.state == "panicked" and guest.exit_status is None
    assert guest.registers is not None and "IF" not in guest.registers.flags
    assert repr(guest.programs) == "ends  cut off"


def test_a_processor_that_resets(lab, driver):
    """Without its table of exceptions the first one is the last."""
    image = lab.build('int main(void) { struct { unsigned short size; void *at; } '
                      '__attribute__((packed)) none = { 0, 0 }; '
                      '__asm__ volatile("lidt %0; ud2" : : "m"(none)); return 0; }',
                      "resets", kit="rumprun")
    guest = lab.boot(image, memory_mib=64, driver=driver)
    with pytest.raises(GuestPanic, match=r"its processor reset: .*triple fault"):
        guest.wait(60)
    assert guest.end and guest.end.kind == "reset" and guest.state == "panicked"


def test_a_crash_that_the_machine_stays_after(lab, ends):
    guest = boot(lab, ends, "null", "8", on_panic="halt")
    with pytest.raises(GuestPanic):
        guest.wait(60)
    assert not guest.machine.has_ended() and guest.state == "panicked"
    assert guest.ram.read(ends.symbols.at(guest.end.place)[0].address, 1)
    guest.stop()
    assert guest.machine.has_ended() and guest.state == "panicked"


def test_lines_that_only_look_like_an_end(lab):
    guest = lab.boot(lab.build(FAKE, "fake", kit="rumprun"), memory_mib=64)
    assert guest.wait(60) == 6


def test_a_killed_and_a_stopped_guest(lab, ends):
    guest = boot(lab, ends, "sleep", "60")
    guest.console.expect("argument 2", timeout=60)
    with pytest.raises(GuestTimeout, match="is still running"):
        guest.wait(0.1)
    os.kill(guest.pid, signal.SIGKILL)
    with pytest.raises(GuestError, match="QEMU of ends is gone"):
        guest.wait(60)
    assert guest.state == "died" and guest.exit_status is None
    guest = boot(lab, ends, "sleep", "60")
    guest.stop()
    assert guest.state == "stopped" and repr(guest.programs) == "ends  not started"
    with pytest.raises(GuestError, match="stopped before it exited"):
        guest.wait(60)


def test_its_console_reads_nothing(lab, ends):
    guest = boot(lab, ends, "sleep", "60")
    with pytest.raises(GuestError, match="cannot be given input") as refused:
        guest.console.send("hello\n")
    assert "arguments" in refused.value.next_step
    guest.stop()


# Several programs

def test_one_after_the_other_and_side_by_side(lab, two, driver):
    guest = lab.boot(two, memory_mib=64, driver=driver,
                     rc=[{"bin": "a", "runmode": "&"}, {"bin": "b"}])
    assert guest.wait(60) == 7  # the last one's: there is no input
    assert [(one.name, one.status) for one in guest.programs] == [("a", 3), ("b", 7)]
    assert "through the pipe" in guest.console.text


def test_the_programs_an_image_was_baked_of(lab, two):
    """Without rc all of them run; arguments are the last one's."""
    guest = lab.boot(two, memory_mib=64, argv=["drain", "x"])
    assert guest.wait(60) == 7
    assert [(one.name, one.status) for one in guest.programs] == [("source", 3), ("drain", 7)]


def test_a_pipe(lab, two):
    guest = lab.boot(two, memory_mib=64, rc=[{"bin": "a", "runmode": "|"}, {"bin": "b"}])
    assert guest.wait(60) == 0 and "got 17: through the pipe" in guest.console.text
    assert [one.status for one in guest.programs] == [3, 0]


def test_fewer_and_more_than_were_baked_in(lab, two, tmp_path):
    assert lab.boot(two, memory_mib=64, rc=[{"bin": "a"}]).wait(60) == 3
    with pytest.raises(UsageError, match="rc has 3 programs, and two was baked of 2"):
        lab.boot(two, memory_mib=64, rc=[{"bin": "a"}] * 3)
    with pytest.raises(UsageError, match="no next one to pipe"):
        lab.boot(two, memory_mib=64, rc=[{"bin": "a"}, {"bin": "b", "runmode": "|"}])
    # Built elsewhere: what the programs are called is not known, how many there are is.
    path = tmp_path / "both.bin"
    path.write_bytes(two.path.read_bytes())
    guest = lab.boot(path, memory_mib=64)
    assert guest.wait(60) == 7
    assert [one.name for one in guest.programs] == ["both-1", "both-2"]


def test_an_image_without_symbols(lab, two, ends, tmp_path):
    path = tmp_path / "bare.bin"
    path.write_bytes(two.stripped_path.read_bytes())
    guest = lab.boot(path, memory_mib=64, rc=[{"bin": "a"}, {"bin": "b"}])
    assert guest.wait(60) == 7 and guest.image.kit == "rumprun"
    assert [one.status for one in guest.programs] == [3, 7]


# Memory

def test_memory_that_would_serve(lab, ends):
    guest = boot(lab, ends, "take", "40")
    assert guest.wait(60) == 9
    shortage = guest.memory_shortage
    assert shortage and shortage.block_bytes == 64 << 20
    assert repr(guest).splitlines()[1] == (
        "64 MiB of memory in one piece could not be had of its 64 MiB; give it more memory: "
        "memory_mib=128, or --memory 128")
    from kernel_magics.widgets.guests.guest import guest_html

    assert "memory_mib=128" in guest_html(guest) and "the program" in guest_html(guest)
    served = boot(lab, ends, "take", "40", memory_mib=shortage.advised_mib)
    assert served.wait(60) == 0 and not served.memory_shortage


def test_too_little_to_start_with(lab, ends):
    guest = boot(lab, ends, memory_mib=6)
    with pytest.raises(GuestPanic, match="while the rump kernel started; 32 KiB of memory") as told:
        guest.wait(60)
    assert told.value.next_step == "give it more memory: memory_mib=24, or --memory 24"
    assert boot(lab, ends, memory_mib=guest.memory_shortage.advised_mib).wait(60) == 0
    with pytest.raises(UsageError, match="does not fit into 2 MiB"):
        boot(lab, ends, memory_mib=2)


def test_a_kernel_that_waits_for_memory(lab, ends):
    guest = boot(lab, ends, memory_mib=7)
    guest.console.expect("failed to reclaim memory", timeout=60)
    with pytest.raises(GuestTimeout, match="its kernel waits for some; 24 MiB would serve"):
        guest.wait(0.2)
    guest.stop()


def test_other_kits_have_no_such_facts(lab):
    guest = lab.boot(lab.build("int main(void) { return 0; }", "own"))
    assert guest.wait(60) == 0 and guest.end is None and guest.memory_shortage is None
    with pytest.raises(GuestError, match="its programs are processes"):
        _ = guest.programs
    for asked, says in (({"nic": "e1000", "net": "user"}, "no driver for nic='e1000'"),
                        ({"disk_bus": "scsi"}, "no driver for disk_bus='scsi'"),
                        ({"blk": {"source": "dev", "path": "x"}}, "blk= is Rumprun's")):
        with pytest.raises(UsageError, match=says):
            lab.boot(guest.image, **asked)
