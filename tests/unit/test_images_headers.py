"""image.sections, segments and notes against readelf."""

import re
import subprocess

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("headers"))


def readelf(image, option):
    return subprocess.run(["readelf", "-W", option, str(image.path)], capture_output=True,
                          text=True, check=True).stdout


def test_sections_are_readelfs(image):
    pattern = re.compile(r"\[ *\d+\] (\S+) +([A-Z_]+) +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) "
                         r"[0-9a-f]+ +([A-Z]*) +\d+ +\d+ +(\d+)$", re.MULTILINE)
    expected = [(name, kind, flags, int(address, 16), int(offset, 16), int(size, 16), int(align))
                for name, kind, address, offset, size, flags, align
                in pattern.findall(readelf(image, "-S"))]
    table = image.sections.df.drop(columns="layer")
    assert len(expected) > 10
    assert [tuple(row) for row in table.itertuples(index=False)] == expected
    assert image.sections[".text.libc"].is_loaded
    with pytest.raises(KeyError):
        image.sections[".nothing"]


def test_segments_are_readelfs(image):
    pattern = re.compile(r"^ +([A-Z_]+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) "
                         r"0x([0-9a-f]+) ([R ][W ][E ])", re.MULTILINE)
    said = readelf(image, "-l")
    expected = []
    for kind, offset, address, physical, in_file, in_memory, flags in pattern.findall(said):
        allowed = "".join(letter if flag.strip() else "-"
                          for letter, flag in zip("rwx", flags, strict=True))
        expected.append((kind, allowed, int(address, 16), int(physical, 16), int(offset, 16),
                         int(in_file, 16), int(in_memory, 16)))
    table = image.segments.df
    columns = ["type", "permissions", "address", "physical_address", "offset", "file_bytes",
               "memory_bytes"]
    assert [tuple(row) for row in table[columns].itertuples(index=False)] == expected
    mapped = re.findall(r"^ +\d\d +(.*)$", said.partition("Section to Segment")[2], re.MULTILINE)
    assert [row.split() for row in table["sections"]] == [row.split() for row in mapped]


def test_notes_say_what_they_hold(image):
    notes = image.notes.df.set_index("type")["says"]
    build_id = re.search(r"Build ID: ([0-9a-f]+)", readelf(image, "-n"))[1]
    assert notes["BUILD_ID"] == build_id
    assert f"{image.symbols.elf.entry:#x}" in notes["PHYS32_ENTRY"] or "0x" in notes["PHYS32_ENTRY"]


def test_tables_show_themselves_the_same_each_time(image):
    text = repr(image.sections)
    assert text == repr(image.sections) and text.startswith(f"{len(image.sections)} sections of ")
    assert ".text.libc" in text and "0x10" in text
    assert repr(image.segments).count("\n") == len(image.segments) + 1
