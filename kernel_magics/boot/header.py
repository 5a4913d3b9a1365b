"""The guest's struct lab_header, read from RAM and checked before it is believed."""

from ctypes import sizeof
from dataclasses import dataclass
from operator import attrgetter

from kernel_magics.boot import abi
from kernel_magics.boot.ram import Ram
from kernel_magics.errors import GuestError

__all__ = ["GuestHeader", "HeaderReader"]


@dataclass(frozen=True, slots=True)
class GuestHeader:
    """One look at struct lab_header: the same field names and units as lab_abi.h."""

    version: int
    state: abi.State
    exit_status: int
    tsc_hz: int
    wall_offset_ns: int
    ram_bytes: int
    ring_address: int
    ring_record_bytes: int
    ring_capacity: int
    ring_write_index: int
    console_written: int
    console_consumed: int
    console_dropped: int
    panic_address: int
    counters_address: int
    free_pages: int
    total_pages: int
    threads_address: int
    threads_capacity: int
    thread_current: int
    page_table_address: int
    phase_tsc: tuple[int, ...]
    enabled: tuple[int, ...]
    console_window: int
    console_input: int


_FIELDS = attrgetter(*GuestHeader.__slots__)


class HeaderReader:
    """Reads the header of one guest; `address` is guest-physical, from the ELF note."""

    def __init__(self, ram: Ram, address: int) -> None:
        self.ram = ram
        self.address = address

    def is_loaded(self) -> bool:
        """Whether the image lies in RAM yet: before that the page is zero."""
        return self._raw().magic == abi.MAGIC

    def state(self) -> abi.State:
        """Return the guest's state; UNBORN while its RAM is not loaded or is damaged."""
        return _state(self._raw())

    def phases_passed(self) -> int:
        """Return a bitmap of the phases that have a time stamp."""
        stamps = self._raw().phase_tsc
        return sum(1 << phase for phase in abi.Phase if stamps[phase])

    def read(self) -> GuestHeader:
        """Return the whole header; raises GuestError if it is not one or another version."""
        raw = self._raw()
        if raw.magic != abi.MAGIC:
            raise GuestError(f"no lab header at {self.address:#x}: found {raw.magic:#x} instead "
                             "of its magic number", address=self.address,
                             next_step="the guest has not started yet, or has overwritten it")
        if raw.version != abi.ABI_VERSION:
            raise GuestError(f"the guest's lab header has version {raw.version}, this lab reads "
                             f"version {abi.ABI_VERSION}", address=self.address,
                             next_step="build the image again with this lab")
        facts = dict(zip(GuestHeader.__slots__, _FIELDS(raw), strict=True))
        facts.update(state=_state(raw), phase_tsc=tuple(raw.phase_tsc),
                     enabled=tuple(raw.enabled))
        return GuestHeader(**facts)

    def newer(self, field: str) -> int | None:
        """Return a number that headers did not always have; None if the image is older."""
        raw = self._raw()
        if raw.magic != abi.MAGIC or raw.header_bytes <= getattr(abi.Header, field).offset:
            return None
        return int(getattr(raw, field))

    def store(self, field: str, value: int) -> bool:
        """Write one of the 64-bit fields the lab may write; False if RAM is read-only."""
        offset = getattr(abi.Header, field).offset
        return self.ram.write_u64(self.address + offset, value)

    def _raw(self) -> abi.Header:
        return abi.Header.from_buffer_copy(self.ram.read(self.address, sizeof(abi.Header)))


def _state(raw: abi.Header) -> abi.State:
    if raw.magic != abi.MAGIC or raw.state not in abi.State._value2member_map_:
        return abi.State.UNBORN
    return abi.State(raw.state)
