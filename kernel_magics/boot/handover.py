"""How a guest's configuration is handed over to it."""

from dataclasses import dataclass, replace
from pathlib import Path

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.devices.disks import Disk
from kernel_magics.boot.devices.filesystems import make_filesystem
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.errors import HostError

__all__ = ["Handover"]

MODULE = "configuration.json"
DISK, FOLDER = "configuration.img", "configuration"
DISK_BYTES = 512 << 10


@dataclass(frozen=True, slots=True)
class Handover:
    """What QEMU gives a guest to read.

    `append` is the kernel's command line, `module` the text of a multiboot module, and `disk`
    that of a file called MODULE in the root of a disk that comes before all others; "" is none.
    """

    append: str
    module: str = ""
    disk: str = ""

    def prepare(self, files: GuestFiles, initrd: str, devices: Devices) -> tuple[str, Devices]:
        """Write what is a file into the guest's folder; return the initrd and the devices.

        Raises HostError if it cannot be written.
        """
        try:
            if self.module:
                path = files.folder / MODULE
                path.write_text(self.module)
                return str(path), devices
            if self.disk:
                path = _make_disk(files.folder, self.disk)
                return initrd, replace(devices, disks=(Disk(path), *devices.disks))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise HostError(f"cannot write the guest's configuration to {files.folder}: {reason}",
                            next_step="free some space there, or set RUMPLAB_RUNTIME") from error
        return initrd, devices


def _make_disk(folder: Path, text: str) -> Path:
    """Make a small disk that holds the text; the guest may write to it, it is its own."""
    contents, path = folder / FOLDER, folder / DISK
    contents.mkdir()
    (contents / MODULE).write_text(text)
    with open(path, "wb") as image:
        image.truncate(DISK_BYTES)
    make_filesystem(path, "ext2", contents)
    return path
