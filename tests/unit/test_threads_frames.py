"""Call frame information against readelf, conclusions from code against what a file says,
and both with damaged input."""

import random
import re
import subprocess
import time
from pathlib import Path

import capstone
import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError
from kernel_magics.inspect.stacks.cfi import CallFrames
from kernel_magics.inspect.stacks.code import Code
from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError, evaluate
from kernel_magics.inspect.stacks.file_symbols import FileSymbols
from kernel_magics.inspect.stacks.stack_depth import StackDepths
from kernel_magics.inspect.stacks.unwind import REGISTER_NAMES

LIBC = Path("/lib/x86_64-linux-gnu/libc.so.6")
RSP, SAMPLED = 7, 300
PROGRAM = """#include <stdio.h>
__attribute__((noinline)) long sum(long (*of)(long), long to)
{
  long total = 0;
  for (long i = 0; i < to; i++)
    total += of(i) * of(to - i);
  return total;
}
static long square(long i) { return i * i; }
int main(int argc, char **argv)
{
  long most = sum(square, argc);
  for (char **one = argv; *one; one++)
    printf("%ld %s\\n", sum(square, most), *one);
  return most > 3;
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("frames"), PROGRAM)


def readelf_rows(path: Path) -> list[tuple[int, str, dict[str, str]]]:
    """Address, frame's end, and register → rule, of every row readelf has of a file."""
    # (its status is 1 if it warns, as it does of separate debugging files that are missing)
    said = subprocess.run(["readelf", "--debug-dump=frames-interp", str(path)], check=False,
                          capture_output=True, text=True).stdout
    rows = []
    for block in re.finditer(r"FDE .*\n   LOC +(.*)\n((?:[0-9a-f]{16} .*\n)+)", said):
        names = block[1].split()
        for line in block[2].splitlines():
            # readelf says where a register is, in one word, or that it is one: "r2 (rcx)".
            address, *words = re.sub(r" \(\w+\)", "", line).split()
            rules = dict(zip(names, words, strict=True))
            rows.append((int(address, 16), rules.pop("CFA"), rules))
    return rows


@pytest.mark.parametrize("which", ["image", "libc"])
def test_every_row_is_what_readelf_says(image, which):
    path = image.path if which == "image" else LIBC
    frames = CallFrames(path)
    rows = readelf_rows(path)
    random.Random(4).shuffle(rows)
    checked = 0
    for address, end, rules in rows[:3000]:
        found = frames.rules(address)
        assert found is not None, hex(address)
        if end != "exp":
            assert f"{REGISTER_NAMES[found.end_register]}+{found.end_offset}" == end
        for name in ("rbx", "rbp", "r12", "r15", "rsp"):
            kind, value = found.registers.get(REGISTER_NAMES.index(name), ("", 0))
            said = {"offset": f"c{value:+}" if isinstance(value, int) else "", "": "u",
                    "same": "s", "undefined": "u", "expression": "exp",
                    "value_expression": "vexp"}[kind]
            assert said == rules.get(name, "u"), (hex(address), name)
        checked += 1
    assert checked > 5


def test_code_says_what_call_frame_information_says():
    """Functions of glibc, which has the information, followed as if it had not."""
    elf = ElfFile.read(LIBC)
    symbols = FileSymbols(elf)
    frames, depths, code = CallFrames(elf), StackDepths(), Code(elf, symbols)
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    functions = [one for one in symbols.search() if one.kind == "function"]
    right = wrong = unknown = 0
    for symbol in random.Random(4).sample(functions, SAMPLED):
        start = symbol.address
        data = code.read(start, symbol.size_bytes)
        if frames.rules(start) is None:  # written in assembly
            continue
        for address, _, name, _ in disassembler.disasm_lite(data, start):
            said, found = frames.rules(address), depths.rules(data, start, address)
            if said is None or said.end_register != RSP or name == "nop":
                continue
            if found is None or found.end_register != RSP:
                unknown += 1
            elif found.end_offset == said.end_offset:
                right += 1
            else:
                wrong += 1
    assert right > 5000
    assert wrong <= right / 1000, (right, wrong)
    assert unknown <= right / 5, (right, unknown)


def test_damaged_call_frame_information_gives_no_rules_or_some(image):
    """Never another exception, and never for long."""
    elf = ElfFile.read(image.path)
    section = elf.section(".eh_frame")
    assert section is not None
    chance = random.Random(7)
    started = time.process_time()
    for _ in range(60):
        data = bytearray(elf.data)
        for _ in range(chance.randint(1, 30)):
            data[section.offset + chance.randrange(section.size)] = chance.randrange(256)
        frames = CallFrames(ElfFile(bytes(data), "damaged"))
        for address in range(section.address, section.address + 0x40000, 0x1003):
            rules = frames.rules(address)
            assert rules is None or rules.registers is not None
    assert time.process_time() - started < 20


def test_no_elf_is_said(tmp_path):
    (tmp_path / "text").write_text("not a program")
    with pytest.raises(ImageError, match="not an ELF file"):
        CallFrames(tmp_path / "text")


@pytest.mark.parametrize("expression, value", [
    (bytes([0x77, 8]), 1008),                           # breg7 8: rsp + 8
    (bytes([0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22]), 1008 + 8),
    (bytes([0x77, 0x78, 0x06]), 77),                    # what lies at rsp - 8
    (bytes([0x08, 200, 0x12, 0x22]), 400),
])
def test_expressions(expression, value):
    """The second is that of an entry of a procedure linkage table."""
    registers = {7: 1000, 16: 0x1B}
    assert evaluate(expression, registers, lambda address: 77 if address == 992 else None) == value


@pytest.mark.parametrize("expression", [
    b"", b"\x22", b"\x77", b"\x73\0", b"\xff\0", bytes([0x77, 0, 0x06]),
    bytes([0x10] + [0x80] * 11)])
def test_expressions_that_mean_nothing(expression):
    with pytest.raises(DwarfError):
        evaluate(expression, {7: 1000}, lambda address: None)


def test_numbers_are_read_as_the_specification_shows():
    """DWARF 5, tables 7.7 and 7.8 (figures of LEB128)."""
    for number, data in ((2, b"\x02"), (127, b"\x7f"), (128, b"\x80\x01"), (12857, b"\xb9\x64")):
        assert ByteReader(data).uleb() == number
    for number, data in ((2, b"\x02"), (-2, b"\x7e"), (127, b"\xff\0"), (-127, b"\x81\x7f"),
                         (-129, b"\xff\x7e")):
        assert ByteReader(data).sleb() == number
