"""How much hello weighs: bytes to load, and the least RAM it boots and exits in."""

import os
import tempfile
from functools import partial
from pathlib import Path

from kernel_magics import Lab

from .linux_guest import boots_in, smallest_mib
from .measuring import Report
from .programs import HELLO, musl_static

__all__ = ["run"]


def run(quick: bool) -> Report:
    """Compare the stripped image with the stripped static program for Linux."""
    report = Report("image_size", quick)
    with Lab(driver="qemu") as lab, tempfile.TemporaryDirectory() as folder:
        image = lab.build(HELLO, name="hello")
        source = Path(folder) / "hello.c"
        source.write_text(HELLO)
        program = musl_static(source, Path(folder) / "hello")
        size = report.measure("image, stripped", "KiB",
                              [os.stat(image.stripped_path).st_size / 1024], at_most=500)
        plain = report.measure("static Linux program", "KiB", [program.stat().st_size / 1024])
        report.ratio("image / program", size, plain)
        report.measure("smallest RAM", "MiB",
                       [smallest_mib(partial(boots_in, lab, image), most=32)], at_most=8)
    return report
