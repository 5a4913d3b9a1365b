"""The console view: a terminal on a guest's console."""

import re
import time
from typing import Any

import traitlets

from kernel_magics.errors import LabError
from kernel_magics.widgets.console.feed import ConsoleFeed, Piece
from kernel_magics.widgets.console.keys import ConsoleKeys
from kernel_magics.widgets.foundation.markup import byte_text
from kernel_magics.widgets.foundation.view import View, bundle
from kernel_magics.widgets.guests.guest import port_links, state_text

__all__ = ["ConsoleView", "without_controls"]

TEXT_LINES = 20
ROWS, COLUMNS = 24, 80
"""What a guest assumes that was told nothing: console.resize."""

REDRAW_S = 0.05  # for a guest to notice one size before the next

# ECMA-48: control strings up to their terminator; control sequences; other escapes.
_CONTROLS = re.compile(r"\x1b[PX^_\]][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*(?:[@-~]|\Z)"
                       r"|\x1b[ -/]*[0-~]?|[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")


def without_controls(text: str) -> str:
    """Return a console's text without what only a terminal understands: colours, cursor moves."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n")).replace("\r", "\n")


class ConsoleView(View):
    """A terminal on a guest's console; `guest.console.text` has all the output as text.

    `height_lines` is the height it begins with.  What is typed goes to the guest at once, key by
    key, and the guest is told the size of the terminal.
    """

    name = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)
    height_lines = traitlets.Int(ROWS).tag(sync=True)
    # Whether the guest's program does what a terminal needs, CR before LF.
    terminal = traitlets.Bool().tag(sync=True)
    rows = traitlets.Int(ROWS).tag(sync=True)
    columns = traitlets.Int(COLUMNS).tag(sync=True)
    # Which browser answers a program that asks the terminal something: one, not each.
    answering = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    # The guest's forwarded ports: text and url.
    links: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(self, guest: Any, height_lines: int = ROWS) -> None:
        self._esm, self._css = bundle("console.js"), bundle("console.css")
        self._guest = guest
        self._said = ""
        super().__init__(name=guest.name, height_lines=height_lines, links=port_links(guest),
                         terminal=bool(guest.spec.get("terminal")), **self._status())
        self._keys = ConsoleKeys(guest, self._say)
        self._feed = ConsoleFeed(guest.console, self._send_piece, self._look, guest.name,
                                 raw=self.terminal)
        self.listen()

    def text(self) -> str:
        tail = without_controls(self._guest.console.tail(TEXT_LINES))
        return f"{tail}\n[{self.name}: {state_text(self._guest)}]"

    def answer(self, message: dict) -> None:
        browser, kind = str(message.get("browser", "")), message["kind"]
        if kind == "attach":
            self._attach(browser)
        elif kind == "shown":
            self._feed.shown(browser, _whole(message.get("end")))
        elif kind == "here":
            self._feed.renew(browser)
        elif kind == "gone":
            self._feed.detach(browser)
        elif kind == "input":
            self._input(browser, message)
        elif kind == "size":
            self._resize(message)

    def close(self) -> None:
        feed = vars(self).get("_feed")  # one whose making failed has none
        if feed is not None:
            feed.close()
        super().close()

    # What browsers ask

    def _attach(self, browser: str) -> None:
        incomplete = self._feed.attach(browser)
        self.answering = self.answering or browser
        if incomplete and self.terminal:
            self._redraw()

    def _redraw(self) -> None:
        """Have a program draw its whole screen: the beginning of what it drew is missing."""
        try:
            self._guest.console.resize(max(1, self.rows - 1), self.columns)
            time.sleep(REDRAW_S)
            self._guest.console.resize(self.rows, self.columns)
        except LabError:
            return  # it has ended, or cannot be told: then the screen is what it is

    def _input(self, browser: str, message: dict) -> None:
        text = str(message.get("text", ""))
        # Mouse reports of old are bytes, not text: one character each.
        data = text.encode("latin-1", "replace") if message.get("binary") else \
            text.encode("utf-8", "replace")
        self.answering = browser
        self._say("")
        self._keys.typed(browser, _whole(message.get("number")), data if self.running else b"")

    def _resize(self, message: dict) -> None:
        size = [_whole(message.get(key)) for key in ("rows", "columns", "width", "height")]
        if not self.running or not (size[0] and size[1]):
            return
        try:
            self._guest.console.resize(*size)
            self.rows, self.columns = size[:2]
        except LabError:
            self.rows, self.columns = ROWS, COLUMNS  # what the guest believes

    # What the feed does

    def _send_piece(self, piece: Piece) -> None:
        self.send({"kind": "bytes", "browser": piece.browser, "start": piece.start,
                   "end": piece.end, "anew": piece.anew, "replay_end": piece.replay_end},
                  [piece.data])

    def _look(self) -> bool:
        status = self._status()
        browsers = self._feed.browsers()
        if self.answering not in browsers:
            self.answering = browsers[0] if browsers else ""
        if status["running"] and (window := self._guest.console.window):
            self.rows, self.columns = window.rows, window.columns
        self.state, self.running = status["state"], status["running"]
        self.note = self._note()
        return bool(status["running"])

    def _status(self) -> dict:
        state = self._guest.state
        return {"state": state_text(self._guest), "running": state in ("running", "paused")}

    def _say(self, said: str) -> None:
        self._said = said
        self.note = self._note()

    def _note(self) -> str:
        console, waiting = self._guest.console, self._keys.waiting_bytes
        lost = f"{byte_text(console.lost_bytes)} lost" if console.lost_bytes else ""
        typed = f"{byte_text(waiting)} typed and not read" if waiting else ""
        return "; ".join(filter(None, [byte_text(console.size_bytes), lost, typed, self._said]))


def _whole(value: object) -> int:
    """Return what a browser says is a number; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
