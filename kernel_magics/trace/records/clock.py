"""A guest's time-stamp counter as nanoseconds."""

from dataclasses import dataclass

import numpy as np

from kernel_magics.errors import TraceError

__all__ = ["Clock"]

_MAX_TSC_HZ = 9_000_000_000  # keeps the arithmetic below within 63 bits
_NS = 1_000_000_000
# So many ticks times _NS, with a remainder below _MAX_TSC_HZ, are less than 2**63.
_NEAR_TICKS = (1 << 63) // _NS - 10


@dataclass(frozen=True)
class Clock:
    """Turns a guest's time-stamp counter into nanoseconds since its first instruction."""

    tsc_hz: int
    origin_tsc: int

    def __post_init__(self) -> None:
        if not 0 < self.tsc_hz <= _MAX_TSC_HZ:
            raise TraceError(f"the guest says its clock ticks {self.tsc_hz} times a second",
                             next_step="read the trace once the guest has booted; if it has,"
                             " its header is damaged", tsc_hz=self.tsc_hz)

    def since_boot_ns(self, tsc: np.ndarray) -> np.ndarray:
        """Return int64 nanoseconds, exact, for u64 time stamps."""
        ticks = (tsc - np.uint64(self.origin_tsc)).view(np.int64)
        if len(ticks) and -_NEAR_TICKS < int(ticks[-1]) - int(ticks[0]) < _NEAR_TICKS:
            # From the first one on the products are small: one division does.
            first = int(ticks[0])
            from_first = ticks - first
            if int(from_first.min()) > -_NEAR_TICKS and int(from_first.max()) < _NEAR_TICKS:
                whole, part = divmod(first * _NS, self.tsc_hz)
                from_first *= _NS
                from_first += part
                from_first //= self.tsc_hz
                from_first += whole
                return from_first
        seconds = ticks // self.tsc_hz
        rest = ticks - seconds * self.tsc_hz
        return seconds * _NS + rest * _NS // self.tsc_hz
