"""inspect/stacks/code.py and cfi.py against objdump and readelf; every call of a real image."""

import re
import subprocess
from itertools import pairwise

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import GuestError
from kernel_magics.inspect.stacks.cfi import CallFrames
from kernel_magics.inspect.stacks.code import INDIRECT, Code
from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects
from kernel_magics.inspect.stacks.unwind import REGISTER_NAMES, Unwinder

PROGRAM = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *one, const void *other) { return strcmp(one, other); }
__attribute__((noinline)) int chosen(int (**table)(int), int which)
{
  return table[which](which) + 1;
}
int main(int argc, char **argv)
{
  qsort(argv, argc, sizeof *argv, compare);
  printf("%d %f\\n", chosen((int (**)(int))argv, argc), strtod(argv[0], 0));
  return 0;
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("unwind"), PROGRAM)


@pytest.fixture(scope="module")
def code(image):
    return Code(ElfFile.read(image.path), image.symbols)


@pytest.fixture(scope="module")
def listing(image):
    """objdump's instructions: address, bytes, text."""
    said = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(image.path)],
                          capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^ +([0-9a-f]+):\t(.*)$", said, re.M)
    return [(int(address, 16), text) for address, text in rows]


def test_every_call_is_seen_as_what_it_is(code, listing):
    direct = indirect = 0
    for (_, text), (after, _) in pairwise(listing):
        if match := re.match(r"call +([0-9a-f]+) ", text):
            assert code.called(after) == int(match[1], 16)
            direct += 1
        elif text.startswith("call"):
            assert code.called(after) == INDIRECT, text
            indirect += 1
    assert direct > 100 and indirect > 10


def test_few_other_addresses_look_like_returns(code, listing):
    """The bytes of other instructions may spell a call; that must stay rare."""
    after_calls = {after for (_, text), (after, _) in pairwise(listing)
                   if text.startswith("call")}
    others = [address for address, _ in listing[2:] if address not in after_calls]
    wrong = [address for address in others if code.called(address) is not None]
    assert len(wrong) < len(others) / 50


def test_calls_lead_to_functions_and_through_tail_jumps(code, image, listing):
    find = image.symbols.find
    main = find("main")
    assert code.leads_to(main.address, main.address)
    assert not code.leads_to(main.address, find("qsort").address)
    starts = {symbol.address: symbol for symbol in image.symbols.search(kind="function")}
    jumps = 0
    for address, text in listing:
        match = re.match(r"jmp +([0-9a-f]+) <(\w+)>", text)
        owner = image.symbols.at(address)
        if match and int(match[1], 16) in starts and owner and owner[0].kind == "function":
            target = int(match[1], 16)
            is_short = code.read(address, 1) != b"\xe9"
            if target != owner[0].address and not is_short:
                assert code.leads_to(owner[0].address, target), text
                jumps += 1
    assert jumps > 3


def test_rules_are_those_readelf_shows(image):
    said = subprocess.run(["readelf", "--debug-dump=frames-interp", str(image.path)],
                          capture_output=True, text=True, check=True).stdout
    frames = CallFrames(image.path)
    main = image.symbols.find("main")
    block = re.search(rf"pc={main.address:016x}\.\.[0-9a-f]+\n(.*\n)"
                      r"((?:[0-9a-f]{16} .*\n)+)", said)
    rows = [row.split() for row in block[2].splitlines()]
    columns = block[1].split()
    for row in rows:
        address, end = int(row[0], 16), row[columns.index("CFA")]
        rules = frames.rules(address)
        assert f"{REGISTER_NAMES[rules.end_register]}+{rules.end_offset}" == end
        for name in ("rbp", "rbx", "r12"):
            said = row[columns.index(name)] if name in columns else "u"
            kind, offset = rules.registers.get(REGISTER_NAMES.index(name), ("", 0))
            assert said == (f"c{offset:+}" if kind == "offset" else "u"), name
    assert len(rows) >= 3
    assert frames.rules(main.address - 1) != frames.rules(main.address)
    assert frames.rules(image.symbols.find("printf").address) is None
    assert frames.rules(0) is None and frames.rules(2**64 - 1) is None


def test_walk_ends_where_nothing_is_mapped(image, code):
    def read(address, size_bytes):
        raise GuestError("not mapped")
    walker = Unwinder(CodeObjects([CodeObject.of_image(image)]), read)
    main = image.symbols.find("main").address
    for rip in (main, 0, 2**64 - 1, image.symbols.find("printf").address):
        assert walker.walk({"rip": rip, "rsp": 0x7000, "rbp": 1}) == [rip]


def test_walk_of_a_stack_that_is_garbage_ends(image, code):
    """Every word looks like the same return address: the walk goes up, and stops."""
    chosen = image.symbols.find("chosen")
    after = next(address for address in range(chosen.address, chosen.address + 100)
                 if code.called(address) == INDIRECT)

    def read(address, size_bytes):
        if not 0x10000 <= address < 0x20000:
            raise GuestError("not mapped")
        return after.to_bytes(8, "little") * (size_bytes // 8)
    walker = Unwinder(CodeObjects([CodeObject.of_image(image)]), read)
    found = walker.walk({"rip": after, "rsp": 0x10000, "rbp": 0x10010})
    assert 1 < len(found) <= 0x10000 // 8 + 1


def test_a_search_ends_where_the_known_words_end(image, code):
    """A recorded stack has some words; behind them are not 64 KiB to be looked through."""
    read = []

    def zeros(address, size_bytes):
        read.append(address)
        return bytes(size_bytes)
    objects = CodeObjects([CodeObject.of_image(image)])
    leaf = image.symbols.find("printf").address
    assert Unwinder(objects, zeros, 0x7080).walk({"rip": leaf, "rsp": 0x7000}) == [leaf]
    assert set(read) == {0x7000}
    assert Unwinder(objects, zeros).walk({"rip": leaf, "rsp": 0x7000}) == [leaf]
    assert max(read) > 0x10000
