"""What there is of upstream Rumprun here; nothing else of the lab needs it."""

import shutil

from kernel_magics.boot.doctor.findings import Finding
from kernel_magics.build.rumprun import bake_configurations, find_rumprun
from kernel_magics.build.rumprun.systems import PACKAGES
from kernel_magics.errors import LabError

__all__ = ["examine_rumprun"]


def examine_rumprun() -> list[Finding]:
    """Return a finding of the toolchain and, if there is one, of its bakes and build systems."""
    try:
        found = find_rumprun()
    except LabError as error:
        return [Finding("Rumprun", "note", error.message, error.next_step)]
    languages = "C, C++" if found.cxx else "C (built without C++)"
    kernel = f"NetBSD {found.kernel}, " if found.kernel else ""
    return [
        Finding("Rumprun", "ok", f"{found.prefix}: {languages}; platforms "
                f"{', '.join(found.platforms)}; {kernel}compiler {found.backing_version}, "
                f"rumprun-bake {found.version}"),
        _bakes(), _systems()]


def _bakes() -> Finding:
    try:
        bakes = [one for one in bake_configurations(find_rumprun()) if one.is_bootable_here]
    except LabError as error:
        return Finding("Rumprun bakes", "problem", error.message, error.next_step)
    whole = [f"{one.name} ({len(one.components)} components)" for one in bakes if not one.missing]
    lacking = [f"{one.name} lacks {', '.join(one.missing)}" for one in bakes if one.missing]
    return Finding("Rumprun bakes", "note" if lacking else "ok", "; ".join([*whole, *lacking]),
                   "build the toolchain again with what is lacking" if lacking else "")


def _systems() -> Finding:
    there = [tool for tool in ("cmake", "make") if shutil.which(tool)]
    missing = [tool for tool in ("cmake", "make") if tool not in there]
    detail = ", ".join([*there, *(f"no {tool}" for tool in missing)])
    return Finding("Rumprun projects", "note" if missing else "ok", f"folders are built with "
                   f"{detail}", f"sudo apt install {' '.join(PACKAGES[tool] for tool in missing)}"
                   if missing else "")
