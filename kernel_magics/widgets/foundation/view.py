"""What every live view shares: its bundle, its text twin, and when to stop sending."""

import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget

from kernel_magics.errors import HostError
from kernel_magics.widgets.foundation.twin import shown

__all__ = ["View", "Pump", "bundle"]

STATIC = Path(__file__).resolve().parents[1] / "static"

PERIOD_S = LEAST_PERIOD_S = 0.1
"""At most ten updates a second reach the browser."""

FIRST_LEASE_S = 20.0  # a browser that loads its first view takes its time
LEASE_S = 12.0        # three times what src/foundation/lease.ts renews at


@cache
def bundle(name: str) -> str:
    """Return a file that `npm run build` makes; HostError when it has not been made."""
    path = STATIC / name
    if not path.is_file():
        raise HostError(f"the notebook's views are not built: {path} is missing",
                        next_step="./lab-setup/start builds them; or in kernel_magics/widgets: "
                                  "npm ci && npm run build")
    return path.read_text("utf-8")


class Pump:
    """Calls `tick` on a thread every `period_s` while somebody looks.

    `tick` returns False when there will be nothing more.  A view that is on a page
    renews the lease; when it has run out the thread sleeps until the next renewal.
    """

    def __init__(self, tick: Callable[[], bool], name: str, period_s: float = PERIOD_S) -> None:
        self._tick = tick
        self._period_s = period_s
        self._until_s = time.monotonic() + FIRST_LEASE_S
        self._renewed, self._hurried = threading.Event(), threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"view {name}", daemon=True)

    @property
    def active(self) -> bool:
        """Whether the thread runs and has a lease, so that ticks are being made."""
        return self._thread.is_alive() and time.monotonic() < self._until_s

    def start(self) -> None:
        self._thread.start()

    def renew(self) -> None:
        """Somebody looks: go on for another lease."""
        self._until_s = time.monotonic() + LEASE_S
        self._renewed.set()

    def hurry(self) -> None:
        """Something happened: make the next tick at once, or a little after the last."""
        self._hurried.set()

    def lapse(self) -> None:
        """Nobody looks any more: sleep until the next renewal."""
        self._until_s = 0.0

    def close(self) -> None:
        """End the thread; it may be inside its last tick when this returns."""
        self._closed = True
        self._renewed.set()
        self._hurried.set()

    def _run(self) -> None:
        while not self._closed:
            if time.monotonic() > self._until_s:
                self._renewed.clear()
                self._renewed.wait()
                continue
            if not self._tick():
                return
            least_s = min(self._period_s, LEAST_PERIOD_S)
            time.sleep(least_s)
            self._hurried.wait(self._period_s - least_s)
            self._hurried.clear()


class View(anywidget.AnyWidget):
    """A widget with a text twin; `text` is what a terminal, a file or a test sees."""

    pump: Pump | None = None

    def text(self) -> str:
        """Return the view in words and figures, short."""
        raise NotImplementedError

    def answer(self, message: dict) -> None:
        """Take a message from the browser, of a kind that is the view's own."""

    def listen(self) -> None:
        """Begin to take messages from the browser and, if there is a pump, to send."""
        self.on_msg(self._take)
        if self.pump is not None:
            self.pump.start()

    def close(self) -> None:
        if self.pump is not None:
            self.pump.close()
        super().close()

    def send(self, content: object, buffers: list | None = None) -> None:
        super().send(content, buffers)
        self._let_answers_in()

    def send_state(self, key: object = None) -> None:
        super().send_state(key)
        self._let_answers_in()

    def _let_answers_in(self) -> None:
        """Take the browser's messages while a cell is running.

        JupyterLab sends a widget's messages to a subshell of the kernel, but ipykernel
        (7.4, Comm._reply_subshell_for) hands them to the shell that last spoke on the
        widget's channel: to the main one, which a running cell keeps busy.
        """
        if self.comm is not None:
            self.comm.__dict__.pop("_reply_subshell_id", None)

    def _take(self, _widget: object, message: dict, _buffers: object) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "lease":
            if self.pump is not None:
                self.pump.renew()
        elif kind == "leave":
            if self.pump is not None:
                self.pump.lapse()
        elif kind:
            self.answer(message)

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        return shown(self, repr(self)), {}
