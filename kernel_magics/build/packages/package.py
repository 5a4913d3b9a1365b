"""Packages → guest image: resolve, fetch, unpack, lay out the archive, add the kernel."""

import json
import os
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernel_magics.build.cache import BuildCache, digest
from kernel_magics.build.debian import DebianArchive
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.image import GuestImage, entry_files, link_files
from kernel_magics.build.packages.kernel import KERNEL_NAME, find_kernel
from kernel_magics.build.packages.request import PackageRequest
from kernel_magics.build.packages.root import ARCHIVE, make_root, root_key
from kernel_magics.build.packages.stacks import Stack, find_stack
from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.places import cache_dir

__all__ = ["PackageRequest", "build_package", "debian_packages"]

RECIPE = "3"  # changes when this file makes another image from the same inputs
KEPT_ROOTS, KEPT_BYTES = 40, 8 << 30


def build_package(request: PackageRequest, *, cache: BuildCache | None = None,
                  debian: DebianArchive | None = None,
                  sources: Path | None = None) -> GuestImage:
    """Make a guest image of Debian packages, or find the one made before.

    `cache` and `debian` are where images and packages are kept, by default in the lab's
    cache; `sources` the runtime's folder.  Raises UsageError (a package, program or file
    that is not there), HostError (no network, no room) or BuildError.  Interrupted, it
    leaves nothing behind but what was fetched.
    """
    started_ns = time.monotonic_ns()
    stack = find_stack(request.check().packages[0], request.run)
    wanted = (*request.packages, *stack.keep)
    packages = (debian or DebianArchive()).binary(wanted, refresh=request.refresh)
    cache = cache or BuildCache(kept_bytes=KEPT_BYTES)
    roots = BuildCache(cache.root.parent / "roots", kept=KEPT_ROOTS, kept_bytes=KEPT_BYTES)
    kernel, facts = find_kernel(cache, sources)
    key = root_key(request, stack, packages)
    root = roots.find(key) or make_root(roots, key, request, stack, packages)
    settings = _settings(request, stack, root[1])
    entry_key = digest("package", RECIPE, request.image_name, key, facts["content_hash"],
                       str(kernel), json.dumps(settings, sort_keys=True))
    found = cache.find(entry_key)
    cached = found is not None
    folder, record = found or _store(cache, entry_key, request.image_name, (kernel, facts),
                                     root, settings)
    cache.remember(request.image_name, folder)
    return GuestImage.from_entry(folder, record, cached=cached,
                                 build_ns=time.monotonic_ns() - started_ns)


def _settings(request: PackageRequest, stack: Stack, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a boot needs to know besides the archive."""
    programs = [dict(program) for program in request.rc]
    if not programs:
        argv = request.argv or stack.argv or (_only_program(request, root),)
        programs = [{"argv": list(argv)}]
    for program in programs:
        program["bin"] = _program(program.get("bin") or program["argv"][0], root)
        program["argv"] = list(program["argv"])
    return {"rc": programs, "env": {**stack.env, **request.env},
            "memory_mib": request.memory_mib or _memory_mib(stack, root)}


def _memory_mib(stack: Stack, root: Mapping[str, Any]) -> int:
    """Return the RAM that is known to be enough; at least the archive and as much again."""
    archive_mib = -(-root["archive_bytes"] >> 20)
    return max(stack.memory_mib, archive_mib + 24)


def _program(name: str, root: Mapping[str, Any]) -> str:
    """Return the path of a program of the root; raises UsageError naming those like it."""
    programs: dict[str, str] = root["programs"]
    if name in programs:
        return programs[name]
    if name in programs.values() or name in root["executables"]:
        return name
    close = nearest_names(name.rpartition("/")[2], programs)
    raise UsageError(f"there is no program {name!r} in the root", next_step=meant(close) or
                     f"there are {', '.join(sorted(programs)[:12]) or 'none'}")


def _only_program(request: PackageRequest, root: Mapping[str, Any]) -> str:
    """Return the program of a package that is meant when none is said."""
    package = request.packages[0].partition("=")[0]
    offered: list[str] = root["offered"]
    # What a package is named for may come from one it depends on: python3 from python3-minimal.
    for name in (package, package.removesuffix("-minimal"), package.removesuffix("-cli"),
                 package.removesuffix("-static")):
        if name in root["programs"]:
            return name
    if len(offered) == 1:
        return offered[0]
    what = f"several programs: {', '.join(offered[:12])}" if offered else "no program"
    raise UsageError(f"{package} has {what}",
                     next_step=f"say what to run, such as argv={shlex.split(offered[0])!r}"
                     if offered else "name a package that has one")


def _store(cache: BuildCache, key: str, name: str, kernel: tuple[Path, dict[str, Any]],
           root: tuple[Path, dict[str, Any]],
           settings: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Make an entry whose files are the kernel's and the root's, shared with theirs."""
    (kernel_folder, kernel_record), (root_folder, root_record) = kernel, root
    archive = f"{name}.cpio"
    warnings = [asdict(Diagnostic("", 0, 0, "warning", text)) for text in root_record["warnings"]]
    record = {
        **kernel_record, "name": name, "warnings": warnings,
        "content_hash": digest(kernel_record["content_hash"], root_record["sha256"]),
        "root": {**settings, "archive": archive, "packages": root_record["packages"],
                 "programs": root_record["programs"]}}
    links = [(kernel_folder / origin, file) for origin, file in
             zip(link_files(KERNEL_NAME), link_files(name), strict=True)
             if (kernel_folder / origin).exists()]
    files = [*entry_files(name), *(file for _, file in links), archive]
    origins = [*(kernel_folder / file for file in entry_files(KERNEL_NAME)),
               *(origin for origin, _ in links), root_folder / ARCHIVE]
    with cache.staging() as folder:
        for origin, file in zip(origins, files, strict=True):
            _share(origin, folder / file)
        return cache.store(key, folder, files, (), record), record


def _share(origin: Path, place: Path) -> None:
    try:
        os.link(origin, place)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(origin, place)


def debian_packages() -> list[str]:
    """Return the packages there are, for completion; [] before the first download."""
    return DebianArchive(cache_dir() / "debian").names()
