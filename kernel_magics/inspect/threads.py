"""The threads of a guest, from the table it keeps for the lab."""

from __future__ import annotations

from ctypes import sizeof
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.abi import Thread, ThreadState
from kernel_magics.errors import GuestError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GuestThreads"]

# The table is the guest's and may lie; no guest of this lab has more.
MOST_THREADS = 65536
_TICKS_A_SECOND = 1_000_000_000


class GuestThreads:
    """Reads the thread table of a running or ended guest, without stopping it.

    `guest` is a boot.Guest.  Each access is a fresh look.
    """

    def __init__(self, guest: Any) -> None:
        self._guest = guest

    def read(self) -> list[Thread]:
        """Return the slots in use; raises GuestError if the table cannot be read."""
        header = self._guest.header
        count = header.threads_capacity
        if count > MOST_THREADS:
            raise GuestError(f"the guest's thread table claims {count} slots, more than "
                             f"{MOST_THREADS}", next_step="the guest has overwritten its header")
        data = self._guest.ram.read(header.threads_address, count * sizeof(Thread))
        table = (Thread * count).from_buffer_copy(data)
        return [thread for thread in table if thread.state != ThreadState.FREE]

    @property
    def df(self) -> pd.DataFrame:
        """A row per thread: number (index), name, state, cpu_ns (time on the CPU so far,
        without the slice that is running), stack_pointer (0 while it runs), current."""
        import pandas as pd

        header = self._guest.header
        threads = self.read()
        hz = header.tsc_hz
        return pd.DataFrame({
            "name": [thread.name.decode("utf-8", "replace") for thread in threads],
            "state": [_state_name(thread.state) for thread in threads],
            "cpu_ns": [thread.cpu_tsc * _TICKS_A_SECOND // hz if hz else 0
                       for thread in threads],
            "stack_pointer": pd.array([thread.stack_pointer for thread in threads], "UInt64"),
            "current": [thread.number == header.thread_current for thread in threads],
        }, index=pd.Index([thread.number for thread in threads], name="thread"))

    def __repr__(self) -> str:
        return str(self.df)


def _state_name(state: int) -> str:
    try:
        return ThreadState(state).name.lower()
    except ValueError:
        return f"unknown ({state})"
