"""What runs in the two guests of a comparison, and the command lines of both.

Both are given the same root, an archive.  Before it, the Linux guest's own archive has
what a Linux guest needs: an init and the modules of its devices.
"""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.boot.spec import render
from kernel_magics.build.image import GuestImage
from kernel_magics.build.runtime import find_runtime

from .linux_kernel import linux_command_line, linux_image
from .machines import LINUX_DEVICES_MACHINE, LINUX_MACHINE, MACHINE, bare_qemu
from .peer_devices import Devices, Hardware
from .programs import linux_program
from .root_archive import root_archive

__all__ = ["Workload", "Side", "own_program", "packaged", "sides"]


@dataclass(frozen=True, slots=True)
class Workload:
    """A program by its path and arguments (from argv[0] on), its root, rumpkit's kernel."""

    path: str
    argv: Sequence[str]
    root: Path
    kernel: Path


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two guests: what differs between them."""

    name: str
    kernel: Path
    machine: str
    root: Path
    line: str
    hardware: Hardware

    def command(self, folder: Path, memory_mib: int) -> tuple[list[str], Devices]:
        """Return the guest's QEMU, and its devices; a copy of the disk is made in `folder`."""
        devices = self.hardware.devices(folder / f"{self.name}.disk")
        return bare_qemu(self.kernel, accelerator(), memory_mib, "-initrd", str(self.root),
                         "-append", self.line, *devices.arguments,
                         machine=self.machine), devices


def own_program(folder: Path, program: str, arguments: Sequence[str],
                files: Mapping[str, bytes]) -> Workload:
    """Build a program of the folder `programs`, static; `files` are beside it in the root."""
    binary = linux_program(program, folder / program).read_bytes()
    root = root_archive(folder / "root.cpio", {"program": binary}, files)
    return Workload("/program", [program, *arguments], root, _kernel(folder / "rumpkit.elf"))


def packaged(image: GuestImage) -> Workload:
    """Take an image of Debian packages: what it runs when nothing is said."""
    assert image.initrd is not None
    return Workload(image.rc[0]["bin"], image.rc[0]["argv"], image.initrd, image.stripped_path)


def sides(workload: Workload, hardware: Hardware, folder: Path) -> list[Side]:
    """Return the rumpkit and the Linux guest, in this order."""
    return [_rumpkit(workload, hardware), _linux(workload, hardware, folder)]


def _kernel(target: Path) -> Path:
    """Link the runtime without a program of its own: it starts one from the archive."""
    runtime = find_runtime()
    subprocess.run(["gcc", "-static", "-no-pie", "-nostdlib", f"-Wl,-T,{runtime.link_script}",
                    "-Wl,--defsym=__real_main=0", "-Wl,--build-id=sha1", "-s", "-o", target,
                    runtime.object], check=True)
    return target


def _rumpkit(workload: Workload, hardware: Hardware) -> Side:
    program = {"bin": workload.path, "argv": list(workload.argv)}
    lab = {"tsc_hz": accelerator().tsc_hz, "epoch_ns": time.time_ns()}
    line = render([("rc", [program]), *hardware.configuration(), ("lab", lab)])
    return Side("rumpkit", workload.kernel, MACHINE, workload.root, line, hardware)


def _linux(workload: Workload, hardware: Hardware, folder: Path) -> Side:
    init = linux_program("linux_init", folder / "linux_init").read_bytes()
    arguments = "".join(f"{word}\0" for word in (workload.path, *workload.argv)).encode()
    root = root_archive(folder / "linux.cpio", {"init": init},
                        {"arguments": arguments, **hardware.modules()})
    with root.open("ab") as archive:  # one archive may follow another
        archive.write(workload.root.read_bytes())
    words = [linux_command_line(accelerator().tsc_hz), *hardware.linux_words()]
    return Side("Linux", linux_image(hardware.linux_package),
                LINUX_DEVICES_MACHINE if hardware else LINUX_MACHINE, root, " ".join(words),
                hardware)
