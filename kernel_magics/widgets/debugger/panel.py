"""A guest in its debugger's hands: where it stands and why, calls, breakpoints, threads."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pandas as pd
import traitlets

from kernel_magics.errors import LabError
from kernel_magics.widgets.debugger.source import source_told, toggle_line
from kernel_magics.widgets.foundation.listing import Block, ListingView
from kernel_magics.widgets.threads.threads import frame_rows, shown_columns, thread_told

__all__ = ["DebuggerView"]

_MOTIONS = {"continue": "cont", "step": "step", "next": "next", "finish": "finish"}
_BACK = {"back": "reverse_cont", "step back": "reverse_step", "next back": "reverse_next",
         "call back": "reverse_finish"}
_POINT_COMMANDS = ("break", "tbreak", "watch", "rwatch", "awatch", "delete", "enable", "disable")
_WORD = re.compile(r"[a-z]+")
_SETTLE_S = 0.2  # between the word that a guest has stopped and the end of its motion


class DebuggerView(ListingView):
    """What `guest.debugger` knows, again at each stop, with buttons to go on.

    `df` is the table of the guest's threads, `place` what is shown above it: the sentence
    of the stop, its source lines, the calls with their variables, the breakpoints.  A click
    beside a source line sets a breakpoint there or removes it; the field takes what gdb's
    break takes, or a whole command about breakpoints.  In a replay buttons go back, too.
    """

    _bundle = "debugger"
    place = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    changed = traitlets.Int().tag(sync=True)
    _forget: Callable[[], object] | None = None

    def __init__(self, debugger: Any) -> None:
        self._debugger = debugger
        self._telling = threading.RLock()  # the pump's thread shows, too
        self._shown: tuple | None = None
        self._threads, self._wrong = debugger.guest.threads, list[str]()
        super().__init__(f"Debugger of {debugger.guest.name}", "threads", self._look_at_threads,
                         detail=self._tell_thread, guest=debugger.guest,
                         problems=lambda: self._wrong)
        with self._telling:
            self._show()
        self._forget = debugger.on_stop(lambda _stop: self._hurry())

    def text(self) -> str:
        return repr(self._debugger)

    def answer(self, message: dict) -> None:
        debugger, kind = self._debugger, message["kind"]
        if kind == "do":
            self._do(str(message["what"]))
        elif kind == "toggle":
            self._change(lambda: toggle_line(debugger, str(message["file"]),
                                             int(message["line"])))
        elif kind == "break":
            self._change(lambda: debugger.command(_point_command(str(message["text"]))))
        elif kind == "remove":
            self._change(lambda: debugger.remove(int(message["number"])))
        elif kind == "enable":
            self._change(lambda: debugger.enable(int(message["number"]), bool(message["on"])))
        else:
            super().answer(message)

    def refresh(self) -> None:
        """Look again now."""
        super().refresh()
        with self._telling:
            self._show()

    def close(self) -> None:
        if self._forget is not None:
            self._forget()
        super().close()

    def _do(self, what: str) -> None:
        """Carry out what a button says; the motion goes on while the cell is usable."""
        debugger = self._debugger
        self.said, self._shown = "", None
        try:
            if what == "interrupt":
                debugger.interrupt()
            elif what in self.place["able"] and not debugger.is_running:
                getattr(debugger, {**_MOTIONS, **_BACK}[what])(wait=False)
        except LabError as error:
            self.said = str(error)
        self._hurry()

    def _change(self, change: Callable[[], object]) -> None:
        """Change the breakpoints; what cannot be is said."""
        wrong = ""
        try:
            change()
        except LabError as error:
            wrong = str(error)
        with self._telling:
            self._show()  # (it forgets what was said)
            self.said = wrong
            self.changed += 1

    def _hurry(self) -> None:
        if self.pump is not None:
            self.pump.hurry()

    def _tick(self) -> bool:
        goes_on = super()._tick()
        with self._telling:
            if self._state_key() != self._shown:
                self._show()
        return goes_on

    def _state_key(self) -> tuple:
        debugger = self._debugger
        return (debugger.is_attached, debugger.is_running, debugger.stop,
                repr(debugger.breakpoints), self._guest.state, debugger.selected)

    def _show(self) -> None:
        """Show how things are; `_telling` is held."""
        debugger = self._debugger
        if debugger.is_running and self._shown and self._shown[2] is not debugger.stop:
            with suppress(LabError):
                debugger.wait(_SETTLE_S)
        if self._shown and self._shown[2] is not debugger.stop:
            self.said = ""  # of where it was before
        self._shown = self._state_key()
        place = _place(debugger)
        if place != self.place:
            self.place = place
        if debugger.is_attached and not debugger.is_running:
            try:  # the last motion may have ended where it began: there was nowhere to go
                debugger.wait(0)
            except LabError as error:
                self.said = str(error)

    def _look_at_threads(self) -> pd.DataFrame:
        try:
            found = self._threads.read()
        except LabError as error:  # before its first instructions a guest has none
            self._wrong = [str(error.message)]
            return pd.DataFrame({"thread": [], "name": [], "state": []})
        self._wrong = list(found.problems)
        return shown_columns(found.df)

    def _tell_thread(self, key: str) -> list[Block]:
        return thread_told(self._threads[int(key)])


def _place(debugger: Any) -> dict[str, Any]:
    """Return where the guest stands, for the browser."""
    stop, blocks = debugger.stop, []
    state = debugger.guest.state
    alive = state in ("running", "paused")  # (in a step it may be either)
    stands = debugger.is_attached and not debugger.is_running and stop is not None
    if stands and stop.place is not None:
        with suppress(LabError):  # it goes on, or ends, in this moment
            blocks = _calls(debugger, stop.excerpt)
    shown = stop is not None and not debugger.is_running and (stands or stop.has_ended)
    sentence = stop.text().removesuffix(stop.excerpt).strip() if shown else \
        repr(debugger).partition("\n")[0]
    runs = debugger.is_running or state == "running"
    back = list(_BACK) if debugger.can_go_back else []
    return {"sentence": sentence, "excerpt": stop.excerpt if shown else "", "blocks": blocks,
            "able": [] if not alive else ["interrupt"] if runs else [*_MOTIONS, *back],
            "back": bool(back), "source": source_told(debugger, stands),
            "breakpoints": [_breakpoint(one) for one in debugger.breakpoints]}


def _point_command(text: str) -> str:
    """Return the command that a text means: "square if n > 3", "watch total"."""
    word = _WORD.match(text.strip())
    return text if word and word[0] in _POINT_COMMANDS and text.strip() != word[0] \
        else f"break {text}"


def _calls(debugger: Any, shown: str) -> list[Block]:
    stack, selected = debugger.backtrace(), debugger.selected
    frames = frame_rows(stack)
    for depth, frame in enumerate(frames):
        frame["open"] = depth == selected
        if frame["source"] == shown:  # it stands above already
            frame["source"] = ""
    notes = "\n".join(getattr(stack, "notes", ()))
    return [{"title": "calls, innermost first", "frames": frames}, {"title": "", "text": notes}]


def _breakpoint(one: Any) -> list[str]:
    thread = f"thread {one.thread}" if one.thread is not None else ""
    limits = " ".join(part for part in (one.condition_text and f"if {one.condition_text}", thread,
                                        "temporary" if one.is_temporary else "",
                                        f"until {one.scope.function} returns" if one.scope else "")
                      if part)
    hits = f"{one.hits} of {one.hits + one.passed}" if one.passed else str(one.hits)
    return [str(one.number), one.kind, one.where, limits, hits,
            "enabled" if one.is_enabled else "disabled"]
