"""build/elf.py and GuestImage.from_file, against readelf and really damaged files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_guest import build

from kernel_magics.build import GuestImage
from kernel_magics.build.elf import EHDR, ElfFile
from kernel_magics.build.stripping import strip
from kernel_magics.errors import ImageError


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, str(path)], capture_output=True,
                          text=True, check=True).stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("elf"))


@pytest.fixture
def damaged(image, tmp_path):
    """A function that writes a changed copy of a good image and returns its path."""
    def write(change):
        path = tmp_path / "damaged.elf"
        path.write_bytes(change(bytearray(image.path.read_bytes())))
        return path
    return write


def refused(path):
    with pytest.raises(ImageError) as caught:
        GuestImage.from_file(path)
    assert caught.value.path == Path(path)
    assert caught.value.next_step
    return caught.value.message


def test_sections_are_those_readelf_shows(image):
    rows = re.findall(r"\[ *\d+\] (\S+) +\S+ +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)",
                      readelf(image.path, "-S"))
    ours = [(s.name, s.address, s.offset, s.size) for s in ElfFile.read(image.path).sections[1:]]
    assert len(rows) > 10
    assert ours == [(name, *(int(number, 16) for number in rest)) for name, *rest in rows]


def test_notes_are_those_readelf_shows(image):
    owners = re.findall(r"^  (Xen|GNU) +(0x[0-9a-f]+)", readelf(image.path, "-n"), re.M)
    notes = ElfFile.read(image.path).notes
    assert [(note.owner, len(note.data)) for note in notes] == \
        [(owner, int(size, 16)) for owner, size in owners]


def test_stripped_copy_loads_the_same_bytes(image):
    full, bare = ElfFile.read(image.path), ElfFile.read(image.stripped_path)
    assert bare.segments == full.segments
    for segment in full.segments:
        span = slice(segment.offset, segment.offset + segment.file_bytes)
        # The ELF header itself may be part of what is loaded; only it differs.
        span = slice(max(span.start, EHDR.size), span.stop)
        assert bare.data[span] == full.data[span]
    assert bare.boot_protocol == "pvh" and bare.entry == full.entry
    loaded = [(s.name, s.address, s.size) for s in full.sections if s.is_loaded]
    assert [(s.name, s.address, s.size) for s in bare.sections[1:-1]] == loaded
    assert not any(name in readelf(image.stripped_path, "-S") for name in (".symtab", ".debug_"))
    assert len(bare.data) < len(full.data)


def test_readelf_has_no_complaint_about_the_stripped_copy(image):
    run = subprocess.run(["readelf", "-aW", str(image.stripped_path)], capture_output=True,
                         text=True, check=True)
    assert run.stderr == ""
    assert "Warning" not in run.stdout


def test_stripping_twice_changes_nothing(image):
    once = image.stripped_path.read_bytes()
    assert strip(once) == once


def test_opens_a_copy_of_the_image_it_built(image, tmp_path):
    copy = tmp_path / "copy.elf"
    copy.write_bytes(image.path.read_bytes())
    opened = GuestImage.from_file(copy)
    assert (opened.name, opened.size_bytes, opened.content_hash) == \
        ("copy", image.size_bytes, image.content_hash)
    assert (opened.path, opened.stripped_path, opened.sources) == (copy, copy, ())


def test_file_in_the_cache_is_the_image_with_its_sources(image):
    for path in (image.path, image.stripped_path):
        opened = GuestImage.from_file(path, "again")
        assert (opened.name, opened.path) == ("again", image.path)
        assert opened.sources == image.sources


def test_opens_a_multiboot_kernel(tmp_path):
    source = tmp_path / "multi.S"
    source.write_text(".align 4\n.long 0x1badb002, 0, -0x1badb002\n"
                      ".globl _start\n_start: hlt\n")
    path = tmp_path / "multi.elf"
    subprocess.run(["gcc", "-nostdlib", "-static", "-Wl,-z,max-page-size=4096",
                    str(source), "-o", str(path)], check=True)
    assert GuestImage.from_file(path).kit == ""


@pytest.mark.parametrize("size", [0, 1, 17, 63, 64, 300, 5000])
def test_truncated(image, damaged, size):
    message = refused(damaged(lambda data: data[:size]))
    assert "truncated" in message or "is empty" in message or "is not an ELF" in message


def test_truncated_at_every_boundary_never_raises_anything_else(image, damaged):
    whole = image.path.stat().st_size
    for size in range(0, whole, max(1, whole // 97)):
        refused(damaged(lambda data, size=size: data[:size]))


def test_not_an_elf_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    assert "is not an ELF file" in refused(path)


def test_host_program():
    assert "is a host " in refused(Path(sys.executable).resolve())


def test_object_file(tmp_path):
    source = tmp_path / "part.c"
    source.write_text("int part;\n")
    subprocess.run(["gcc", "-c", str(source), "-o", str(tmp_path / "part.o")], check=True)
    assert "is an object file, not a linked guest image" in refused(tmp_path / "part.o")


def test_other_processor(damaged):
    def aarch64(data):
        data[18:20] = (183).to_bytes(2, "little")
        return data
    assert "is for AArch64" in refused(damaged(aarch64))


def test_32_bit(tmp_path):
    source = tmp_path / "small.S"
    source.write_text(".globl _start\n_start: hlt\n")
    path = tmp_path / "small.elf"
    subprocess.run(["as", "--32", str(source), "-o", str(path) + ".o"], check=True)
    subprocess.run(["ld", "-m", "elf_i386", str(path) + ".o", "-o", str(path)], check=True)
    assert "32-bit" in refused(path)


def test_damaged_tables(damaged):
    def sections_far_away(data):
        data[40:48] = (1 << 40).to_bytes(8, "little")
        return data

    def odd_entry_size(data):
        data[54:56] = (13).to_bytes(2, "little")
        return data
    assert "truncated" in refused(damaged(sections_far_away))
    assert "is damaged: program header entries of 13 bytes" in refused(damaged(odd_entry_size))


def test_random_damage_ends_in_an_image_or_an_image_error(image, damaged):
    """Flip bytes of the headers one at a time: no other exception may come out."""
    end = EHDR.size + 4 * 56
    for offset in range(4, end):
        def flip(data, offset=offset):
            data[offset] ^= 0xFF
            return data
        try:
            opened = GuestImage.from_file(damaged(flip))
            assert ElfFile.read(opened.path).sections
        except ImageError:
            pass


def test_missing_file_and_folder(tmp_path):
    assert "no such file" in refused(tmp_path / "nowhere.elf")
    assert "is a directory" in refused(tmp_path)


def test_file_without_permission(image, tmp_path):
    path = tmp_path / "secret.elf"
    path.write_bytes(image.path.read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: be somebody else for a moment
        tmp_path.chmod(0o755)
        code = ("import os, sys; os.setuid(65534)\n"
                "try: open(sys.argv[1], 'rb')\nexcept PermissionError: print('refused')")
        run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True,
                             text=True)
        if "refused" not in run.stdout:
            pytest.skip("needs permission bits that are honoured")
        os.seteuid(65534)
        try:
            message = refused(path)
        finally:
            os.seteuid(0)
    else:
        message = refused(path)
    assert "cannot read" in message and "permission denied" in message
