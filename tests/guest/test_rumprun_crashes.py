"""Panic reports of upstream Rumprun's guests: what they say of traps, halts and resets."""

import subprocess
from pathlib import Path

import pytest
from rumprun_building import toolchain_lab

from kernel_magics.errors import GuestPanic

pytestmark = pytest.mark.guest

SOURCE = Path(__file__).parent / "rumprun_inspected" / "crashing.c"
TEXT = SOURCE.read_text()


def line(mark):
    """The line of the program with this comment."""
    return 1 + next(number for number, text in enumerate(TEXT.splitlines()) if mark in text)


lab = toolchain_lab()


@pytest.fixture(scope="module")
def image(lab):
    return lab.build(TEXT, "crashing", kit="rumprun", cflags="-O1 -g")


def crash(lab, image, how):
    """Boot a guest that crashes, and return it with its report."""
    guest = lab.boot(image, memory_mib=64, argv=["crashing", how])
    with pytest.raises(GuestPanic) as caught:
        guest.wait(60)
    report = guest.panic
    assert caught.value.report == report and guest.state == "panicked"
    return guest, report


@pytest.mark.parametrize(("how", "kind", "title", "mark"), [
    ("null", "null_dereference", "null pointer", "USED"),
    ("wild", "page_fault", "page fault", "USED"),
    ("divide", "exception", "divide error", "DIVIDED"),
    ("opcode", "exception", "invalid opcode", "__builtin_trap"),
    ("protection", "exception", "general protection fault", "USED"),
    ("call", "null_dereference", "call of a null pointer", "NOWHERE")])
def test_a_trap_is_told_from_its_place_on(lab, image, how, kind, title, mark):
    _, report = crash(lab, image, how)
    assert (report.kind, report.title) == (kind, title)
    assert report.culprit.line == line(mark) and report.culprit.file == "crashing.c"
    functions = [frame.function for frame in report.frames]
    assert functions[-4:] == ["main", "mainbouncer", "pthread__create_tramp",
                              "bmk_cpu_sched_bouncer"]
    assert report.thread_name == "crashing"
    assert "Rumprun" in report.explanation or kind == "exception"
    assert "rumpkit" not in report.full_text() and not report.details.missing
    assert len(report.threads) > 20 and "FATAL TRAP" in report.details.console
    assert "→" in report.excerpt and "rax" not in report.registers, "the handler has used it"


def test_a_null_pointer_has_its_instruction_variables_and_code(lab, image):
    _, report = crash(lab, image, "null")
    assert [one.function for one in report.frames][:3] == ["use", "third_of", "main"]
    assert report.frames[1].line == line("CALLED") and report.fault_address == 8
    assert report.fault_place == "8 bytes from null"
    assert "mov" in report.details.instruction and any("→" in one for one in report.details.code)
    assert report.registers["rip"] == report.frames[0].address


def test_a_thread_that_crashes_is_named(lab, image):
    guest, report = crash(lab, image, "thread")
    assert report.thread_name == "in_thread"
    assert [one.function for one in report.frames][:3] == ["use", "third_of", "in_thread"]
    assert guest.threads["crashing"].wait.text.startswith("the end of thread ")
    assert guest.threads["in_thread"].state == "running"
    assert guest.threads["in_thread"].backtrace()[0].function == "cpu_fattrap"


def test_the_kernel_crashes_with_what_a_program_gave_it(lab, image):
    _, report = crash(lab, image, "kernel")
    functions = [frame.function for frame in report.frames]
    assert functions[0] == "rumpns_memcpy" and "rumpns_sys_write" in functions
    assert report.in_kernel and report.culprit.line == line("WRITTEN")
    assert "called from main" in report.text()


def test_a_stack_that_overflows_is_found_in_what_is_left(lab, image):
    _, report = crash(lab, image, "stack")
    assert report.frames[0].function == "recurses" and len(report.frames) > 100
    assert "stack" in report.explanation and "… " in report.text()


def test_a_report_outlives_its_guest(lab, image, tmp_path):
    guest, report = crash(lab, image, "null")
    path = report.save(tmp_path / "null.report")
    dump = guest.dump(tmp_path / "null.core")
    guest.stop()
    again = lab.open_report(path)
    assert again.text() == report.text() and len(again.threads) == len(report.threads)
    assert dump.panic.text() == report.text() and dump.state == "panicked"


def test_a_stripped_image_has_addresses(lab, image, tmp_path):
    bare = tmp_path / "bare.elf"
    subprocess.run(["strip", "-s", "-o", bare, image.path], check=True)
    _, known = crash(lab, image, "null")
    _, report = crash(lab, lab.image(str(bare)), "null")
    assert report.title == "null pointer" and report.fault_address == 8
    addresses = [one.address for one in report.frames]
    assert addresses[0] == known.frames[0].address == report.registers["rip"]
    assert len(addresses) > 3


def test_a_guest_that_ends_well_has_no_report(lab, image):
    guest = lab.boot(image, memory_mib=64)
    assert guest.wait(60) == 0 and guest.panic is None
    assert guest.vars["zero"].object_.value_() == 0
