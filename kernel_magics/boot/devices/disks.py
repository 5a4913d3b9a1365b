"""Disk images: what a guest is given as a block device, and what the host can do with it."""

import fcntl
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from kernel_magics.boot.devices.filesystems import (
    FILESYSTEMS,
    DiskCheck,
    check_filesystem,
    filesystem_on,
    make_filesystem,
    repair_filesystem,
)
from kernel_magics.boot.devices.shares import check_mountpoint
from kernel_magics.errors import HostError, UsageError

__all__ = ["Disk", "parse_disks", "make_disk", "FORMATS", "FILESYSTEMS"]

FORMATS = ("raw", "qcow2")
SECTOR_BYTES = 512
SERIAL_BYTES = 20                 # VIRTIO 1.2, 5.2.6.1: VIRTIO_BLK_T_GET_ID
_QCOW2 = b"QFI\xfb"               # QEMU docs/interop/qcow2.txt, header
_QEMU_WRITES_AT = 101             # the byte QEMU locks while it may write, block/file-posix.c


@dataclass(frozen=True, slots=True)
class Disk:
    """An image file that a guest has as a disk.

    With a `mountpoint` the guest mounts it when it starts; else it is there as a block
    device only.  `fstype` is one of FILESYSTEMS, by default what is found on it.  `format` is
    "raw" or "qcow2", by default what the file's suffix says: the content does not decide,
    because a guest could write a header that names other files.
    """

    path: Path
    mountpoint: str = ""
    fstype: str = ""
    read_only: bool = False
    format: str = ""
    serial: str = ""

    @property
    def image_format(self) -> str:
        """The format of the file."""
        return self.format or ("qcow2" if self.path.suffix == ".qcow2" else "raw")

    @property
    def size_bytes(self) -> int:
        """How many bytes the guest sees; raises UsageError if the file is no image."""
        with self._open() as image:
            head = image.read(32)
        if self.image_format == "qcow2":
            if head[:4] != _QCOW2 or len(head) < 32:
                raise self._refused("is not a qcow2 image", 'give format="raw" if it is raw')
            return int(struct.unpack_from(">Q", head, 24)[0])
        if head[:4] == _QCOW2:
            raise self._refused("is a qcow2 image, not a raw one",
                                'give format="qcow2", or call it .qcow2')
        return self.path.stat().st_size

    def at(self, mountpoint: str, *, read_only: bool = False) -> "Disk":
        """Return the same disk, to be mounted at `mountpoint` of the guest."""
        return replace(self, mountpoint=check_mountpoint(mountpoint), read_only=read_only)

    def check_image(self) -> "Disk":
        """Return itself with an absolute path; raises UsageError if it is no usable disk."""
        disk = replace(self, path=self.path.expanduser().absolute())
        size_bytes = disk.size_bytes
        if size_bytes < SECTOR_BYTES:
            raise disk._refused(f"is too small: it has {size_bytes} bytes",
                                "make a disk with lab.disk(path, size_mib=64)")
        if size_bytes % SECTOR_BYTES:
            raise disk._refused(f"has {size_bytes} bytes, which are not whole sectors of "
                                f"{SECTOR_BYTES}", "make a disk with lab.disk(path, size_mib=64)")
        if not disk.read_only and not os.access(disk.path, os.W_OK):
            raise disk._refused("cannot be written by this user",
                                "give it read-only, or change its permissions")
        return disk._with_filesystem() if disk.mountpoint else disk

    def _with_filesystem(self) -> "Disk":
        """Return itself with what is on it, which is what it was said to be."""
        if self.image_format != "raw":
            return replace(self, fstype=self.fstype or "ext2")
        found, wanted = filesystem_on(self.path), self.fstype or "ext2"
        if found != wanted and (self.fstype or not found):
            there = f", but one of {found}" if found else ""
            raise self._refused(f"has no {wanted} file system to mount at {self.mountpoint}{there}",
                                f'make one: lab.disk(path, size_mib=64, fstype="{wanted}")')
        return replace(self, fstype=found, read_only=self.read_only or found == "iso9660")

    def _open(self) -> BinaryIO:
        try:
            if not self.path.is_file():
                there = self.path.exists()
                raise self._refused("is not a file" if there else "does not exist",
                                    "make a disk with lab.disk(path, size_mib=64)")
            return open(self.path, "rb")
        except PermissionError:
            raise self._refused("cannot be read by this user", "change its permissions") from None

    def _refused(self, why: str, step: str) -> UsageError:
        return UsageError(f"the disk {self.path} {why}", next_step=step, path=self.path)

    # On the host, while no guest has it

    def in_use(self) -> bool:
        """Whether a QEMU of this machine may write to the image now."""
        with self._open() as image:
            # struct flock, fcntl(2); l_pid must be 0 for the locks of open descriptions.
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _QEMU_WRITES_AT, 1, 0)
            answer = fcntl.fcntl(image, fcntl.F_OFD_GETLK, asked)
        return bool(struct.unpack_from("h", answer)[0] != fcntl.F_UNLCK)

    def check(self) -> DiskCheck:
        """Return what e2fsck says of the file system, changing nothing.

        Raises UsageError if a guest has the disk; HostError without e2fsprogs.
        """
        return check_filesystem(self._free("checked"))

    def repair(self) -> DiskCheck:
        """Let e2fsck mend the file system; return what it said.  Raises as `check` does."""
        return repair_filesystem(self._free("repaired"))

    def _free(self, what: str) -> Path:
        if self.image_format != "raw":
            raise self._refused(f"is a {self.image_format} image and cannot be {what} here",
                                "convert it: qemu-img convert -O raw IMAGE FILE")
        found = filesystem_on(self.path)
        if found not in ("", "ext2"):
            raise self._refused(f"has a file system of {found}, and only ext2 can be {what} here",
                                "a Rumprun guest mounts it, and says if it is damaged")
        if self.in_use():
            raise self._refused(f"is in use by a guest and cannot be {what}",
                                "stop the guest first: lab.guests() lists them")
        return self.path

    def plain(self) -> str:
        """Return it as the text that `parse_disks` reads (a serial and a format left out)."""
        parts = [str(self.path), self.mountpoint, self.fstype if self.mountpoint else "",
                 "ro" if self.read_only else ""]
        return ":".join(parts).rstrip(":")


def parse_disks(disks: object) -> tuple[Disk, ...]:
    """Return disks from Disk objects, paths, or texts "path:/mountpoint:ext2:ro".

    In a text all but the path may be left out; a Path is taken as it is.
    Raises UsageError naming what is wrong.
    """
    if isinstance(disks, str | os.PathLike | Disk):
        disks = [disks]
    if not isinstance(disks, Iterable):
        raise _no_disk(disks)
    return tuple(_checked(_parse_disk(item)) for item in disks)


def _parse_disk(item: object) -> Disk:
    if isinstance(item, Disk):
        return item
    if isinstance(item, os.PathLike):
        return Disk(Path(item))
    if not isinstance(item, str) or not item:
        raise _no_disk(item)
    path, *more = item.split(":")
    read_only = bool(more) and more[-1] == "ro"
    words = more[:-1] if read_only else more
    if not path or len(words) > 2:
        raise _no_disk(item)
    mountpoint = check_mountpoint(words[0]) if words and words[0] else ""
    fstype = words[1] if len(words) > 1 else ""
    return Disk(Path(path), mountpoint, fstype, read_only)


def _checked(disk: Disk) -> Disk:
    if disk.mountpoint:
        disk = replace(disk, mountpoint=check_mountpoint(disk.mountpoint))
    if disk.fstype and disk.fstype not in FILESYSTEMS:
        raise UsageError(f"guests mount no {disk.fstype!r}, the file system of {disk.path}",
                         next_step=f"use one of {', '.join(FILESYSTEMS)}")
    if disk.format and disk.format not in FORMATS:
        raise UsageError(f"format={disk.format!r} of the disk {disk.path} is not known",
                         next_step=f"use one of {', '.join(FORMATS)}")
    if len(disk.serial.encode()) > SERIAL_BYTES or not disk.serial.isprintable():
        raise UsageError(f"{disk.serial!r} is no serial of a disk",
                         next_step=f"use at most {SERIAL_BYTES} printable bytes")
    return disk


def _no_disk(item: object) -> UsageError:
    return UsageError(f"disks: {item!r} is no disk",
                      next_step='give lab.disk("data.img", size_mib=64), a path, or '
                                '"data.img:/data:ext2"')


def make_disk(asked: Disk, size_mib: int | None, folder: Path | None = None) -> Disk:
    """Return a disk; one whose file does not exist is made, of `size_mib` and sparse.

    One that exists keeps its content; with another size than asked for it is refused, as is a
    `folder`, what a new one's file system is to hold.  Raises UsageError or HostError; then no
    half of a disk is left.
    """
    disk = _checked(replace(asked, path=asked.path.expanduser().absolute()))
    path = disk.path
    if folder is not None:
        folder = _checked_folder(disk, folder)
    if path.exists() or (size_mib is None and folder is None):
        found_bytes = disk.check_image().size_bytes
        if size_mib is not None and found_bytes != size_mib << 20:
            raise disk._refused(f"is there already and has {found_bytes / (1 << 20):g} MiB, not "
                                f"{size_mib}", "leave size_mib out, or remove the file")
        return disk
    _make(disk, size_mib, folder)
    return disk


def _checked_folder(disk: Disk, folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder to put on a disk", path=folder,
                         next_step="give a folder: its files are copied")
    if disk.path.exists():
        raise disk._refused("is there already, and a folder is put on a new disk only",
                            "leave folder out, or remove the file")
    if not disk.fstype:
        raise disk._refused("would have no file system to hold a folder",
                            f"give fstype=, one of {', '.join(FILESYSTEMS)}")
    return folder


def _make(disk: Disk, size_mib: int | None, folder: Path | None) -> None:
    if disk.image_format != "raw":
        raise disk._refused("would be a qcow2 image, and lab.disk makes raw ones",
                            f"qemu-img create -f qcow2 {disk.path.name} {size_mib}M, then "
                            f'lab.disk("{disk.path.name}")')
    if disk.fstype == "iso9660" and (folder is None or size_mib is not None):
        raise disk._refused("would be an ISO image, which is as large as what is in it",
                            'give it a folder, and no size_mib: fstype="iso9660", folder=…')
    if disk.fstype != "iso9660" and size_mib is None:
        raise disk._refused("is to be made and has no size", "give it one: size_mib=64")
    _make_image(disk.path, 1 if size_mib is None else size_mib)
    try:
        if disk.fstype:
            make_filesystem(disk.path, disk.fstype, folder)
    except BaseException:
        disk.path.unlink(missing_ok=True)
        raise


def _make_image(path: Path, size_mib: int) -> None:
    if isinstance(size_mib, bool) or not isinstance(size_mib, int) or size_mib < 1:
        raise UsageError(f"size_mib={size_mib!r} is no size of a disk",
                         next_step="give a whole number of at least 1")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        os.ftruncate(descriptor, size_mib << 20)
    except OSError as error:
        path.unlink()
        raise _unwritable(path, error) from error
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> HostError:
    reason = (error.strerror or str(error)).lower()
    return HostError(f"the disk {path} cannot be made: {reason}", path=path,
                     next_step="choose another folder, or free some space there")
