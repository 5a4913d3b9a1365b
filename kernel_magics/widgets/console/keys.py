"""What is typed and pasted into a console view, on its way to the guest."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from kernel_magics.errors import LabError
from kernel_magics.widgets.foundation.markup import byte_text

__all__ = ["ConsoleKeys"]

MOST_BYTES = 16 << 20
MOST_HELD = 256    # messages that came before their turn
PATIENCE_S = 1e6   # a guest may take as long as it likes: what is typed waits for it


class ConsoleKeys:
    """A thread that gives a guest input in the order in which it came.

    `refused(message)` hears of what could not be given.
    """

    def __init__(self, guest: Any, refused: Callable[[str], None]) -> None:
        self._guest, self._refused = guest, refused
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._sending = False
        self._turns: dict[str, _Turns] = {}
        self._ordering = threading.Lock()

    @property
    def waiting_bytes(self) -> int:
        """How much the guest has not taken."""
        return sum(map(len, tuple(self._waiting)))

    def typed(self, browser: str, number: int, data: bytes) -> None:
        """Send what a browser's message `number`, counted from 0, brought, in that order.

        A kernel may handle a view's messages in several threads, and then the second can come
        before the first.
        """
        with self._ordering:
            turns = self._turns.setdefault(browser, _Turns())
            for part in filter(None, turns.take(number, data)):
                self.add(part)

    def add(self, data: bytes) -> None:
        """Send input after all that was added before; returns at once."""
        if self.waiting_bytes + len(data) > MOST_BYTES:
            self._refused(f"{byte_text(len(data))} of input are not sent: the guest has not read "
                          f"{byte_text(self.waiting_bytes)} before them")
            return
        with self._lock:
            self._waiting.append(data)
            if self._sending:
                return
            self._sending = True
        threading.Thread(target=self._send, name=f"keys {self._guest.name}", daemon=True).start()

    def _send(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._sending = False
                    return
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._waiting.append(data)
            try:
                self._guest.console.send(data, PATIENCE_S)
            except LabError as refused:
                self._refused(refused.message)
            with self._lock:
                self._waiting.popleft()


class _Turns:
    """Messages put in order by their numbers."""

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, bytes] = {}

    def take(self, number: int, data: bytes) -> list[bytes]:
        """Return what is next, now that this came; a number that never comes holds up no more
        than MOST_HELD others."""
        if number < self._next:
            return [data]
        self._early[number] = data
        if len(self._early) > MOST_HELD:
            self._next = min(self._early)
        ready = []
        while self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return ready
