"""A guest's RAM as the lab sees it: mapped from a file, or asked of libvirt."""

import mmap
import os
from collections.abc import Callable
from ctypes import c_uint64
from pathlib import Path
from typing import Protocol

from kernel_magics.errors import GuestError

__all__ = ["Ram", "MappedRam", "PeekedRam"]

# QEMU gives x86 machines at most this much RAM below 4 GiB; the rest begins at 4 GiB.
LOW_BYTES = 3 << 30
HIGH_ADDRESS = 4 << 30


class Ram(Protocol):
    """Guest-physical memory."""

    size_bytes: int
    live: bool

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory at a guest-physical address; raises GuestError outside RAM."""
        ...

    def write_u64(self, address: int, value: int) -> bool:
        """Store an aligned 64-bit number; False if this memory can only be read."""
        ...


class MappedRam:
    """RAM in a file that QEMU shares; the mapping outlives QEMU and the file's name.

    `view` is the file's memory (a writable memoryview); address = offset below 3 GiB.
    With `create_bytes` the file is made; without `writable` write_u64 does nothing.  Raises
    OSError.
    Reading takes no part of the guest's time and needs no stop.
    """

    live = True

    def __init__(self, path: Path, *, create_bytes: int = 0, writable: bool = True) -> None:
        self.path = str(path)
        self._writable = writable
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create_bytes else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if create_bytes:
                os.ftruncate(descriptor, create_bytes)
            self.size_bytes = os.fstat(descriptor).st_size
            self.mapping = mmap.mmap(descriptor, self.size_bytes)
        finally:
            os.close(descriptor)
        self.view = memoryview(self.mapping)

    def offset(self, address: int, size_bytes: int) -> int:
        """Return where in the file a guest-physical range lies; raises GuestError."""
        low_bytes = min(self.size_bytes, LOW_BYTES)
        if address >= 0 and size_bytes >= 0:
            if address + size_bytes <= low_bytes:
                return address
            high = address - HIGH_ADDRESS
            if high >= 0 and low_bytes + high + size_bytes <= self.size_bytes:
                return low_bytes + high
        raise _outside(address, size_bytes, self.size_bytes)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory at a guest-physical address; raises GuestError outside RAM."""
        start = self.offset(address, size_bytes)
        return bytes(self.view[start:start + size_bytes])

    def write_u64(self, address: int, value: int) -> bool:
        """Store an aligned 64-bit number in one piece; False if this memory is only read."""
        if not self._writable:
            return False
        c_uint64.from_buffer(self.mapping, self.offset(address, 8)).value = value
        return True


class PeekedRam:
    """RAM that only libvirt can reach (virDomainMemoryPeek), while the guest runs.

    What is lost against a mapping: writing (tracing cannot be switched on or off), a
    cheap read (each one is a round trip), and everything after the guest's end, of
    which only the ranges read by `keep` before remain.
    """

    live = False
    PEEK_BYTES = 64 << 10  # libvirt limits a reply

    def __init__(self, size_bytes: int, peek: Callable[[int, int], bytes]) -> None:
        self.size_bytes = size_bytes
        self._peek = peek
        self._kept: dict[tuple[int, int], bytes] = {}

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory; after the end, what was read last.  Raises GuestError."""
        if address < 0 or size_bytes < 0 or address + size_bytes > self.size_bytes:
            raise _outside(address, size_bytes, self.size_bytes)
        try:
            data = b"".join(self._peek(at, min(self.PEEK_BYTES, address + size_bytes - at))
                            for at in range(address, address + size_bytes, self.PEEK_BYTES))
        except GuestError:
            if (address, size_bytes) in self._kept:
                return self._kept[address, size_bytes]
            raise
        if size_bytes <= self.PEEK_BYTES:
            self._kept[address, size_bytes] = data
        return data

    def write_u64(self, address: int, value: int) -> bool:
        """Do nothing: libvirt cannot write guest memory."""
        return False


def _outside(address: int, size_bytes: int, ram_bytes: int) -> GuestError:
    return GuestError(f"{address:#x} + {size_bytes} bytes is outside the guest's RAM of "
                      f"{ram_bytes >> 20} MiB", address=address,
                      next_step="give a guest-physical address below the end of RAM")
