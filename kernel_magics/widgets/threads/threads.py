"""The threads of a guest: state, time, what each waits for; its calls when it is selected."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from kernel_magics.errors import LabError
from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.listing import Block, ListingView

__all__ = ["frame_rows", "shown_columns", "thread_told", "threads_view"]

_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_MOST_LOCALS = 30
_MOST_VALUE = 300
_MOST_FRAMES = 100


def threads_view(guest: Any) -> ListingView:
    """Return a guest's threads as a view; selecting one shows its backtrace.

    guest: a Guest or a dump.  Raises GuestError if its tables cannot be read.
    """
    threads = guest.threads
    problems: list[str] = []

    def look() -> Any:
        found = threads.read()
        problems[:] = getattr(found, "problems", [])
        return shown_columns(found.df if hasattr(found, "df") else threads.df)

    can_tell = hasattr(type(threads), "__getitem__")
    return ListingView(f"Threads of {guest.name}", "threads", look, guest=guest,
                       problems=lambda: problems,
                       detail=(lambda key: thread_told(threads[int(key)])) if can_tell else None)


def shown_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of threads without the time on the processor if nobody counts it."""
    has_none = len(table) and table["cpu_ns"].isna().all()
    return table.drop(columns="cpu_ns") if has_none else table


def thread_told(thread: Any) -> list[Block]:
    """Return what is told of a selected thread: its state, what it waits for, its calls."""
    stack = thread.backtrace()
    fields = [("state", thread.state), ("process", str(thread.process or "")),
              ("waits for", thread.wait.text if thread.wait else "")]
    return [{"title": thread.title(), "fields": [field for field in fields if field[1]]},
            {"title": "calls, innermost first", "frames": frame_rows(stack)},
            {"title": "", "text": "\n".join(getattr(stack, "notes", ()))}]


def frame_rows(frames: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the frames of a backtrace for the browser, with source and variables."""
    rows = []
    for frame in list(frames)[:_MOST_FRAMES]:
        place = frame.place or f"{frame.address:#x}"
        rows.append({"name": frame.function or "?", "layer": frame.layer, "place": place,
                     "colour": _COLOURS.get(frame.layer, "#80808a"),
                     "source": str(getattr(frame, "excerpt", "") or ""),
                     "locals": _locals(frame)})
    return rows


def _locals(frame: Any) -> list[tuple[str, str]]:
    try:
        found = getattr(frame, "locals", None) or {}
        rows = []
        for name, value in list(found.items())[:_MOST_LOCALS]:
            text = str(value)
            rows.append((name, text if len(text) <= _MOST_VALUE else f"{text[:_MOST_VALUE]}…"))
        return rows
    except LabError as error:
        return [("", str(error.message))]
