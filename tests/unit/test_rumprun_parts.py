"""What lab.build can be given, and what is kept of a bake."""

import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.boot.doctor.rumprun_findings import examine_rumprun
from kernel_magics.build.baked import Baked, BakedProgram, BakeRecipe, faction_of
from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import Source
from kernel_magics.build.parts import Program, Project, read_request
from kernel_magics.build.rumprun.calls import plain_name, undefined_names
from kernel_magics.build.rumprun.components import Component, ComponentList, check_component
from kernel_magics.build.rumprun.configurations import BakeConfiguration, BakeList, split_bake
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.errors import ImageError, UsageError
from kernel_magics.widgets.images.bakes import bake_html, baked_html, bakes_html, components_html

PROGRAM = "int main(void) { return 0; }\n"
RECIPE = BakeRecipe("x86_64-rumprun-netbsd", Path("/opt/rr"), Path("/opt/rr/cc"), "-O2")


@pytest.fixture
def files(tmp_path):
    for name in ("main.c", "more.cc", "lib/more.cc", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PROGRAM)
    (tmp_path / "prog").write_bytes(b"\x7fELF\2\1\1")
    return tmp_path


def baked(folder, *names):
    return Baked("hw_virtio", ("rumpvfs", "rumpnet_net", "rumpfs_msdos"), ("rumpfs_msdos",),
                 tuple(BakedProgram(name, folder / f"{name}.rumprun", folder / "map")
                       for name in names), False, RECIPE, "Rumprun", ("rumprun-bake",))


def image(folder, *names, kit="rumprun"):
    return GuestImage("kept", folder, folder, kit, (), 0, "", None,
                      baked=baked(folder, *names) if names else None)


def test_a_text_is_a_program_in_a_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    request = read_request(PROGRAM, "x", lang="c++")
    assert [source.filename for source in request.sources] == ["x.cc"]
    assert read_request(PROGRAM).name == "guest" and request.folder == tmp_path


def test_files_are_one_program_with_the_folders_they_are_in(files):
    request = read_request([files / "main.c", files / "lib/more.cc"])
    assert [(one.filename, one.lang) for one in request.sources] == [
        ("main.c", "c"), ("more.cc", "c++")]
    assert (request.name, request.lang, request.folder) == ("main", "c++", files)
    assert request.cflags == ("-iquote", str(files / "lib"))


def test_folders_programs_and_images(files):
    assert read_request(files, system="make", settings="A=1 'B=2 3'").parts == (
        Project(files, "make", ("A=1", "B=2 3")),)
    assert read_request(str(files)).name == files.name  # no program is a folder's path
    assert read_request(files / "prog", "x").parts == (Program("x", file=files / "prog"),)
    assert [one.name for one in read_request(image(files, "a", "b")).parts] == ["a", "b"]
    assert [one.name for one in read_request([image(files, "a"), image(files, "b")], "c").parts] \
        == ["a", "b"]


def test_several_programs_in_their_order(files):
    request = read_request({"b": PROGRAM, "a": files / "more.cc", "c": image(files, "x"),
                            "d": files}, "all")
    b, a, c, d = request.parts
    assert (b.name, b.sources[0].filename) == ("b", "b.c")
    assert (a.name, a.lang, a.folders) == ("a", "c++", (files,))
    assert (c.name, c.file) == ("c", files / "x.rumprun") and d == Project(files, name="d")
    cell = Program("cell", (Source(PROGRAM, "cell.c", 2),))
    assert read_request({"cell": cell}).parts == (cell,)


@pytest.mark.parametrize(("given", "message"), [
    (3, "nothing can be built from 3"), ([3], "nothing can be built from"),
    ({}, "no program was given"), ([], "nothing can be built from"),
    (Path("nowhere.c"), "cannot read"), (Path("nowhere"), "there is no")])
def test_what_is_nothing_to_build(given, message):
    with pytest.raises(UsageError, match=message) as caught:
        read_request(given)
    assert caught.value.next_step


def test_files_that_are_none_and_two_of_one_name(files):
    with pytest.raises(UsageError, match="neither a folder nor a source file"):
        read_request(files / "notes.txt")
    with pytest.raises(UsageError, match=r"two of the files are called more\.cc"):
        read_request([files / "more.cc", files / "lib/more.cc"])
    with pytest.raises(UsageError, match="build has no option 'colour'"):
        read_request(files, colour="red")
    with pytest.raises(UsageError, match="holds no program that could be baked"):
        read_request(image(files, kit="rumpkit"))


def test_rumpkit_has_one_program_and_is_always_traced(files):
    with Lab() as lab:
        for given in (files, {"a": PROGRAM}):
            with pytest.raises(UsageError, match="a rumpkit image has one program"):
                lab.build(given)
        with pytest.raises(UsageError, match="a rumpkit image can always be traced"):
            lab.build(PROGRAM, trace=True)
        for option in ({"bake": "hw_virtio"}, {"components": "rumpfs_ffs"}):
            with pytest.raises(UsageError, match="is not baked of configurations"):
                lab.build(PROGRAM, **option)
        with pytest.raises(UsageError, match="of its configuration, used or not"):
            lab.build(PROGRAM, kit="rumprun", whole=True)


def test_a_bake_is_written_down_and_read_again(tmp_path):
    one = baked(tmp_path, "a", "b")
    again = Baked.from_record(tmp_path, one.as_record())
    assert again == one and str(tmp_path) not in str(one.as_record())
    assert one.line() == "baked as hw_virtio (2 components) and rumpfs_msdos from a, b"
    assert "net  rumpnet_net" in repr(one) and list(one.df.faction) == ["vfs", "net", "fs"]


@pytest.mark.parametrize(("component", "faction"), [
    ("rumpdev", "dev"), ("rumpdev_pci_if_wm", "dev"), ("rumpvfs", "vfs"), ("rumpfs_ffs", "fs"),
    ("rumprunfs_base", "fs"), ("rumpnet_netinet", "net"), ("rumpkern_mman", "kern"),
    ("rumpxen_xendev", "other"), ("mine", "other")])
def test_factions_by_name(component, faction):
    assert faction_of(component) == faction


@pytest.mark.parametrize(("symbol", "name"), [
    ("__socket30", "socket"), ("_sys___wait450", "wait4"), ("aio_read", "aio_read"),
    ("__vfork14", "vfork"), ("fork", "fork")])
def test_symbols_as_sources_call_them(symbol, name):
    assert plain_name(symbol) == name


def test_names_that_a_program_uses_as_nm_lists_them(tmp_path):
    need("compiler")
    (tmp_path / "a.c").write_text("int puts(const char *); extern int far; static int own(void) "
                                  "{ return far; }\nint main(void) { puts(\"x\"); return own(); }")
    subprocess.run(["gcc", "-c", "-g", "a.c"], cwd=tmp_path, check=True)
    listed = subprocess.run(["nm", "-u", "-P", "a.o"], cwd=tmp_path, capture_output=True, text=True,
                            check=True).stdout
    names = undefined_names(tmp_path / "a.o")
    assert {"puts", "far"} <= set(names) and sorted(names) == sorted(
        line.split()[0] for line in listed.splitlines())
    (tmp_path / "cut.o").write_bytes((tmp_path / "a.o").read_bytes()[:100])
    with pytest.raises(ImageError):
        undefined_names(tmp_path / "cut.o")


BAKES = BakeList((BakeConfiguration("hw_virtio", "virtio targets", ("rumpvfs", "rumpnet_net")),
                  BakeConfiguration("hw_mine", "mine", ("rumpfs_x",), ("rumpfs_x",)),
                  BakeConfiguration("xen_pv", "Xen", ("rumpvfs",))))


def test_configurations_are_listed():
    assert repr(BAKES).splitlines() == [
        "hw_virtio  virtio targets (2 components)",
        "hw_mine    mine (1 component; not installed: rumpfs_x)",
        "xen_pv     Xen (1 component; for Xen)"]
    assert BAKES.find("hw-virtio").df["faction"].tolist() == ["vfs", "net"]
    assert BAKES.df.loc["hw_mine", "missing"] == "rumpfs_x"
    with pytest.raises(UsageError, match="no configuration 'hw_none'") as caught:
        BAKES.find("hw_none")
    assert caught.value.next_step == "use hw_virtio, hw_mine"
    html = bakes_html(BAKES) + bake_html(BAKES[0])
    assert "not installed: rumpfs_x" in html and "<details>" in html


def test_components_are_listed(tmp_path):
    found = ComponentList((Component("rumpfs_ffs", "fs", tmp_path, 2048, ("hw_virtio",)),
                           Component("rumpfs_<x>", "fs", tmp_path, 10, ())))
    assert repr(found).splitlines()[1].split() == ["fs", "rumpfs_<x>", "only", "with",
                                                   "--component"]
    assert found.df.loc["rumpfs_ffs", "configurations"] == "hw_virtio"
    assert "2.0 KiB" in components_html(found) and "rumpfs_&lt;x&gt;" in components_html(found)


def test_a_file_of_configurations(tmp_path):
    (tmp_path / "my.conf").write_text("")
    assert split_bake("hw_virtio") == (None, "hw_virtio")
    assert split_bake(f"{tmp_path}/my.conf:hw_mine") == (tmp_path / "my.conf", "hw_mine")
    with pytest.raises(UsageError, match="no file of bake configurations"):
        split_bake("gone.conf:hw_mine")


def test_what_an_image_shows_of_its_bake(tmp_path):
    one = image(tmp_path, "a", "b")
    assert one.recipe == RECIPE and image(tmp_path).recipe is None
    assert "rumpfs_msdos" in baked_html(one.baked) and "compiled for" in baked_html(one.baked)


def test_an_archive_of_the_users_is_a_component(tmp_path):
    toolchain = RumprunToolchain(tmp_path, tmp_path, None, tmp_path, "1", "x")
    mine = tmp_path / "libmine.a"
    mine.write_bytes(b"!<arch>\n")
    assert check_component(toolchain, str(mine)) == str(mine)
    (tmp_path / "with blank").mkdir()
    blank = mine.rename(tmp_path / "with blank" / "libmine.a")
    with pytest.raises(UsageError, match="takes no blanks"):
        check_component(toolchain, str(blank))


def test_the_doctor_says_where_rumprun_is_had(monkeypatch, tmp_path):
    monkeypatch.delenv("RUMPRUN_PREFIX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = examine_rumprun()
    assert finding.level == "note" and "github.com/rumpkernel/rumprun" in finding.fix


def test_a_program_that_is_not_baked_is_no_image(tmp_path):
    from test_build_rumprun import recipe, relocatable

    path = tmp_path / "a program"
    path.write_bytes(relocatable(recipe("rumprun_tuple: x")))
    with pytest.raises(ImageError, match="is not baked yet") as caught:
        GuestImage.from_file(path)
    assert f"--from '{path}'" in caught.value.next_step
