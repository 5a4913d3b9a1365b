"""inspect/panics/panic.py: records written by C from lab_abi.h, names and lines of a real image."""

import subprocess
from pathlib import Path

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.boot.abi import PanicKind
from kernel_magics.errors import GuestError
from kernel_magics.inspect.panics.panic import decode_panic, make_report
from kernel_magics.inspect.stacks.backtrace import frames_text, symbolise
from kernel_magics.places import images_dir

PROGRAM = """struct list { struct list *next; int value; };
char message[] = "abc";

__attribute__((noinline)) int sum(struct list *list)
{
  int total = 0;
  while (list->value != 7) {
    total += list->value;
    list = list->next;
  }
  return total;
}

__attribute__((noinline, noreturn)) static void leave(int status)
{
  for (;;)
    message[status] = 0;
}

int main(int argc, char **argv)
{
  leave(sum(0));
}
"""


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    path = tmp_path_factory.mktemp("panic") / "panic_writer"
    subprocess.run(["gcc", "-I", str(images_dir() / "rumpkit/include"), "-o", str(path),
                    str(Path(__file__).with_name("panic_writer.c"))], check=True)

    def write(kind, *frames, vector=14, error=0, signal=11, fault=0, rsp=0, in_kernel=0):
        numbers = [int(kind), vector, error, signal, fault, rsp, in_kernel, *frames]
        return subprocess.run([str(path), *map(str, numbers)], capture_output=True,
                              check=True).stdout
    return write


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("image"), PROGRAM, "crash", first_line=2)


@pytest.fixture(scope="module")
def report(writer, image):
    def make(kind, *frames, ram_bytes=0, free_pages=0, **fields):
        return make_report(decode_panic(writer(kind, *frames, **fields)), image,
                           ram_bytes=ram_bytes, free_pages=free_pages)
    return make


@pytest.fixture(scope="module")
def loop(image):
    """An address in the middle of sum."""
    symbol = image.symbols.find("sum")
    return symbol.address + symbol.size_bytes // 2


@pytest.fixture(scope="module")
def returns(image):
    """The end of main: what the call in its last instruction would return to."""
    main = image.symbols.find("main")
    return main.address + main.size_bytes


def test_null_pointer_names_function_line_and_member_offset(report, loop, returns):
    made = report(PanicKind.NULL_DEREFERENCE, loop, returns, fault=8)
    assert made.kind == "null_dereference" and made.signal == 11
    assert (made.thread, made.thread_name) == (3, "worker")
    assert made.culprit.function == "sum" and made.culprit.file == "crash.c"
    assert made.frames[-1].function == "main"
    text = made.text()
    assert text.startswith("crash panicked: null pointer in sum (crash.c:")
    assert "thread 3 (worker): the guest's own words (8 bytes from null)" in text
    assert f"→{made.culprit.line:5} | " in text
    assert "rip" in text and f"{loop:016x}" in text


def test_excerpt_is_the_cells_own_lines(report, image, loop):
    made = report(PanicKind.NULL_DEREFERENCE, loop, fault=8)
    arrow = next(line for line in made.excerpt.splitlines() if line.startswith("→"))
    number, text = arrow[1:].split(" | ")
    assert PROGRAM.splitlines()[int(number) - 2] == text
    assert len(made.excerpt.splitlines()) == 5


def test_return_address_past_a_function_belongs_to_the_caller(report, image, loop, returns):
    made = report(PanicKind.PAGE_FAULT, loop, returns, fault=0x123456789000)
    frame = made.frames[-1]
    assert (frame.function, frame.line) == ("main", 23)
    assert frame.offset == image.symbols.find("main").size_bytes


def test_places_of_fault_addresses(report, image, loop):
    message = image.symbols.find("message").address

    def place(kind=PanicKind.PAGE_FAULT, **fields):
        return report(kind, loop, **fields).fault_place
    assert place(fault=0) == "null"
    assert place(fault=message + 1, kind=PanicKind.PROTECTION) == \
        "in message+0x1 (object, layer app)"
    assert place(fault=image.symbols.find("main").address - 1 & ~0xF | 0xF).startswith("in ")
    assert place(fault=1 << 60) == "an address that cannot exist"
    stack = 0x7000_0000_0000
    assert place(fault=stack - 24, rsp=stack) == "24 bytes below the stack pointer"
    assert place(fault=stack) == "where nothing of the image is"
    assert place(fault=stack, kind=PanicKind.STACK_OVERFLOW) == \
        f"address {stack:#x}, below the end of its stack"
    assert place(kind=PanicKind.SIGNAL) == ""


@pytest.mark.parametrize(("kind", "fields", "expected"), [
    (PanicKind.STACK_OVERFLOW, {}, ["stack overflow", "recursion", "guard page"]),
    (PanicKind.EXCEPTION, {"vector": 0}, ["divide error", "divided by zero"]),
    (PanicKind.EXCEPTION, {"vector": 13}, ["general protection fault"]),
    (PanicKind.EXCEPTION, {"vector": 6}, ["invalid opcode", "__builtin_trap"]),
    (PanicKind.EXCEPTION, {"vector": 99}, ["CPU exception 99"]),
    (PanicKind.SIGNAL, {"signal": 6}, ["killed by SIGABRT", "abort()", "assert"]),
    (PanicKind.SIGNAL, {"signal": 77}, ["killed by signal 77"]),
    (PanicKind.ASSERTION, {"in_kernel": 1}, ["an assertion of the runtime failed", "rumpkit"]),
    (PanicKind.PROTECTION, {}, ["memory protection", "string literal"]),
    (PanicKind.PAGE_FAULT, {"in_kernel": 1}, ["page fault", "The runtime itself was running"]),
    (PanicKind.NULL_DEREFERENCE, {"error": 16}, ["call of a null pointer"]),
])
def test_each_kind_is_explained(report, loop, kind, fields, expected):
    text = " ".join(report(kind, loop, **fields).text().split())
    for words in expected:
        assert words in text


def test_every_kind_of_the_abi_has_a_report(report, loop):
    for kind in PanicKind:
        made = report(kind, loop)
        assert made.title and made.explanation and made.kind == kind.name.lower()


def test_out_of_memory_says_how_much_there_was(report, loop):
    text = report(PanicKind.OUT_OF_MEMORY, loop, ram_bytes=8 << 20, free_pages=2).text()
    assert "8.0 MiB of RAM and 2 free pages" in text and "memory_mib" in text


def test_call_of_a_null_function_still_shows_the_caller(report, loop, returns):
    made = report(PanicKind.NULL_DEREFERENCE, 0, returns, error=16)
    assert made.frames[0].function == "" and made.culprit.function == "main"
    assert "nothing known here" in made.text()


def test_stack_without_any_frame_uses_the_instruction_pointer(writer, image, loop):
    record = decode_panic(writer(PanicKind.PAGE_FAULT, loop))
    record.frame_count = 0
    assert make_report(record, image).frames[0].function == "sum"


def test_frame_count_beyond_the_record_and_numbers_that_are_no_code(writer, image, loop, returns):
    record = decode_panic(writer(PanicKind.PAGE_FAULT, loop, 12345, returns, 2**64 - 1))
    record.frame_count = 2**32 - 1
    assert [frame.function for frame in make_report(record, image).frames] == ["sum", "main"]


def test_recursion_is_one_line(image, loop, returns):
    frames = symbolise([loop, *[returns] * 5000], image.symbols)
    assert len(frames) == 5001
    assert "… 5000 times" in frames_text(frames)
    assert len(frames_text(frames).splitlines()) == 2


def test_long_stack_shows_both_ends(image, loop, returns):
    frames = symbolise([loop, returns] * 500, image.symbols)
    lines = frames_text(frames).splitlines()
    assert len(lines) == 27 and lines[20] == "… 974 more"
    assert lines[0].startswith("#0 ") and lines[-1].startswith("#999 ")


def test_damaged_record(writer, loop):
    data = bytearray(writer(PanicKind.PAGE_FAULT, loop))
    with pytest.raises(GuestError, match="panic record of 100 bytes"):
        decode_panic(bytes(data[:100]))
    with pytest.raises(GuestError, match="damaged: magic 0x0"):
        decode_panic(bytes(4) + bytes(data[4:]))
    with pytest.raises(GuestError, match="kind 200"):
        decode_panic(bytes(data[:4]) + b"\xc8\0\0\0" + bytes(data[8:]))
