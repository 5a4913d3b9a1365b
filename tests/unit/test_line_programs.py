"""Line tables read by this lab, held against pyelftools', and damaged ones."""

import random
import subprocess
from posixpath import join, normpath

import pytest
from capabilities import need
from elftools.elf.elffile import ELFFile

from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError
from kernel_magics.inspect.debugger.line_programs import read_units
from kernel_magics.inspect.stacks.dwarf_bytes import DwarfError

SOURCE = """#include <stdio.h>
static inline int twice(int number)
{
\treturn number * 2;
}
int work(int count)
{
\tint sum = 0;
\tfor (int i = 0; i < count; i++)
\t\tsum += twice(i) - count;
\treturn sum;
}
int main(int argc, char **argv)
{
\tprintf("%d %s\\n", work(argc), argv[0]);
\treturn 0;
}
"""


@pytest.fixture(scope="module", params=["-gdwarf-5", "-gdwarf-4", "-gdwarf-3"])
def program(request, tmp_path_factory):
    need("compiler")
    folder = tmp_path_factory.mktemp("lines")
    (folder / "lines.c").write_text(SOURCE)
    subprocess.run(["gcc", request.param, "-O2", "-o", "lines", "lines.c"], cwd=folder, check=True)
    return folder / "lines"


def names_of(table):
    """The files of one of pyelftools' line programs, by their index."""
    header = table.header
    first = 0 if header.version >= 5 else 1
    folders = [*([""] if first else []), *(one.decode() for one in header.include_directory)]
    return [""] * first + [normpath(join(folders[one.dir_index], one.name.decode()))
                           for one in header.file_entry]


def statements_of(table, names, wanted):
    """What LineUnit.statements should yield, from pyelftools' states."""
    before, found = None, []
    for entry in table.get_entries():
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            before = None
            continue
        here = (names[state.file], state.line)
        if here != before and here[0] == wanted and state.is_stmt and state.line:
            found.append((state.line, state.address))
        before = here
    return found


def test_files_and_statements_are_those_of_pyelftools(program):
    units = read_units(ElfFile.read(program))
    dwarf = ELFFile.load_from_path(str(program)).get_dwarf_info()
    tables = [table for unit in dwarf.iter_CUs() if (table := dwarf.line_program_for_CU(unit))]
    assert len(units) == len(tables) > 0
    compared = 0
    for unit, table in zip(units, tables, strict=True):
        names = names_of(table)
        assert unit.files == names
        for name in set(names) - {""}:
            expected = statements_of(table, names, name)
            assert list(unit.statements(name)) == expected
            compared += len(expected)
    assert compared > 10


def test_a_damaged_table_ends_what_is_read_of_it(program, tmp_path):
    data = bytearray(program.read_bytes())
    section = ElfFile.read(program).section(".debug_line")
    chance = random.Random(3)
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 5, 40))):
            changed[section.offset + chance.randrange(section.size)] = chance.randrange(256)
        path = tmp_path / "damaged"
        path.write_bytes(changed)
        for unit in read_units(ElfFile.read(path)):
            for name in unit.files[:4]:
                try:
                    assert len(list(unit.statements(name))) < 10_000
                except (DwarfError, IndexError):
                    continue


def test_a_file_without_lines_has_no_units(program, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run(["strip", "-o", bare, program], check=True)
    assert read_units(ElfFile.read(bare)) == []
    with pytest.raises(ImageError):
        read_units(ElfFile.read(tmp_path / "nothing"))
