"""QEMU's plug-in that traces a guest from outside: compiled here, and told what to trace."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel_magics.boot.devices.preparing import shares_files
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.spec import BootSpec
from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import HostError, UsageError
from kernel_magics.places import cache_dir, images_dir
from kernel_magics.trace.outside.plugin_file import write_plugin_file
from kernel_magics.trace.outside.points import layout_of, points_of
from kernel_magics.trace.plan import TracePlan

__all__ = ["PluginTracer", "find_plugin", "plugin_tracer"]

LIBRARY = "rumplab-trace.so"
FLAGS = ("-shared", "-fPIC", "-O2", "-g", "-Wall", "-Wextra", "-fvisibility=hidden")
_KEPT_DIGITS = 32


class PluginTracer:
    """Traces one guest, as a plan says, from its first instruction on."""

    def __init__(self, image: Any, plan: TracePlan, records: int) -> None:
        self._image, self._plan, self._records = image, plan, records

    def arguments(self, files: GuestFiles, ram_bytes: int) -> tuple[str, ...]:
        """Make the file with the ring; return what loads the plug-in.  See boot.tracing."""
        library, path = find_plugin(), files.trace
        with disk_errors(files.folder):
            write_plugin_file(path, points_of(self._image), layout_of(self._image), ram_bytes,
                              self._records, self._plan.fields())
        return "-plugin", f"{_escape(library)},ring={_escape(path)}"


def plugin_tracer(image: Any, spec: BootSpec,
                  plan: TracePlan) -> tuple[BootSpec, PluginTracer]:
    """Return who traces a guest from outside, and how it is booted then: under TCG.

    Raises UsageError if the guest is to run under KVM, or on another machine, or is recorded.
    """
    _check(spec)
    return replace(spec, accel="tcg"), PluginTracer(image, plan, spec.trace_records)


def _check(spec: BootSpec) -> None:
    if spec.accel == "kvm":
        raise UsageError("a guest is traced from outside by QEMU's translator, which KVM does "
                         "without", next_step='leave accel out, or build the image with tracing '
                                              "in it: trace=True")
    if spec.driver == "libvirt" and not shares_files(spec.uri or ""):
        raise UsageError(f"a guest at {spec.uri} cannot be traced from outside: the ring is in a "
                         "file of this machine",
                         next_step="use Lab() without a URI, or build the image with tracing in "
                                   "it: trace=True")
    if spec.record:
        raise UsageError("a run cannot be recorded and traced from outside at once",
                         next_step="build the image with tracing in it: trace=True")


def find_plugin() -> Path:
    """Return the plug-in, compiled once for each state of its sources.

    Raises HostError if there is no compiler, or it refuses.
    """
    sources = images_dir() / "qemu_plugin"
    headers = (images_dir() / "rumpkit" / "include" / "lab_abi.h",
               images_dir() / "rumprun" / "trace_netbsd.h")
    files = [*sorted(sources.glob("*.[ch]")), *headers]
    key = digest(*(part for path in files for part in (path.name, path.read_bytes())), *FLAGS)
    root = cache_dir() / "qemu-plugin"
    library = root / key[:_KEPT_DIGITS] / LIBRARY
    if library.exists():
        return library
    compiler = shutil.which("gcc")
    if compiler is None:
        raise HostError("there is no gcc to compile QEMU's plug-in with",
                        next_step="install it: sudo apt install gcc libc6-dev")
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=root) as folder:
            made = Path(folder) / LIBRARY
            command = [compiler, *FLAGS, *(f"-I{one.parent}" for one in headers), "-o", str(made),
                       *map(str, sorted(sources.glob("*.c")))]
            code, output = run_tool(command, env={"TMPDIR": folder})
            if code:
                raise HostError(f"QEMU's plug-in does not compile:\n{output.strip()}",
                                log=output, next_step="it needs gcc and libc6-dev")
            library.parent.mkdir(exist_ok=True)
            os.replace(made, library)
    return library


def _escape(path: Path) -> str:
    """Double commas, as QEMU's option syntax wants."""
    return str(path).replace(",", ",,")
