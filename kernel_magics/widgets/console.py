"""The console view: a guest's output as it comes, and a line to answer with."""

import codecs
import threading
from typing import Any

import traitlets

from kernel_magics.errors import LabError
from kernel_magics.widgets.guest import port_links, state_text
from kernel_magics.widgets.markup import byte_text
from kernel_magics.widgets.view import Pump, View, bundle

__all__ = ["ConsoleView", "TextTail"]

KEPT_CHARACTERS = 256 << 10
SENT_CHARACTERS = 32 << 10
TEXT_LINES = 20


class TextTail:
    """The last characters of a byte stream, addressed by how many came before."""

    def __init__(self, kept: int = KEPT_CHARACTERS) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept = kept
        self._lock = threading.Lock()
        self._text = ""
        self.end = 0

    def add(self, data: bytes) -> None:
        """Take the stream's next bytes; b"" ends it."""
        with self._lock:
            text = self._decoder.decode(data, final=not data)
            self.end += len(text)
            self._text = (self._text + text)[-self._kept:]

    def since(self, position: int, most: int) -> tuple[int, str]:
        """Return at most `most` characters up to the end, and where they begin."""
        with self._lock:
            start = max(position, self.end - most, self.end - len(self._text))
            return start, self._text[len(self._text) - (self.end - start):] \
                if start < self.end else ""


class ConsoleView(View):
    """A guest's console; the browser gets its end, `guest.console.text` has all of it."""

    name = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)
    height_lines = traitlets.Int(20).tag(sync=True)
    # The guest's forwarded ports: text and url.
    links: traitlets.List = traitlets.List().tag(sync=True)

    def __init__(self, guest: Any, height_lines: int = 20) -> None:
        self._esm, self._css = bundle("console.js"), bundle("console.css")
        self._guest, self._tail, self._sent = guest, TextTail(), 0
        self._sending = threading.Lock()
        super().__init__(name=guest.name, height_lines=height_lines, links=port_links(guest),
                         **self._status())
        self._unsubscribe = guest.console.subscribe(self._tail.add)
        self.pump = Pump(self._tick, guest.name)
        self.listen()

    def text(self) -> str:
        return f"{self._guest.console.tail(TEXT_LINES)}\n[{self.name}: {state_text(self._guest)}]"

    def answer(self, message: dict) -> None:
        if message["kind"] == "attach":
            self._send_from(0, "tail")
        elif message["kind"] == "input":
            try:
                self._guest.console.send(str(message["text"]))
            except LabError as refused:
                self.send({"kind": "note", "note": refused.message})

    def close(self) -> None:
        self._unsubscribe()
        super().close()

    def _status(self) -> dict:
        state = self._guest.state
        return {"state": state_text(self._guest), "running": state in ("running", "paused")}

    def _tick(self) -> bool:
        status = self._status()  # asked first: what came before is then all in the tail
        if self._tail.end > self._sent:
            self._send_from(self._sent, "text")
        self.state, self.running = status["state"], status["running"]
        return status["running"] or self._tail.end > self._sent

    def _send_from(self, position: int, kind: str) -> None:
        with self._sending:
            start, text = self._tail.since(position, SENT_CHARACTERS)
            if start > position:
                kind = "tail"  # too much at once: the browser begins anew
            self._sent = start + len(text)
            self.send({"kind": kind, "start": start, "end": self._sent, "text": text,
                       "note": self._note(start if kind == "tail" else 0)})

    def _note(self, skipped: int) -> str:
        console = self._guest.console
        lost = f", {byte_text(console.lost_bytes)} lost" if console.lost_bytes else ""
        only = ", the end is shown" if skipped else ""
        return f"{byte_text(console.size_bytes)}{lost}{only}"
