"""The lab's own apt, with a repository made here: what a package needs, and every refusal."""

import errno
import os
import threading
from pathlib import Path

import pytest
from package_maker import make_deb, make_repository

from kernel_magics.build import aptsources, aptstate, debian
from kernel_magics.build.aptsources import debian_sources, parse_deb822, parse_one_line
from kernel_magics.build.debian import DebianArchive
from kernel_magics.errors import HostError, UsageError


@pytest.fixture
def folder(tmp_path) -> Path:
    """A repository: app depends on a library and on something that two packages provide."""
    place = tmp_path / "repository"
    place.mkdir()
    make_deb(place, "app", {"/usr/bin/app": "#!/bin/sh\n"}, Depends="libapp (>= 2), tongue")
    make_deb(place, "libapp", {"/usr/lib/libapp.so.2": "two"}, version="2")
    make_deb(place, "english", {}, Provides="tongue")
    make_deb(place, "german", {}, Provides="tongue")
    make_deb(place, "broken", {}, Depends="nowhere")
    return place


@pytest.fixture
def archive(folder, tmp_path) -> DebianArchive:
    return DebianArchive(tmp_path / "cache", make_repository(folder))


def names(packages) -> list[str]:
    return [one.name for one in packages]


def test_a_package_comes_with_what_it_depends_on(archive):
    found = archive.binary(["app"])
    assert names(found) in (["app", "english", "libapp"], ["app", "german", "libapp"])
    library = found[names(found).index("libapp")]
    assert (library.version, library.architecture) == ("2", "amd64")
    assert library.path.name == f"{library.sha256}.deb" and library.path.exists()


def test_the_machines_own_packages_do_not_count(archive):
    """libc6 is installed here; a root made of packages would miss it."""
    with pytest.raises(UsageError, match=r"cannot be installed together: .*nowhere"):
        archive.binary(["broken"])


def test_a_mistyped_name_is_answered_with_those_like_it(archive):
    with pytest.raises(UsageError, match="no package called 'libap'") as caught:
        archive.binary(["libap"])
    assert caught.value.next_step == "did you mean libapp?"


def test_something_that_several_provide_is_not_chosen_by_chance(archive):
    with pytest.raises(UsageError, match="something that several provide") as caught:
        archive.binary(["tongue"])
    assert caught.value.next_step == "choose one: english, german"


@pytest.mark.parametrize("name", ["", "App", "-y", "a b", "app;ls", "../app", "app-", "^app"])
def test_a_name_is_a_name_and_no_option_or_pattern(archive, name):
    with pytest.raises(UsageError):
        archive.binary([name])


def test_a_version_can_be_asked_for(archive):
    assert "libapp" in names(archive.binary(["libapp=2"]))
    with pytest.raises(UsageError, match="no such version: libapp=3"):
        archive.binary(["libapp=3"])


def test_what_was_fetched_needs_no_archive_any_more(archive, folder, tmp_path):
    first = archive.binary(["app"])
    for path in folder.glob("*.deb"):
        path.unlink()
    assert DebianArchive(tmp_path / "cache", archive._binary.sources).binary(["app"]) == first


def test_without_archive_and_cache_there_is_one_clear_message(tmp_path, folder):
    sources = make_repository(folder)
    gone = [aptsources.AptSource(("http://127.0.0.1:9/debian",), ("./",), (),
                                 sources[0].options)]
    with pytest.raises(HostError, match="the Debian archive cannot be reached") as caught:
        DebianArchive(tmp_path / "cold", gone).binary(["app"])
    assert "check the network" in caught.value.next_step
    assert "127.0.0.1" in caught.value.log


def test_an_index_that_is_old_is_used_when_there_is_no_network(tmp_path, folder):
    archive = DebianArchive(tmp_path / "cache", make_repository(folder))
    first = archive.binary(["app"])
    os.utime(archive._binary._stamp, (0, 0))
    (folder / "Packages").unlink()
    (folder / "Release").unlink()
    assert archive.binary(["app"]) == first
    assert archive._binary._age_seconds > 0  # asked again in an hour, not at every call
    assert archive._binary._age_seconds < aptstate.LISTS_SECONDS


def test_a_file_that_the_index_does_not_have_any_more_is_looked_up_again(archive, folder):
    archive.binary(["libapp"])
    (folder / "english_1_amd64.deb").unlink()
    (folder / "german_1_amd64.deb").unlink()
    make_deb(folder, "english", {}, version="2", Provides="tongue")
    make_repository(folder)
    found = archive.binary(["app"])
    assert ("english", "2") in [(one.name, one.version) for one in found]


def test_refresh_finds_newer_versions(archive, folder):
    archive.binary(["libapp"])
    make_deb(folder, "libapp", {"/usr/lib/libapp.so.3": "three"}, version="3")
    make_repository(folder)
    assert [one.version for one in archive.binary(["libapp"])] == ["2"]
    assert [one.version for one in archive.binary(["libapp"], refresh=True)] == ["3"]


def test_a_file_that_is_not_what_the_index_says_is_refused(archive, folder):
    deb = folder / "libapp_2_amd64.deb"
    deb.write_bytes(deb.read_bytes()[:-1] + b"!")
    with pytest.raises(HostError):
        archive.binary(["libapp"])
    assert not list((archive.root / "debs").glob("*.deb"))


def test_a_repository_nobody_signed_is_refused(tmp_path, folder):
    [source] = make_repository(folder)
    unsigned = aptsources.AptSource(source.uris, source.suites, source.components)
    with pytest.raises(HostError, match="signature does not fit"):
        DebianArchive(tmp_path / "cache", [unsigned]).binary(["app"])


def test_two_notebooks_fetch_one_after_the_other(archive, tmp_path):
    other = DebianArchive(archive.root, archive._binary.sources)
    found: list[object] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.binary(["app"])))
               for one in (archive, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1]


def test_an_interrupt_keeps_what_has_arrived(archive, monkeypatch):
    run = archive._binary.run

    def interrupted(tool: str, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
        result = run(tool, *arguments, cwd=cwd)
        if "download" in arguments:
            raise KeyboardInterrupt
        return result
    monkeypatch.setattr(archive._binary, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archive.binary(["libapp"])
    assert len(list((archive.root / "debs").glob("*.deb"))) == 1
    assert not list(archive.root.glob(".staging-*"))


def test_a_full_disk_is_one_clear_message(archive, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(debian.tempfile, "TemporaryDirectory", full)
    with pytest.raises(HostError, match="no space left on device") as caught:
        archive.binary(["libapp"])
    assert "RUMPLAB_CACHE" in caught.value.next_step


def test_a_machine_without_debians_archive_is_told(tmp_path):
    with pytest.raises(HostError, match="knows no archive of Debian's"):
        DebianArchive(tmp_path, []).binary(["app"])


def test_both_formats_of_sources_say_the_same():
    line = "deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main contrib # x"
    stanza = ("# a comment\nTypes: deb deb-src\nURIs: http://a.example/debian\n"
              "Suites: bookworm\nComponents: main contrib\nSigned-By: /k.gpg\n")
    assert list(parse_one_line(f"# deb http://b x y\n{line}\n")) == list(parse_deb822(stanza))
    assert not list(parse_deb822(f"Enabled: no\n{stanza}"))
    assert not list(parse_one_line("deb-src http://a.example/debian bookworm main\n"))


def test_a_key_that_is_written_out_is_kept_whole():
    key = "Signed-By:\n -----BEGIN PGP\n .\n abc\n -----END PGP\n"
    [source] = parse_deb822(f"Types: deb\nURIs: http://a\nSuites: b\nComponents: main\n{key}")
    assert key in source.text("deb")


def test_other_publishers_archives_are_left_out():
    text = ("deb http://a.example/debian bookworm main fancy\n"
            "deb http://a.example/debian bookworm-security main\n"
            "deb cdrom:[x]/ bookworm main\ndeb http://b.example/node nodistro main\n"
            "deb http://c.example/docker bookworm stable\n")
    kept = debian_sources(parse_one_line(text), "bookworm")
    assert [(source.suites, source.components) for source in kept] == [
        (("bookworm",), ("main",)), (("bookworm-security",), ("main",))]
