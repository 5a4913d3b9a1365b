"""What lab.build can be given, and what is kept of a bake."""

from pathlib import Path

import pytest

from kernel_magics import Lab
from kernel_magics.boot.rumprun_findings import examine_rumprun
from kernel_magics.build.baked import Baked, BakedProgram, BakeRecipe, faction_of
from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import Source
from kernel_magics.build.parts import Program, Project, read_request
from kernel_magics.build.rumprun.calls import plain_name
from kernel_magics.build.rumprun.components import check_component
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.errors import ImageError, UsageError

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
