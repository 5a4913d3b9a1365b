"""Finding an upstream Rumprun toolchain, and saying what is wrong with one that cannot be used.

The folders here are toolchains that are damaged on purpose; nothing in them is ever run.
"""

import shutil
import struct

import pytest

from kernel_magics import Lab
from kernel_magics.build.rumprun import find_rumprun, read_recipe, rumprun_problem
from kernel_magics.build.rumprun.toolchain import PLATFORM_PARTS
from kernel_magics.errors import HostError, ImageError

TUPLE = "x86_64-rumprun-netbsd"


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """A folder with the names of an installed toolchain, found by RUMPRUN_PREFIX."""
    folder = tmp_path / "rumprun"
    for name in (f"bin/{TUPLE}-gcc", "bin/rumprun-bake", "bin/rumprun", "etc/rumprun-bake.conf",
                 "libexec/cc", "rumprun-x86_64/lib/rumprun-hw/libbmk_core.a", *PLATFORM_PARTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / f"bin/{TUPLE}-gcc").write_text(
        f"{folder}/libexec/cc --sysroot {folder}/rumprun-x86_64\n{folder}/libexec/c++\n")
    (folder / "bin/rumprun-bake").write_text("#!/bin/sh\n_RUMPBAKE_VERSION=20160209\n")
    monkeypatch.setenv("RUMPRUN_PREFIX", str(folder))
    return folder


def refused():
    with pytest.raises(HostError) as caught:
        find_rumprun()
    assert caught.value.next_step
    return caught.value.message


def test_one_that_has_all_its_parts(prefix):
    found = find_rumprun()
    assert (found.prefix, found.version, found.cxx) == (prefix, "20160209", None)
    assert str(prefix) in repr(found) and rumprun_problem() is None


def test_one_that_is_in_path(prefix, monkeypatch):
    monkeypatch.delenv("RUMPRUN_PREFIX")
    (prefix / "bin/rumprun-bake").chmod(0o755)
    monkeypatch.setenv("PATH", str(prefix / "bin"))
    assert find_rumprun().prefix == prefix


def test_a_replaced_one_is_another(prefix):
    before = find_rumprun().identity
    (prefix / "rumprun-x86_64/lib/rumprun-hw/libbmk_core.a").write_text("newer")
    assert find_rumprun().identity != before


def test_none(monkeypatch, tmp_path):
    monkeypatch.delenv("RUMPRUN_PREFIX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused() == "upstream Rumprun is not installed here"
    problem = rumprun_problem()
    assert problem and "github.com/rumpkernel/rumprun" in problem[1]
    with Lab() as lab, pytest.raises(HostError, match="not installed"):
        lab.build("int main(void) { return 0; }", kit="rumprun")


def test_a_prefix_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("RUMPRUN_PREFIX", str(tmp_path))
    assert "it has no folder bin" in refused()


@pytest.mark.parametrize("part", [f"bin/{TUPLE}-gcc", "bin/rumprun-bake", "etc/rumprun-bake.conf",
                                  "libexec/cc", *PLATFORM_PARTS])
def test_half_installed(prefix, part):
    (prefix / part).unlink()
    message = refused()
    assert "in part" in message and part in message


def test_another_architecture(prefix):
    (prefix / f"bin/{TUPLE}-gcc").rename(prefix / "bin/i486-rumprun-netbsdelf-gcc")
    assert "for i486; the lab runs x86_64" in refused()


def test_moved(prefix, monkeypatch):
    moved = prefix.with_name("moved")
    prefix.rename(moved)
    monkeypatch.setenv("RUMPRUN_PREFIX", str(moved))
    assert "it cannot be moved" in refused()


def test_copied(prefix, monkeypatch):
    copy = prefix.with_name("a copy")
    shutil.copytree(prefix, copy)
    monkeypatch.setenv("RUMPRUN_PREFIX", str(copy))
    assert f"is a copy of the one in {prefix}" in refused()
    shutil.rmtree(copy)
    copy.symlink_to(prefix)
    assert find_rumprun().prefix == copy


def test_only_for_xen(prefix):
    lib = prefix / "rumprun-x86_64/lib"
    (lib / "rumprun-hw").rename(lib / "rumprun-xen")
    assert "no platform hw (it has xen)" in refused()


def relocatable(note: bytes) -> bytes:
    """An object file whose only section is a bake recipe."""
    names = b"\0.note.rumprun.bakerecipe\0.shstrtab\0"
    body = note.ljust(-(-len(note) // 8) * 8, b"\0")
    table = 64 + len(body) + len(names)
    sections = [(0,) * 10, (1, 7, 2, 0, 64, len(note), 0, 0, 4, 0),
                (26, 3, 0, 0, 64 + len(body), len(names), 0, 0, 1, 0)]
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, table, 0, 64, 0, 0,
                         64, 3, 2)
    return header + body + names + b"".join(struct.pack("<IIQQQQIIQQ", *one) for one in sections)


def recipe(*lines: str) -> bytes:
    text = b"".join(line.encode() + b"\0" for line in lines)
    return struct.pack("<III", 15, len(text), 0x101) + b"rumpkernel.org\0\0" + text


def test_a_bake_recipe(tmp_path):
    path = tmp_path / "program"
    path.write_bytes(relocatable(recipe(f"rumprun_tuple: {TUPLE}", "rumprun_tooldir: /opt/rumprun",
                                        "rumprun_backingcc: /opt/cc", "rumprun_cflags: -O2 -g")))
    found = read_recipe(path)
    assert found and (found.tuple, found.cflags) == (TUPLE, "-O2 -g")
    assert str(found.tooldir) == "/opt/rumprun" and "rumprun-bake" in repr(found)


def test_no_recipe_and_a_damaged_one(tmp_path):
    path = tmp_path / "program"
    path.write_bytes(relocatable(struct.pack("<III", 4, 0, 1) + b"GNU\0"))
    assert read_recipe(path) is None
    path.write_bytes(relocatable(recipe(f"rumprun_tuple: {TUPLE}")))
    with pytest.raises(ImageError, match="does not say tooldir, backingcc"):
        read_recipe(path)
    path.write_bytes(relocatable(recipe("x"))[:100])
    with pytest.raises(ImageError):
        read_recipe(path)
