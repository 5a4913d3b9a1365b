"""image.code against objdump; names of C++; texts and targets of operands."""

import re
import subprocess

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.errors import UsageError, nearest_names
from kernel_magics.inspect.images.names import demangle, spellings
from kernel_magics.inspect.panics.alignment import explain_misalignment
from kernel_magics.inspect.panics.operands import decode_operation

PROGRAM = """#include <stdio.h>
#include <string.h>
int table[100];
__attribute__((noinline)) int twice(int x)
{
  return 2 * x + table[x];
}
__attribute__((noinline)) int loop(int n)
{
  int total = 0;
  for (int i = 0; i < n; i++)
    total += twice(i);
  return total;
}
int main(int argc, char **argv)
{
  printf("total \\"%d\\"\\n", loop(argc) + (int)strlen(argv[0]));
  return twice(argc);
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("code"), PROGRAM)


@pytest.fixture(scope="module")
def listing(image):
    """objdump's: function → [(address, bytes, mnemonic, what it points to)]."""
    said = subprocess.run(["objdump", "-dw", "-Mintel", "--insn-width=16", str(image.path)],
                          capture_output=True, text=True, check=True).stdout
    found = {}
    for line in said.splitlines():
        if head := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            found[head[1]] = rows = []
        elif row := re.match(r" +([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(\S+)(.*)$", line):
            target = re.search(r"<([^>]+)>", row[4])
            rows.append((int(row[1], 16), row[2].strip(), row[3], target[1] if target else ""))
    return found


@pytest.mark.parametrize("name", ["main", "twice", "loop", "printf", "vfprintf", "memchr"])
def test_instructions_are_objdumps(image, listing, name):
    ours = [(one.address, one.data.hex(" ")) for one in image.code(name)]
    assert ours == [row[:2] for row in listing[name]][:len(ours)]
    assert ours[-1][0] + len(ours[-1][1].split()) == \
        image.symbols.find(name).address + image.symbols.find(name).size_bytes
    for one, (_, _, _, target) in zip(image.code(name), listing[name], strict=False):
        if one.mnemonic in ("call", "jmp") and target and one.target:
            assert image.symbols.at(int(re.search("0x[0-9a-f]+", one.operands)[0], 16))
            assert one.target == target or "+" in target


def test_source_lines_stand_between(image):
    text = image.code("twice").text()
    assert "hello.c:6  return 2 * x + table[x];" in text and "<table>" in text
    assert "hello.c" not in image.code("twice").text(source=False).partition("\n")[2]
    table = image.code("main").df
    assert set(table["source"]) >= {"return twice(argc);"}
    assert r'"total \"%d\"\n"' in repr(image.code("main"))


def test_an_address_is_marked_in_its_function(image):
    main = list(image.code("main"))
    marked = [line for line in repr(image.code(main[3].address)).splitlines()
              if line.startswith("→")]
    assert len(marked) == 1 and f"{main[3].address:x}" in marked[0]


def test_a_line_of_the_source_is_marked_in_its_function(image):
    marked = next(line for line in repr(image.code("hello.c:12")).splitlines()
                  if line.startswith("→"))
    address = int(marked.split()[1], 16)
    assert image.symbols.at(address)[0].name == "loop"
    assert ("hello.c", 12) in [(one.file, one.line) for one in image.symbols.lines(address)]
    with pytest.raises(UsageError, match=r"no source file 'helo\.c'"):
        image.code("helo.c:3")
    with pytest.raises(UsageError, match="no code at line 999"):
        image.code("hello.c:999")


def test_callers_are_those_of_objdump(image, listing):
    for name in ("twice", "loop", "vfprintf", "strlen"):
        expected = {caller for caller, rows in listing.items() for _, _, mnemonic, target in rows
                    if mnemonic in ("call", "jmp") and target == name and caller != name}
        address = image.symbols.find(name).address
        known = {one.name for one in image.symbols.search() if one.address == address}
        assert {one.name for one in image.symbols.find(name).callers()} - known == expected - known


def test_what_is_no_code_is_refused(image):
    with pytest.raises(UsageError, match="table is no code"):
        image.code("table")
    with pytest.raises(UsageError, match="did you mean twice"):
        image.code("twize")
    with pytest.raises(UsageError, match="no part of the image"):
        image.code(3)
    with pytest.raises(UsageError, match=r"\.bss.*no code"):
        image.code(image.symbols.find("table").address)
    with pytest.raises(UsageError):
        image.symbols.find("table").disassemble()


def test_names_are_shown_as_the_source_has_them():
    names = ["_ZN3one3twoEi", "_ZNSt6vectorIiSaIiEE9push_backERKi", "main", "_Znot_really"]
    assert demangle(names) == {
        "_ZN3one3twoEi": "one::two(int)",
        "_ZNSt6vectorIiSaIiEE9push_backERKi":
            "std::vector<int, std::allocator<int> >::push_back(int const&)"}
    assert demangle(["main"]) == {} and demangle([]) == {}


def test_a_name_that_would_grow_without_end_stays_as_it_is():
    deep = "_Z1f" + "P" * 3000 + "i"
    grows = "_ZN" + "1aIS" * 900
    answers = demangle([deep, grows, "_ZN3one3twoEi"])
    assert all(len(answer) <= 16384 for answer in answers.values())


@pytest.mark.parametrize(("name", "short"), [
    ("one::two(int)", "one::two"),
    ("int add<int>(std::vector<int, std::allocator<int> > const&)", "add<int>"),
    ("Circle::area() const", "Circle::area"),
    ("operator new(unsigned long)", "operator new"),
    ("vtable for Circle", "vtable for Circle"),
    ("(anonymous namespace)::f()", "(anonymous namespace)::f()"),
])
def test_names_may_be_written_short(name, short):
    assert {name, short} <= spellings(name)


def test_nearest_names():
    assert nearest_names("prntf", ["printf", "vfprintf", "main"])[0] == "printf"
    assert nearest_names("MAIN", ["main"]) == ["main"]
    assert nearest_names("zzzz", ["main"]) == []


REGISTERS = {"rax": 0x10, "rdi": 0, "rsi": 0x2000, "rip": 0x1000}


@pytest.mark.parametrize(("code", "text", "values"), [
    ("8b4704", "mov eax, dword ptr [rdi + 4]", {"rdi": 0, "[rdi + 4]": 4}),
    ("488b04c6", "mov rax, qword ptr [rsi + rax*8]",
     {"rax": 0x10, "rsi": 0x2000, "[rsi + rax*8]": 0x2080}),
    ("8b0510000000", "mov eax, dword ptr [rip + 0x10]", {"[rip + 0x10]": 0x1016}),
    ("8b47fc", "mov eax, dword ptr [rdi - 4]", {"rdi": 0, "[rdi - 4]": 2**64 - 4}),
    ("0f0b", "ud2", {}),
    ("64488b042500000000", "mov rax, qword ptr fs:[0]", {"rax": 0x10}),
])
def test_operands_have_the_registers_values(code, text, values):
    made = decode_operation(bytes.fromhex(code), 0x1000, REGISTERS)
    assert (made.text, made.values) == (text, values)


def test_bytes_that_are_no_instruction():
    assert decode_operation(b"\x06", 0x1000, REGISTERS) is None
    assert decode_operation(b"", 0x1000, REGISTERS) is None


class Bytes:
    """An image's code: `data` at 0x1000."""

    def __init__(self, code):
        self.data = bytes.fromhex(code)
        self.code = self

    def read(self, address, size_bytes):
        return self.data[:size_bytes] if address == 0x1000 else b""


@pytest.mark.parametrize(("code", "registers", "told"), [
    ("0f291424", {"rsp": 0x7008}, "0x7008 is 8 past one. It is on the stack"),
    ("660f6f46f0", {"rsi": 0x7011}, "0x7001 is 1 past one. Either the pointer"),
    ("c5f82906", {"rsi": 0x7004}, "vmovaps takes an address that is a multiple of 16"),
    ("0f291424", {"rsp": 0x7010}, ""), ("0f111424", {"rsp": 0x7008}, ""),
    ("488b06", {"rsi": 0x7001}, ""), ("0f0b", {}, ""), ("06", {}, "")])
def test_a_misaligned_access_is_told_from_other_protection_faults(code, registers, told):
    text = explain_misalignment(Bytes(code), {"rip": 0x1000, **registers})
    assert told in text and bool(text) == bool(told)
    assert not explain_misalignment(Bytes(code), {"rip": 0x2000, **registers})
