"""Which accelerator a guest should run under, decided by measurement.

/dev/kvm is not a promise: some hosts emulate guest ring 0 in software, hundreds of times
slower than TCG, or end the guest at its first SSE instruction.  So a small guest
(images/guests/calibrate) does the same work under both; the faster one is chosen, and the
decision kept for this host.  The same run measures the guest's time-stamp counter.
"""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from kernel_magics.boot.hypervisor.calibration import Measurement, measure
from kernel_magics.boot.hypervisor.qemu import find_qemu
from kernel_magics.errors import HostError
from kernel_magics.places import cache_dir, runtime_dir

__all__ = ["Accelerator", "Calibration", "calibrate", "accelerator", "kvm_problem"]

KVM = Path("/dev/kvm")
# The second is for hosts where `host` fails on a model-specific register it may not set.
KVM_CPUS = ("host", "host,-arch-capabilities")
RECIPE = 2  # changes when what is measured, or how it is judged or told, changes


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What a guest is run under: "kvm" or "tcg", a CPU model, and in one line why.

    `tsc_hz` is the measured frequency of the guest's time-stamp counter, 0 if unknown.
    """

    name: str
    cpu: str
    tsc_hz: int
    why: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured on this host; `choice` is "kvm" or "tcg"."""

    choice: str
    why: str
    measurements: tuple[Measurement, ...]

    def accelerator(self, name: str) -> Accelerator:
        """Return accelerator `name` as it was measured, or as it must be tried unmeasured."""
        found = next((m for m in reversed(self.measurements) if m.accel == name and m.works), None)
        why = self.why if name == self.choice else f"{name} was asked for"
        if found:
            return Accelerator(name, found.cpu, found.tsc_hz, why)
        return Accelerator(name, "max" if name == "tcg" else KVM_CPUS[-1], 0, why)

    def __repr__(self) -> str:
        return "\n".join([f"{self.choice}: {self.why}", *map(str, self.measurements)])


def accelerator(wanted: str = "auto") -> Accelerator:
    """Return the accelerator to use.

    `wanted` is "auto" (the faster one), "kvm" or "tcg".  Raises HostError if KVM is asked
    for and cannot be used, or if there is no QEMU.
    """
    if wanted == "kvm" and (problem := kvm_problem()):
        raise HostError(f"KVM cannot be used: {problem[0]}", next_step=problem[1])
    calibration = calibrate()
    return calibration.accelerator(calibration.choice if wanted == "auto" else wanted)


def kvm_problem() -> tuple[str, str] | None:
    """Return why /dev/kvm cannot be opened, and the fix; None if it can."""
    if not KVM.exists():
        return "there is no /dev/kvm", ("enable virtualisation in the firmware, or nested "
                                        "virtualisation on the host; TCG works without it")
    if not os.access(KVM, os.R_OK | os.W_OK):
        return ("no permission to open /dev/kvm",
                "sudo usermod -aG kvm $USER, then log in again")
    return None


def calibrate(*, refresh: bool = False) -> Calibration:
    """Return this host's calibration; measured the first time or when `refresh` is true.

    Costs a fraction of a second, at most about two.  Raises HostError if there is no QEMU
    or no assembler.
    """
    path = cache_dir() / f"calibration-{_host_key()}.json"
    if not refresh and (found := _load(path)):
        return found
    with _folder() as folder:
        calibration = _decide(folder)
    if not any(measurement.works for measurement in calibration.measurements):
        return calibration  # asked again next time: the machine may only have been busy
    with suppress(OSError):  # a full disk: measured again next time
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(calibration)))
        os.replace(fresh, path)
    return calibration


def _decide(folder: Path) -> Calibration:
    tcg = measure(folder, "tcg", "max")
    problem = kvm_problem()
    if problem:
        return Calibration("tcg", f"TCG is used: {problem[0]} ({problem[1]})", (tcg,))
    measured = [tcg]
    for cpu in KVM_CPUS:
        kvm = measure(folder, "kvm", cpu, rival_ns=tcg.work_ns if tcg.works else None)
        measured.append(kvm)
        if kvm.works or not kvm.refused:
            break
    if kvm.works and not (tcg.works and tcg.work_ns < kvm.work_ns):
        return Calibration("kvm", "KVM is used: " + _times(kvm, tcg), tuple(measured))
    reason = f"is slower: {_times(kvm, tcg)}" if kvm.works else f"fails: {kvm.problem}"
    if not kvm.works and tcg.works:
        reason += f", which takes {tcg.work_ns / 1e6:.1f} ms under TCG"
    return Calibration("tcg", f"TCG is used: /dev/kvm is there, but {reason}", tuple(measured))


def _times(kvm: Measurement, tcg: Measurement) -> str:
    rival = f"{tcg.work_ns / 1e6:.1f} ms under TCG" if tcg.works else "and fails under TCG"
    return f"the calibration guest's work takes {kvm.work_ns / 1e6:.1f} ms under KVM, {rival}"


def _host_key() -> str:
    """Name what the decision depends on: CPU, kernel, QEMU, access to /dev/kvm."""
    binary = Path(find_qemu()).resolve()
    facts = binary.stat()
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith(("model name", "CPU part"))), "")
    parts = [RECIPE, model, platform.release(), binary, facts.st_size, facts.st_mtime_ns,
             kvm_problem()]
    return sha256(repr(parts).encode()).hexdigest()[:16]


def _load(path: Path) -> Calibration | None:
    try:
        facts = json.loads(path.read_text())
        rows = tuple(Measurement(**row) for row in facts.pop("measurements"))
        return Calibration(measurements=rows, **facts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="calibrate-", dir=runtime_dir()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
