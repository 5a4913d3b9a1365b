"""What goes wrong, and what the user is told: one clear message, and a next step."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot import registry
from kernel_magics.boot.hypervisor import accel, connection
from kernel_magics.boot.hypervisor.calibration import calibration_image
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import (
    BootError,
    GuestError,
    GuestTimeout,
    HostError,
    ImageError,
    LabError,
    UsageError,
)
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest


def refused(kind, work, said) -> LabError:
    """Return the error that `work` raises: of this kind, saying that, with a next step."""
    with pytest.raises(kind) as caught:
        work()
    assert said in caught.value.message
    assert caught.value.next_step and caught.value.next_step not in caught.value.message
    return caught.value


def wait_for_output(guest) -> None:
    """Wait until the calibration guest or the probe has written its first byte."""
    guest.console.expect(".", timeout=60)


def test_an_unknown_guest_is_named_with_those_there_are(lab, probe):
    refused(GuestError, lambda: lab.guest("nobody"), "no guest called 'nobody'")
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
    assert "did you mean probe?" in refused(GuestError, lambda: lab.stop("prob"),
                                            "no guest called 'prob'").next_step
    guest.stop()


def test_a_name_that_is_taken_or_invalid_is_refused(lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"], name="mine")
    refused(GuestError, lambda: lab.boot(probe, memory_mib=16, name="mine"),
            "the name mine is taken")
    refused(UsageError, lambda: lab.boot(probe, name="a/b"), "not a name for a guest: 'a/b'")
    assert guest.state == "running"
    guest.stop()


def test_an_unknown_image_or_option_is_named(lab, probe):
    refused(UsageError, lambda: lab.boot("no-such-image"), "no image called 'no-such-image'")
    error = refused(UsageError, lambda: lab.boot(probe, memory=16), "no option 'memory'")
    assert "memory_mib" in error.next_step
    error = refused(UsageError, lambda: lab.boot(probe, argv="probe a"), "argv is a list")
    assert "['probe', 'a']" in error.next_step
    refused(UsageError, lambda: Lab(driver="xen"), "driver='xen'")


@pytest.mark.parametrize("content, said", [
    (b"", "is empty"), (b"#!/bin/sh\n", "is not an ELF file"),
    (b"\x7fELF\x02\x01\x01" + bytes(9), "is truncated")])
def test_a_file_that_is_no_image_is_refused(lab, tmp_path, content, said):
    path = tmp_path / "image"
    path.write_bytes(content)
    refused(ImageError, lambda: lab.boot(path), said)
    refused(ImageError, lambda: lab.boot(tmp_path / "missing"), "cannot read")
    refused(ImageError, lambda: lab.boot("/bin/true"), "not a guest image")


def test_an_image_that_was_cut_off_since_is_refused_before_qemu_runs(lab, probe, tmp_path):
    from kernel_magics.build.image import GuestImage
    path = tmp_path / "probe.elf"
    path.write_bytes(probe.path.read_bytes())
    image = GuestImage.from_file(path)
    path.write_bytes(path.read_bytes()[:5000])
    refused(ImageError, lambda: lab.boot(image), "is truncated")
    assert lab.guests() == []


def test_more_memory_than_there_is_or_less_than_the_image_needs(lab, probe):
    refused(HostError, lambda: lab.boot(probe, memory_mib=64 << 20), "memory_mib=67108864 is too")
    error = refused(UsageError, lambda: lab.boot(probe, memory_mib=1), "does not fit into 1 MiB")
    assert "memory_mib=3" in error.next_step


def test_qemu_missing(lab, probe, monkeypatch):
    monkeypatch.setenv("RUMPLAB_QEMU", "/nowhere/qemu")
    error = refused(HostError, lambda: lab.boot(probe, memory_mib=16),
                    "/nowhere/qemu was not found")
    assert "apt install qemu-system-x86" in error.next_step
    report = lab.doctor()
    assert not report.ok and "was not found" in report.finding("QEMU").detail


def test_qemu_that_does_not_run(driver, lab, probe, monkeypatch, tmp_path):
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    fake.chmod(0o755)
    accelerator = accel.accelerator("tcg")
    monkeypatch.setenv("RUMPLAB_QEMU", str(fake))
    monkeypatch.setattr("kernel_magics.boot.starting.accelerator", lambda wanted: accelerator)
    if driver == "libvirt":
        refused(BootError, lambda: lab.boot(probe, memory_mib=16), "libvirt could not start probe")
    else:
        guest = lab.boot(probe, memory_mib=16)
        refused(GuestError, guest.wait, "it is broken")
        refused(BootError, lambda: lab.boot(probe, memory_mib=16, paused=True), "it is broken")


def test_libvirts_module_missing(monkeypatch, probe):
    connection.libvirt_module.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "libvirt", None)
    monkeypatch.setattr(connection, "_connections", {})
    try:
        with Lab() as lab:
            error = refused(HostError, lambda: lab.boot(probe, memory_mib=16),
                            "libvirt's Python module is missing")
            assert 'driver="qemu"' in error.next_step
            assert lab.doctor().finding("libvirt").level == "problem"
    finally:
        connection.libvirt_module.cache_clear()


@pytest.mark.parametrize("uri", ["qemu+unix:///system?socket=/nowhere", "nonsense:///"])
def test_a_libvirt_that_does_not_answer(uri, probe, capfd):
    need("libvirt")
    with Lab(uri) as lab:
        error = refused(HostError, lambda: lab.boot(probe, memory_mib=16),
                        f"libvirt does not answer at {uri}")
        assert "Lab() without" in error.next_step
        assert lab.guests() == []
    assert capfd.readouterr().err == ""  # libvirt prints its errors unless told not to


def test_kvm_asked_for_without_permission_or_device(monkeypatch, lab, probe, tmp_path):
    monkeypatch.setattr(accel, "KVM", tmp_path / "kvm")
    refused(HostError, lambda: lab.boot(probe, accel="kvm"), "there is no /dev/kvm")


def test_what_kvm_cannot_execute_ends_the_wait(driver, lab):
    """Some hosts emulate parts of a guest under KVM, and QEMU then leaves it paused for ever."""
    if problem := accel.kvm_problem():
        pytest.skip(f"kvm: {problem[0]}")
    image = lab.build("int main(void) { return 0; }", name="plain")
    guest = lab.boot(image, accel="kvm")
    try:
        assert guest.wait(timeout=120) == 0
    except GuestError as error:
        assert error.message.startswith("QEMU stopped plain: under KVM, this machine cannot")
        assert "--accel tcg" in error.next_step and guest.state == "paused"
    guest.stop()


def test_qemu_killed_under_the_lab(driver, lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@e"])
    guest.console.send("a")
    wait_for_output(guest)
    os.kill(guest.pid, signal.SIGKILL)
    refused(GuestError, lambda: guest.wait(timeout=60), "the guest had not exited")
    assert guest.state == "died" and guest.console.text == "a"
    refused(GuestError, lambda: guest.console.send("x"), "has ended")
    assert lab.boot(probe, memory_mib=16, argv=["probe", "@o"]).wait(timeout=60) == 0


def test_interrupting_the_wait_leaves_the_guest(driver, lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@e"])
    guest.console.send("a")
    wait_for_output(guest)
    for wait in (guest.wait, lambda: guest.console.expect("never", timeout=60)):
        timer = threading.Timer(0.2, signal.pthread_kill,
                                (threading.main_thread().ident, signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()  # here: on a busy machine it may come before the wait
            wait()
        timer.join()
        assert guest.state == "running"
    guest.console.send("q")
    assert guest.wait(timeout=60) == 7


def test_ctrl_c_at_the_terminal_does_not_reach_qemu(lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
    assert os.getsid(guest.pid) != os.getsid(0)
    guest.stop()


def test_a_full_runtime_folder(monkeypatch, probe, tmp_path):
    need("root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", tmp_path], check=True)
    try:
        monkeypatch.setenv("RUMPLAB_RUNTIME", str(tmp_path))
        with Lab(driver="qemu") as lab:
            refused(HostError, lambda: lab.boot(probe, memory_mib=16), "MiB free for the guest")
            (tmp_path / "filler").write_bytes(bytes(9 << 20)[:_free(tmp_path)])
            error = refused(HostError, lambda: lab.boot(probe, memory_mib=3), "MiB free")
            assert "RUMPLAB_RUNTIME" in error.next_step
            assert lab.guests() == [] and not lab.doctor().ok
            monkeypatch.setattr("kernel_magics.boot.starting._check_memory", lambda mib: None)
            refused(HostError, lambda: lab.boot(probe, memory_mib=3), "no space left on device")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _free(folder: Path) -> int:
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize


def test_no_trace_of_a_refused_boot_is_left(lab, probe, monkeypatch):
    monkeypatch.setenv("RUMPLAB_QEMU", "/nowhere/qemu")
    with pytest.raises(HostError):
        lab.boot(probe, memory_mib=16)
    monkeypatch.delenv("RUMPLAB_QEMU")
    monkeypatch.setattr("kernel_magics.boot.hypervisor.qemu.spawn", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lab.boot(probe, memory_mib=16)
    assert list(registry.guests_dir().glob("*/guest.json")) == []


def test_closing_the_lab_stops_its_guests_unless_they_are_kept(driver, probe):
    with Lab(driver=driver) as lab:
        guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
        process = ProcessId.of(guest.pid)
    assert not process.is_alive() and guest.state == "stopped"
    assert not guest.host_files.folder.exists()
    with Lab(driver=driver, keep=True) as keeping:
        kept = keeping.boot(probe, memory_mib=16, argv=["probe", "@h"])
    assert kept.state == "running"
    with Lab(driver=driver) as other:
        other.stop(kept.name)
    assert kept.state == "stopped"


def test_calibration_reports_an_accelerator_that_fails(tmp_path):
    from kernel_magics.boot.hypervisor.calibration import measure
    found = measure(tmp_path, "tcg", "no-such-cpu")
    assert not found.works and found.refused and "no-such-cpu" in found.problem


def test_calibration_is_kept_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    measured = accel.calibrate()
    monkeypatch.setattr(accel, "_decide", None)  # would be called to measure again
    assert accel.calibrate() == measured
    monkeypatch.undo()
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    chosen = accel.accelerator()
    assert chosen.name == measured.choice and chosen.tsc_hz > 10**8
    assert "\n" not in chosen.why and chosen.name.upper() in chosen.why
    next(tmp_path.glob("calibration-*.json")).write_text("{")
    assert accel.calibrate().choice in ("kvm", "tcg")


def test_without_a_compiler_the_calibration_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    refused(HostError, calibration_image, "gcc was not found")


def test_a_wait_that_times_out_shows_the_console(lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@e"])
    guest.console.send("last words")
    guest.console.expect("words", timeout=60)
    assert "last words" in str(refused(GuestTimeout, lambda: guest.wait(timeout=0.05), "running"))
    guest.stop()
