"""A console's bytes on their way to browsers: all of them, in order, as fast as each can show.

A browser says how far it has got; no more than a window's worth is ever on the way to it.  One
that falls behind what the console retains begins anew, and says how much it has not shown.  To one
that is far behind, of plain lines only those are sent that its terminal would still have.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kernel_magics.boot.console.console import Console
from kernel_magics.widgets.console.flood import is_plain, remains, whole
from kernel_magics.widgets.foundation.view import LEASE_S

__all__ = ["Browser", "ConsoleFeed", "Piece"]

PIECE_BYTES = 128 << 10
WINDOW_BYTES = 1 << 20     # sent and not yet shown
REPLAY_BYTES = 1 << 20     # of what was there before a browser came
FLOOD_BYTES = 1 << 20      # not yet sent: then lines that would be gone at once are left out
FLOOD_PIECE_BYTES = 64 << 20  # all that the console retains
PAUSE_S = 0.004            # between two rounds: a write may be a single byte
STATUS_S = 0.2             # between two looks at the guest


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes [start, end) of the stream for one browser; `data` has fewer where lines that its
    terminal would not have any more are left out.

    `anew` when something before it is missing; then the browser clears its screen.
    `replay_end` is where the output begins that came after the browser.
    """

    browser: str
    start: int
    end: int
    data: bytes
    anew: bool
    replay_end: int


@dataclass(slots=True)
class Browser:
    """What is known of one browser."""

    position: int      # of the next byte to send
    shown: int         # it has told us
    replay_end: int
    until_s: float     # its lease
    anew: bool = True
    plain: bool = True  # all that was sent

    def window_bytes(self) -> int:
        """How many more bytes may be on the way to it."""
        return WINDOW_BYTES - (self.position - self.shown)


class ConsoleFeed:
    """A thread that sends: `send(piece)` and, every `STATUS_S`, `look()`, which returns False
    when there will be no more output."""

    def __init__(self, console: Console, send: Callable[[Piece], None],
                 look: Callable[[], bool], name: str, *, raw: bool = False) -> None:
        self._console, self._send, self._look = console, send, look
        self._lock = threading.Lock()
        self._browsers: dict[str, Browser] = {}
        self._something = threading.Event()
        self._closed = False
        self._name, self._raw = name, raw
        self._thread: threading.Thread | None = None
        self._unsubscribe = console.subscribe(lambda _data: self._something.set(),
                                              from_start=False)
        console.followers.add(self._wanted)

    def close(self) -> None:
        """End the thread; it may be inside its last round when this returns."""
        self._closed = True
        self._unsubscribe()
        self._console.followers.discard(self._wanted)
        self._something.set()

    # What browsers say

    def attach(self, browser: str) -> bool:
        """A browser begins to look; again, if it has not been answered.  Returns whether
        something of the output before it will be missing."""
        size = self._console.size_bytes
        start, data = self._console.since(max(0, size - REPLAY_BYTES), 4 << 10)
        if start:  # not in the middle of a line, if there are lines
            start += data.find(b"\n") + 1
        with self._lock:
            self._browsers[browser] = Browser(start, start, size, _lease_end())
            if self._thread is None:  # the first browser, or the first after the guest's end
                self._thread = threading.Thread(target=self._run, daemon=True,
                                                name=f"console {self._name}")
                self._thread.start()
        self._something.set()
        return start > 0

    def shown(self, browser: str, position: int) -> None:
        """A browser has shown all bytes before `position`."""
        with self._lock:
            found = self._browsers.get(browser)
            if found and found.shown < position <= found.position:
                found.shown = position
        self.renew(browser)

    def renew(self, browser: str) -> None:
        """A browser is still there."""
        with self._lock:
            if found := self._browsers.get(browser):
                found.until_s = _lease_end()
        self._something.set()

    def detach(self, browser: str) -> None:
        """A browser looks no more."""
        with self._lock:
            self._browsers.pop(browser, None)

    def browsers(self) -> list[str]:
        """Return those that look, the first to come first."""
        now_s = time.monotonic()
        with self._lock:
            return [name for name, one in self._browsers.items() if one.until_s > now_s]

    def _wanted(self) -> int | None:
        """From where on browsers still want the output."""
        now_s = time.monotonic()
        with self._lock:
            return min((one.position for one in self._browsers.values() if one.until_s > now_s),
                       default=None)

    # The thread

    def _run(self) -> None:
        looked_s = 0.0
        while not self._closed:
            self._something.wait(STATUS_S if self.browsers() else None)
            self._something.clear()
            going_on = True
            if time.monotonic() - looked_s >= STATUS_S:
                going_on = self._look()  # asked first: what came before is then all there
                looked_s = time.monotonic()
            self._round()
            if not going_on and self._is_done():
                return
            time.sleep(PAUSE_S)

    def _round(self) -> None:
        """Send each browser what it has room for, in turns."""
        names = self.browsers()
        while names and not self._closed:
            names = [name for name in names if self._send_one(name)]

    def _send_one(self, name: str) -> bool:
        with self._lock:
            browser = self._browsers.get(name)
            if browser is None or browser.window_bytes() < PIECE_BYTES:
                return False
            is_flood = browser.plain and not browser.anew \
                and self._console.size_bytes - browser.position > FLOOD_BYTES
            start, data = self._console.since(
                browser.position, FLOOD_PIECE_BYTES if is_flood else PIECE_BYTES)
            if not data and not browser.anew:
                return False
            anew, browser.anew = browser.anew or start > browser.position, False
            data = (data[:data.rfind(b"\n") + 1] if is_flood else b"") or whole(data)
            end = start + len(data)
            browser.plain = (anew or browser.plain) and is_plain(data)
            if is_flood:
                data = remains(data, raw=self._raw) if browser.plain and not anew \
                    else data[:PIECE_BYTES]
                end = end if browser.plain and not anew else start + len(data)
            browser.position = end
            if anew:
                browser.shown = start
            replay_end = browser.replay_end
        self._send(Piece(name, start, end, data, anew, replay_end))
        return bool(data)

    def _is_done(self) -> bool:
        """Whether all who look have all there will be; the thread is over then."""
        size, now_s = self._console.size_bytes, time.monotonic()
        with self._lock:
            done = all(browser.position >= size or browser.until_s < now_s
                       for browser in self._browsers.values())
            if done:
                self._thread = None
            return done


def _lease_end() -> float:
    return time.monotonic() + LEASE_S
