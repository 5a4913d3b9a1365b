"""Images that are cut, damaged, hostile, huge or no files: an answer or one clear error."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_guest import build

import kernel_magics.inspect  # noqa: F401 - gives images their facets
from kernel_magics.build import GuestImage
from kernel_magics.build.elf import SHDR, ElfFile
from kernel_magics.errors import ImageError, UsageError

VARIANTS, PROCESSES = 60, 2


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("damage"))


@pytest.mark.parametrize("part", range(PROCESSES))
def test_no_damage_ends_in_anything_but_an_answer_or_an_error(image, tmp_path, part):
    script = Path(__file__).with_name("fuzz_image.py")
    count = VARIANTS // PROCESSES
    done = subprocess.run([sys.executable, str(script), str(image.path), str(tmp_path),
                           str(part * count), str(count)], capture_output=True, text=True,
                          timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as stream:
        stream.truncate(1 << 40)
    for path, reason in (("/dev/zero", "not a regular file"), (tmp_path, "is a directory"),
                         (tmp_path / "pipe", "not a regular file"),
                         (tmp_path / "huge", "more than an image may have")):
        with pytest.raises(ImageError, match=reason):
            ElfFile.read(path)


def change(image, path, offset, data):
    """Write a copy of an image with some bytes replaced."""
    whole = bytearray(image.path.read_bytes())
    whole[offset:offset + len(data)] = data
    path.write_bytes(whole)
    return path


def section_offset(image, name):
    elf = image.symbols.elf
    row = next(row for row, one in enumerate(elf.sections) if one.name == name)
    return elf._section_offset + row * SHDR.size, elf.section(name)


def test_notes_without_end_are_refused(image, tmp_path):
    elf = image.symbols.elf
    row = next(row for row, one in enumerate(elf.segments) if one.type == 4)
    at = elf.segment_offset + row * 56
    empty = elf.sections[-1].offset
    path = change(image, tmp_path / "notes", at + 8, struct.pack("<Q", empty))
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, at + 8, len(data))
    struct.pack_into("<Q", data, at + 32, 12 * 5000)
    path.write_bytes(data + bytes(12 * 5000))
    with pytest.raises(ImageError, match="more than 4096 notes"):
        _ = ElfFile.read(path).notes


def test_names_that_overlap_without_end_are_refused(image, tmp_path):
    """Every symbol's name is the rest of a string table in which no string ends."""
    _, strings = section_offset(image, ".strtab")
    path = change(image, tmp_path / "names", strings.offset, b"x" * strings.size)
    with pytest.raises(ImageError, match="symbol table cannot be read"):
        len(GuestImage.from_file(path).symbols)


def test_a_stripped_image_says_what_is_lost_and_goes_on(image, tmp_path):
    path = tmp_path / "bare.elf"
    path.write_bytes(image.stripped_path.read_bytes())
    bare = GuestImage.from_file(path)
    assert "stripped" in repr(bare.symbols) and "stripped" in bare.symbols.note
    assert bare.sizes.tree.size_bytes == image.sizes.total_bytes
    assert len(bare.sections) > 5 and bare.notes.df["type"].tolist()
    entry = image.symbols.find("main").address
    assert "stripped" in repr(bare.code(entry)) or "code at" in repr(bare.code(entry))
    with pytest.raises(UsageError, match="is stripped"):
        bare.code("main")


def test_damaged_debugging_data_costs_lines_and_says_so(image, tmp_path):
    _, section = section_offset(image, ".debug_info")
    path = change(image, tmp_path / "lines.elf", section.offset, b"\xff" * section.size)
    damaged = GuestImage.from_file(path)
    main = damaged.symbols.find("main")
    assert main.line is None and damaged.symbols.lines(main.address) == ()
    assert "debugging data of lines.elf is damaged" in repr(damaged.symbols)
    assert "is damaged" in repr(damaged.code("main"))
