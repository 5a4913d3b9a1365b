"""How soon a guest speaks: against a guest of a few instructions, and paused and resumed."""

import time
from typing import Any

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator

from .machines import (
    bare_qemu,
    exec_to_console_ns,
    exec_to_output_ns,
    onebyte_image,
)
from .measuring import Report, interleave
from .programs import HELLO, HELLO_TEXT

__all__ = ["run"]

_MIB = 32


def run(quick: bool) -> Report:
    """Measure exec → first byte (direct driver) and resume → first byte (libvirt)."""
    report = Report("start_latency", quick)
    chosen = accelerator()
    report.note(f"{chosen.name}, microvm, {_MIB} MiB")
    report.note("onebyte: bare QEMU, byte seen on its stdout; hello: the direct driver's"
                " QEMU, byte seen in the console's file; boot: lab.boot and console.expect")
    with Lab(driver="qemu") as lab:
        image = lab.build(HELLO, name="hello")
        onebyte = bare_qemu(onebyte_image(), chosen, _MIB)
        samples = interleave(
            5 if quick else 30,
            onebyte=lambda: exec_to_output_ns(onebyte, b"!") / 1e6,
            hello=lambda: exec_to_console_ns(image, chosen, _MIB, HELLO_TEXT) / 1e6,
            boot=lambda: _boot_ms(lab, image))
    base = report.measure("onebyte: exec → byte", "ms", samples["onebyte"])
    hello = report.measure("hello: exec → byte", "ms", samples["hello"])
    boot = report.measure("lab.boot(hello) → byte in Python", "ms", samples["boot"])
    report.ratio("hello / onebyte", hello, base, at_most=1.5)
    report.ratio("lab.boot / onebyte", boot, base)
    _resume(report, image, 3 if quick else 15)
    return report


def _boot_ms(lab: Lab, image: Any) -> float:
    begun_ns = time.monotonic_ns()
    guest = lab.boot(image, memory_mib=_MIB)
    guest.console.expect(HELLO_TEXT[:1].decode())
    taken_ns = time.monotonic_ns() - begun_ns
    guest.wait(timeout=20)
    return taken_ns / 1e6


def _resume(report: Report, image: Any, rounds: int) -> None:
    creates, resumes = [], []
    with Lab(driver="libvirt") as lab:
        for number in range(rounds + 1):
            begun_ns = time.monotonic_ns()
            guest = lab.boot(image, memory_mib=_MIB, name=f"bench-resume-{number}", paused=True)
            created_ns = time.monotonic_ns()
            creates.append((created_ns - begun_ns) / 1e6)
            time.sleep(0.2)  # what libvirt still does after the create is not the resume's
            begun_ns = time.monotonic_ns()
            guest.resume()
            guest.console.expect(HELLO_TEXT[:1].decode())
            resumes.append((time.monotonic_ns() - begun_ns) / 1e6)
            guest.wait(timeout=20)
    create = report.measure("libvirt: create paused", "ms", creates[1:])
    resume = report.measure("libvirt: resume → byte", "ms", resumes[1:])
    report.ratio("resume / create", resume, create, at_most=0.1)
