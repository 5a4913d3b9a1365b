"""Unmodified Debian programs in guests print what they print on this machine."""

import pytest
from capabilities import need
from packaged_programs import APPLETS, PROGRAMS, TEXT, Program
from packaged_roots import ENV, on_this_machine, unpack_root

from kernel_magics import Lab
from kernel_magics.build import GuestImage

pytestmark = pytest.mark.guest

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def packages():
    """A lab for the whole module: its images are made once."""
    need("qemu", "debian", "cpio", "namespaces")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def rooted(tmp_path_factory):
    """A function that unpacks an image's root, once for each archive."""
    places = {}

    def unpack(image: GuestImage):
        if image.content_hash not in places:
            places[image.content_hash] = unpack_root(image, tmp_path_factory.mktemp("root"))
        return places[image.content_hash]
    return unpack


def in_a_guest(lab: Lab, image: GuestImage, **boot) -> tuple[int, str]:
    guest = lab.boot(image, env=ENV, **boot)
    status = guest.wait(timeout=TIMEOUT_S)
    return status, guest.console.text


@pytest.mark.parametrize("applet", APPLETS)
def test_an_applet_of_busybox_does_what_it_does_here(packages, rooted, applet):
    image = packages.package("busybox-static", files={"/srv/text": TEXT})
    argv = ["busybox", *APPLETS[applet]]
    here = on_this_machine(rooted(image), argv, "/bin/busybox")
    assert in_a_guest(packages, image, argv=argv) == here


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_prints_what_it_prints_here(packages, rooted, program: Program):
    image = packages.package(program.package, argv=program.argv, files=program.files)
    here = on_this_machine(rooted(image), program.argv, image.rc[0]["bin"])
    assert in_a_guest(packages, image) == here
    assert here[1]


def test_programs_follow_each_other_and_are_joined_by_pipes(packages):
    image = packages.package("busybox-static", name="several", rc=(
        {"argv": ["busybox", "seq", "1", "1000"], "runmode": "|"},
        {"argv": ["busybox", "awk", "{ s += $1 } END { print s }"]},
        {"argv": ["busybox", "echo", "the last one"]}))
    assert in_a_guest(packages, image) == (0, "500500\nthe last one\n")


def test_an_argument_vector_can_name_another_program_of_the_root(packages):
    image = packages.package("lua5.4", argv=["lua5.4", "-v"])
    said = in_a_guest(packages, image, argv=["luac5.4", "-p", "/nothing"])
    assert said == (1, "luac5.4: cannot open /nothing: No such file or directory\n")


def test_a_database_on_a_disk_is_there_after_the_next_boot(packages, rooted, tmp_path):
    disk = packages.disk(tmp_path / "data.img", size_mib=16, fstype="ext2")
    image = packages.package("sqlite3")
    sql = ("create table if not exists visit (n integer); "
           "insert into visit select count(*) + 1 from visit; "
           "select count(*), sum(n) from visit; pragma integrity_check")
    said = [in_a_guest(packages, image, argv=["sqlite3", "-batch", "/data/visits.db", sql],
                       disks=[f"{disk.path}:/data:ext2"]) for _ in range(3)]
    assert said == [(0, "1|1\nok\n"), (0, "2|3\nok\n"), (0, "3|6\nok\n")]
    assert disk.check().clean


def test_a_script_beside_the_notebook_is_what_the_guest_runs(packages, tmp_path):
    image = packages.package("lua5.4", argv=["lua5.4", "/mnt/script.lua"])
    for text in ("one", "two"):
        (tmp_path / "script.lua").write_text(f"print('{text}'); io.open('/mnt/out', 'w'):write(1)")
        assert in_a_guest(packages, image, shares={"/mnt": tmp_path}) == (0, f"{text}\n")
    assert (tmp_path / "out").read_text() == "1"


def test_a_guest_too_small_for_its_root_is_refused_with_the_size_it_needs(packages):
    from kernel_magics.errors import UsageError

    image = packages.package("python3-minimal")
    with pytest.raises(UsageError, match="python3-minimal with its root does not fit") as caught:
        packages.boot(image, memory_mib=8)
    assert "at least memory_mib=" in caught.value.next_step
