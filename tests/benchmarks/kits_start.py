"""How soon hello speaks in each kit: bare QEMU, exec to the first byte of its line."""

from functools import partial

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator

from .kits_sides import SIDES, add_side_by_side, hello_qemu, images, kits_report
from .machines import bare_qemu, exec_to_output_ns, onebyte_image
from .measuring import Report, interleave
from .programs import HELLO, HELLO_TEXT

__all__ = ["run"]

_MIB = 64


def run(quick: bool) -> Report:
    """Compare the three sides, and beside them a guest of a few instructions on pc."""
    report = kits_report("kits_start", quick)
    report.note(f"bare QEMU, {_MIB} MiB, serial console on its stdout, no other device; pc boots"
                " through SeaBIOS, which onebyte (a few instructions) shows the share of")
    with Lab(driver="qemu") as lab:
        built = images(lab, HELLO, "hello")
    runs = {side.words: partial(exec_to_output_ns, hello_qemu(built, side, _MIB), HELLO_TEXT)
            for side in SIDES}
    runs["onebyte"] = partial(exec_to_output_ns, bare_qemu(onebyte_image(), accelerator(), _MIB,
                                                           machine="pc"), b"!")
    samples = interleave(4 if quick else 20, **runs)
    report.measure("onebyte on pc: exec → byte", "ms",
                   [taken_ns / 1e6 for taken_ns in samples["onebyte"]])
    add_side_by_side(report, "exec → hello's line", "ms", {
        side: [taken_ns / 1e6 for taken_ns in samples[side.words]] for side in SIDES})
    return report
