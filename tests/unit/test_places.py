"""Where things are kept: folders that cannot be written are told, with what to set."""

import subprocess

import pytest
from capabilities import need

from kernel_magics import places
from kernel_magics.boot.doctor.doctor import examine
from kernel_magics.errors import HostError


def refused(place) -> HostError:
    """Return the error of a place that cannot be used."""
    with pytest.raises(HostError) as caught:
        place()
    return caught.value


def test_a_home_that_cannot_be_written_is_told(monkeypatch):
    monkeypatch.delenv("RUMPLAB_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/dev/null/nobody")
    error = refused(places.cache_dir)
    assert "/dev/null/nobody/.cache/rumplab, cannot be used: not a directory" in error.message
    assert "set RUMPLAB_CACHE to a folder" in error.next_step


def test_a_folder_on_a_read_only_file_system_is_told(monkeypatch, tmp_path):
    need("root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path], check=True)
    try:
        for variable, place in (("RUMPLAB_CACHE", places.cache_dir),
                                ("RUMPLAB_RUNTIME", places.runtime_dir)):
            monkeypatch.setenv(variable, str(tmp_path))
            assert "cannot be used: it is not writable" in refused(place).message
            monkeypatch.setenv(variable, str(tmp_path / "inside"))
            assert "cannot be used: read-only file system" in refused(place).message
            assert variable in refused(place).next_step
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("name", ["with space", "ünï", "a,b", "a%20b", "a?b#c"])
def test_a_runtime_folder_that_libvirt_does_not_take_is_told(monkeypatch, tmp_path, name):
    monkeypatch.setenv("RUMPLAB_RUNTIME", str(tmp_path / name))
    error = refused(places.runtime_dir)
    assert name in error.message and "RUMPLAB_RUNTIME" in error.next_step
    assert not (tmp_path / name).exists()


def test_the_doctor_reports_folders_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("RUMPLAB_CACHE", "/dev/null/cache")
    monkeypatch.setenv("RUMPLAB_RUNTIME", "/dev/null/runtime")
    report = examine()
    assert not report.ok
    for subject in ("cache", "guests' RAM", "accelerator"):
        assert report.finding(subject).level == "problem"
        assert "cannot be used: not a directory" in report.finding(subject).detail
