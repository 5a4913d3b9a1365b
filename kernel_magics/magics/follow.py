"""Waiting for a guest while its console appears in the cell's output."""

import codecs
import sys
import threading
import time
from typing import Any

from kernel_magics.errors import GuestTimeout
from kernel_magics.magics.failure import WaitInterrupted

__all__ = ["ConsoleCopy", "follow"]

PERIOD_S = 0.1         # at most ten writes a second to the notebook
HEAD_CHARACTERS = 128 << 10
TAIL_CHARACTERS = 8 << 10
LAST_OUTPUT_S = 2.0
LOOK_S = 0.01


class ConsoleCopy:
    """Copies a console to standard output: all of a little, the two ends of a lot."""

    def __init__(self, guest: Any) -> None:
        self._guest = guest
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()
        self._pending = ""
        self._taken_bytes = 0
        self._written = self._skipped = 0
        self._midline = False
        self.ended = threading.Event()
        self.stop = guest.console.subscribe(self._take)

    def _take(self, data: bytes) -> None:
        with self._lock:
            self._taken_bytes += len(data)
            self._pending += self._decoder.decode(data, final=not data)
            beyond = self._written + len(self._pending) - HEAD_CHARACTERS - TAIL_CHARACTERS
            if beyond > 0 and len(self._pending) > TAIL_CHARACTERS:
                room = max(0, HEAD_CHARACTERS - self._written)
                cut = len(self._pending) - room - TAIL_CHARACTERS
                if cut > 0:
                    self._skipped += cut
                    self._pending = self._pending[:room] + self._pending[room + cut:]
        if not data:
            self.ended.set()

    def flush(self, last: bool = False) -> None:
        """Write what has come; the end of a long output is held back until the `last` call."""
        with self._lock:
            room = max(0, HEAD_CHARACTERS - self._written)
            text, self._pending = self._pending[:room], self._pending[room:]
            self._written += len(text)
        self._write(text)
        if last:
            self._write_end()

    def finish(self) -> None:
        """Write what the guest has written until now, once the lab has handed it over."""
        console = self._guest.console
        until_bytes = console.size_bytes - console.lost_bytes
        late_s = time.monotonic() + LAST_OUTPUT_S
        while not self._ended_or_has(until_bytes) and time.monotonic() < late_s:
            time.sleep(LOOK_S)
        self.stop()
        self.flush(last=True)

    def _ended_or_has(self, size_bytes: int) -> bool:
        return self.ended.is_set() or self._taken_bytes >= size_bytes

    def _write_end(self) -> None:
        if self._skipped:
            self._write(f"\n[… {self._skipped:,} characters of output are not shown here; "
                        f"lab.guest({self._guest.name!r}).console.text has them …]\n")
        self._write(self._pending)
        self._pending = ""
        if self._midline:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._midline = not text.endswith("\n")
            sys.stdout.write(text)
            sys.stdout.flush()


def follow(guest: Any, timeout_s: float | None, until: str | None = None) -> None:
    """Show `guest`'s console until it ends, or until its output matches `until`.

    Raises: GuestPanic, GuestTimeout or GuestError as Guest.wait does; WaitInterrupted
    when the user interrupts.  In every case the guest is left as it is.
    """
    copy = ConsoleCopy(guest)
    done = threading.Event()
    writer = threading.Thread(target=_write_until, args=(copy, done), name="console copy",
                              daemon=True)
    writer.start()
    try:
        if until is not None:
            guest.console.expect(until, timeout=timeout_s)
        else:
            guest.wait(timeout=timeout_s)
    except KeyboardInterrupt:
        raise WaitInterrupted(_interrupted(guest)) from None
    except GuestTimeout as late:
        late.next_step = f"{_ways(guest)}; --timeout waits longer, --background not at all"
        raise
    finally:
        done.set()
        writer.join()
        copy.finish()


def _write_until(copy: ConsoleCopy, done: threading.Event) -> None:
    while not done.wait(PERIOD_S):
        copy.flush()


def _interrupted(guest: Any) -> str:
    if guest.state in ("running", "paused"):
        return f"the wait was interrupted; guest {guest.name} goes on running\n→ {_ways(guest)}"
    return f"the wait was interrupted; guest {guest.name} has ended meanwhile"


def _ways(guest: Any) -> str:
    name = guest.name
    return f"%rumpconsole {name} shows it, %rumpstop {name} ends it"
