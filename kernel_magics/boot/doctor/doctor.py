"""What this machine can do for the lab; each finding with its fix."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from kernel_magics.boot import registry
from kernel_magics.boot.doctor.device_findings import examine_devices
from kernel_magics.boot.doctor.findings import Finding
from kernel_magics.boot.doctor.rumprun_findings import examine_rumprun
from kernel_magics.boot.hypervisor.accel import Calibration, calibrate, kvm_problem
from kernel_magics.boot.hypervisor.connection import connect
from kernel_magics.boot.hypervisor.qemu import find_qemu
from kernel_magics.errors import LabError
from kernel_magics.places import cache_dir, runtime_dir

__all__ = ["DoctorReport", "Finding", "examine"]

MIB = 1 << 20
TESTED_QEMU = (7, 2)
ROOM_BYTES = 256 * MIB  # a few guests' RAM; the cache of a course's images


class DoctorReport(tuple[Finding, ...]):
    """All findings in a fixed order; `ok` if guests can be built and booted here."""

    @property
    def ok(self) -> bool:
        """Whether there is no problem (notes do not count)."""
        return not self.problems

    @property
    def problems(self) -> list[Finding]:
        """The findings that keep guests from being built or booted."""
        return [finding for finding in self if finding.level == "problem"]

    def finding(self, subject: str) -> Finding:
        """Return the finding about one subject, such as "KVM"; raises KeyError."""
        for finding in self:
            if finding.subject == subject:
                return finding
        raise KeyError(subject)

    def __repr__(self) -> str:
        return "\n".join(map(str, self))


def examine(uri: str | None = None, *, refresh: bool = False) -> DoctorReport:
    """Look at this machine; `uri` is the libvirt URI to try, None the embedded driver.

    With `refresh` the accelerators are measured again.  Never raises a LabError: what is
    wrong is a finding.
    """
    return DoctorReport([
        _guarded("QEMU", _qemu),
        _guarded("libvirt", lambda: _libvirt(uri)),
        *_accelerators(refresh),
        _tool("compiler", "gcc", "sudo apt install gcc"),
        _tool("musl", "musl-gcc", "sudo apt install musl-tools"),
        _tool("make", "make", "sudo apt install make"),
        *examine_devices(),
        *examine_rumprun(),
        _guarded("guests' RAM", lambda: _room("guests' RAM", runtime_dir(), "RUMPLAB_RUNTIME")),
        _guarded("cache", lambda: _room("cache", cache_dir(), "RUMPLAB_CACHE")),
        _memory(),
        _guarded("guests", _guests),
    ])


def _guarded(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except LabError as error:
        return Finding(subject, "problem", error.message, error.next_step)


def _qemu() -> Finding:
    binary = find_qemu()
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True,
                              timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("QEMU", "problem", f"{binary} does not run: {error}",
                       "install it again: sudo apt install --reinstall qemu-system-x86")
    first = (said.splitlines() or ["it says no version"])[0]
    version = re.search(r"version (\d+)\.(\d+)", first)
    if version and (int(version[1]), int(version[2])) < TESTED_QEMU:
        return Finding("QEMU", "note", f"{first} ({binary}) is older than the lab is tested with",
                       f"if guests do not boot, install {'.'.join(map(str, TESTED_QEMU))} or newer")
    return Finding("QEMU", "ok", f"{first} ({binary})")


def _libvirt(uri: str | None) -> Finding:
    connection = connect(uri or "")
    number = connection.handle.getLibVersion()
    version = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    if connection.shares_files:
        return Finding("libvirt", "ok", f"libvirt {version} at {uri or 'qemu:///embed'}")
    return Finding("libvirt", "note", f"libvirt {version} at {uri} shares no memory with the lab: "
                   "exit status and tracing are not available", "use Lab() without a URI")


def _accelerators(refresh: bool) -> list[Finding]:
    try:
        found = calibrate(refresh=refresh)
    except LabError as error:
        return [Finding("accelerator", "problem", error.message, error.next_step)]
    return [Finding("accelerator", "ok", found.why), _kvm(found), *_tcg(found)]


def _kvm(found: Calibration) -> Finding:
    problem = kvm_problem()
    if problem:
        return Finding("KVM", "note", problem[0], problem[1])
    runs = [m for m in found.measurements if m.accel == "kvm"]
    if not runs or not runs[-1].works:
        why = runs[-1].problem if runs else "it was not tried"
        return Finding("KVM", "note", f"/dev/kvm opens, but {why}",
                       "nothing to do: TCG is used; on a host of yours, enable nested KVM")
    tcg = next((m for m in found.measurements if m.accel == "tcg" and m.works), None)
    ratio = f", TCG takes {tcg.work_ns / max(runs[-1].work_ns, 1):.1f} × as long" if tcg else ""
    return Finding("KVM", "ok", f"-cpu {runs[-1].cpu} works{ratio}")


def _tcg(found: Calibration) -> list[Finding]:
    return [Finding("TCG", "ok" if m.works else "problem",
                    f"time-stamp counter {m.tsc_hz / 1e6:.0f} MHz" if m.works else m.problem,
                    "" if m.works else "run it by hand: qemu-system-x86_64 -M microvm -accel tcg")
            for m in found.measurements if m.accel == "tcg"]


def _tool(subject: str, name: str, fix: str) -> Finding:
    path = shutil.which(name)
    return (Finding(subject, "ok", path) if path
            else Finding(subject, "problem", f"{name} was not found", fix))


def _room(subject: str, folder: Path, variable: str) -> Finding:
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    detail = f"{free // MIB} MiB free in {folder}"
    if free < ROOM_BYTES:
        return Finding(subject, "problem", detail,
                       f"free some space there, or set {variable} to another folder")
    return Finding(subject, "ok", detail)


def _memory() -> Finding:
    lines = Path("/proc/meminfo").read_text().splitlines()
    facts = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    available = facts.get("MemAvailable", 0)
    detail = f"{available // MIB} of {facts['MemTotal'] // MIB} MiB available"
    if available < ROOM_BYTES:
        return Finding("memory", "problem", detail, "end other programs")
    return Finding("memory", "ok", detail)


def _guests() -> Finding:
    left = [record.name for _, record in registry.records()
            if record.is_running() and not record.owner.is_alive()]
    if left:
        return Finding("guests", "note", "left running by a notebook that is gone: "
                       + ", ".join(left), "stop them: " + ", ".join(
                           f'lab.stop("{name}")' for name in left))
    return Finding("guests", "ok", "none left behind")
