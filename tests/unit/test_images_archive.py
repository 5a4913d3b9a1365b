"""Archives of objects, and the names of compilation units, read as binutils read them."""

import re
import subprocess
from pathlib import Path

import pytest
from tiny_rumprun import LIB, build_tiny_rumprun

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build.elf import ElfFile
from kernel_magics.inspect.images.ar_archive import ArArchive
from kernel_magics.inspect.images.units import unit_ranges
from kernel_magics.inspect.images.unwind_entries import unwind_entries


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_rumprun(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def library(tiny):
    return tiny.prefix / LIB / "rumprun-hw" / "librumpnet_net.a"


def test_the_index_says_what_nm_says(library):
    archive = ArArchive(library)
    text = subprocess.run(["nm", "-s", library], capture_output=True, text=True, check=True).stdout
    said = dict(re.findall(r"^(\S+) in (\S+)$", text, re.MULTILINE))
    assert len(said) > 50
    members = {name: {archive.member(offset).name for offset in offsets}
               for name, offsets in archive.symbols.items()}
    assert members == {name: {member} for name, member in said.items()}


def test_members_have_the_bytes_that_ar_prints(library):
    archive = ArArchive(library)
    offset = archive.symbols["rumpns_very_3"][0]
    member = archive.member(offset)
    assert member.name == "a_name_that_is_longer_than_fifteen.o"
    printed = subprocess.run(["ar", "p", library, member.name], capture_output=True, check=True)
    assert member.data == printed.stdout


def test_what_is_no_archive_has_nothing(tmp_path, library):
    empty, other = tmp_path / "empty.a", tmp_path / "other.a"
    empty.write_bytes(b"")
    other.write_bytes(b"\x7fELF" * 99)
    for path in (empty, other, tmp_path / "none.a", tmp_path):
        archive = ArArchive(path)
        assert archive.symbols == {} and archive.member(8) is None
    assert ArArchive(library).member(-5) is None
    assert ArArchive(library).member(1 << 40) is None


def test_archives_that_are_cut_give_what_they_have(tmp_path, library):
    data = library.read_bytes()
    whole = ArArchive(library)
    for length in range(0, len(data), 397):
        path = tmp_path / "cut.a"
        path.write_bytes(data[:length])
        cut = ArArchive(path)
        assert set(cut.symbols) <= set(whole.symbols)
        for offsets in cut.symbols.values():
            found = cut.member(offsets[0])
            assert found is None or found.name


def test_units_have_the_names_and_folders_that_readelf_shows(tiny):
    text = subprocess.run(["readelf", "--debug-dump=info", "--dwarf-depth=1", tiny.image.path],
                          capture_output=True, text=True, check=True).stdout
    names = [re.split(r": |\t", line)[-1].strip() for line in text.splitlines()
             if "DW_AT_name" in line]
    folders = [re.split(r": |\t", line)[-1].strip() for line in text.splitlines()
               if "DW_AT_comp_dir" in line]
    units = unit_ranges(ElfFile.read(tiny.image.path))
    assert len(units) >= 9
    assert {(unit.source, unit.folder) for unit in units} == set(zip(names, folders, strict=True))


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_units_of_each_version_of_the_debugging_data(tmp_path, version):
    Path(tmp_path / "some.c").write_text("int _start(void) { return 7; }\n")
    subprocess.run(["gcc", f"-gdwarf-{version}", "-static", "-nostdlib", "-o", "out", "some.c"],
                   cwd=tmp_path, check=True)
    units = unit_ranges(ElfFile.read(tmp_path / "out"))
    assert [(unit.source, unit.folder) for unit in units] == [("some.c", str(tmp_path))]


def test_unwind_entries_are_those_that_readelf_shows(tiny):
    text = subprocess.run(["readelf", "--debug-dump=frames", tiny.image.path],
                          capture_output=True, text=True, check=True).stdout
    codes = [int(code, 16) for code in re.findall(r"FDE cie=\S+ pc=([0-9a-f]+)\.\.", text)]
    elf = ElfFile.read(tiny.image.path)
    section = elf.section(".eh_frame")
    found = list(unwind_entries(elf, section.address, section.address + section.size))
    assert [code for _, _, code in found] == codes and len(codes) > 100
    # Without a gap: those that others share are counted with the next.
    assert [at + size for at, size, _ in found[:-1]] == [at for at, *_ in found[1:]]
    assert found[0][0] == section.address
    assert list(unwind_entries(elf, section.address - 8, section.address)) == []
    owners = {tiny.image.link.at(at).archive for at, *_ in found}
    assert {"librumpnet_net.a", "libbmk_core.a", "libbmk_rumpuser.a", "hw", "libm.a"} <= owners
