"""The doctor's findings about networks and disks, as files of this machine decide them."""

import pytest

from kernel_magics.boot.doctor import device_findings, doctor
from kernel_magics.boot.doctor.device_findings import examine_devices


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A folder that stands for the places that are looked at; nothing is there yet."""
    helper = tmp_path / "qemu-bridge-helper"
    monkeypatch.setattr(device_findings, "BRIDGE_HELPERS", (helper,))
    monkeypatch.setattr(device_findings, "BRIDGE_RULES", tmp_path / "bridge.conf")
    monkeypatch.setattr(device_findings, "TUN", tmp_path / "tun")
    monkeypatch.setattr("kernel_magics.boot.devices.filesystems._SBIN", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def finding(subject):
    return next(found for found in examine_devices() if found.subject == subject)


def test_what_is_missing_is_a_note_with_its_fix(machine):
    for subject in ("disk tools", "passt", "taps", "bridges"):
        assert finding(subject).level == "note"
        assert finding(subject).fix
    assert "apt install passt" in finding("passt").fix
    assert "apt install e2fsprogs" in finding("disk tools").fix


def test_what_is_there_is_named(machine):
    for name in ("passt", "mkfs.ext2", "e2fsck", "tun"):
        (machine / name).touch(0o755)
    assert "apt install makefs" in finding("disk tools").fix
    (machine / "makefs").touch(0o755)
    assert [finding(subject).level for subject in ("disk tools", "passt", "taps")] == ["ok"] * 3
    assert str(machine / "passt") in finding("passt").detail


def test_a_bridge_needs_a_helper_that_may_and_a_rule(machine, monkeypatch):
    helper = machine / "qemu-bridge-helper"
    helper.touch(0o755)
    assert "allows none" in finding("bridges").detail
    (machine / "bridge.conf").write_text("# rules\ndeny all\nallow br0\nallow virbr0\n")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "chmod u+s" in finding("bridges").fix
    helper.chmod(0o4755)
    assert finding("bridges").level == "ok" and "br0, virbr0" in finding("bridges").detail


def test_a_qemu_that_is_older_than_the_tested_one_is_a_note(monkeypatch, tmp_path):
    script = tmp_path / "qemu"
    monkeypatch.setenv("RUMPLAB_QEMU", str(script))
    for version, level in (("5.2.0 (Debian 1:5.2+dfsg-11)", "note"), ("7.2.22", "ok"),
                           ("10.0.1", "ok")):
        script.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version}'\n")
        script.chmod(0o755)
        found = doctor._qemu()
        assert found.level == level and version in found.detail
        assert ("install 7.2 or newer" in found.fix) == (level == "note")
