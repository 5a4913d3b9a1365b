"""A table of a guest as it is now: sorted, filtered, refreshed, with details of a row."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import traitlets

from kernel_magics.errors import LabError
from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.view import Pump, View, bundle

__all__ = ["Block", "ListingView", "column_kind"]

Block = dict[str, Any]
"""What is told of a row: title, and text, fields (name, value) or frames."""

MOST_ROWS = 2000
TEXT_ROWS = 30
PERIOD_S = 0.5
_MOST_CELL = 400
_ALIVE = ("running", "paused")
_LAYER_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_ADDRESSES = {"address", "start", "end", "stack_pointer", "caller", "page_table", "handler"}


class ListingView(View):
    """The rows that `look` returns, and again twice a second while the guest runs, when it
    is paused or goes on, and where a debugger stops it.

    title, noun: "threads of web", "threads".  look: returns a DataFrame; what it raises as a
    LabError is shown as a problem.  detail: given a row's key (its first column as text),
    returns Blocks.  guest: whose state decides whether to look again; None: look once.
    problems: returns what was wrong at the last look.  `df` is the table of the last look,
    `selected` the key of the selected row.
    """

    _bundle = "listing"
    title = traitlets.Unicode().tag(sync=True)
    noun = traitlets.Unicode().tag(sync=True)
    columns: traitlets.List = traitlets.List().tag(sync=True)
    rows: traitlets.List = traitlets.List().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    problems: traitlets.List = traitlets.List().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    has_detail = traitlets.Bool().tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    live = traitlets.Bool().tag(sync=True)

    def __init__(self, title: str, noun: str, look: Callable[[], pd.DataFrame], *,
                 detail: Callable[[str], list[Block]] | None = None, guest: Any = None,
                 problems: Callable[[], Sequence[str]] = list) -> None:
        self._esm, self._css = bundle(f"{self._bundle}.js"), bundle(f"{self._bundle}.css")
        self._look, self._tell, self._guest, self._problems = look, detail, guest, problems
        self._seen_stop = _stop_of(guest)
        self.df = look()
        state = "" if guest is None else str(guest.state)
        super().__init__(title=title, noun=noun, has_detail=detail is not None, state=state,
                         live=state in _ALIVE, problems=list(problems()), **_sent(self.df))
        if state in _ALIVE:
            self.pump = Pump(self._tick, title, PERIOD_S)
        self.listen()

    def text(self) -> str:
        shown = self.df.head(TEXT_ROWS).to_string(max_colwidth=60)
        more = len(self.df) - TEXT_ROWS
        lines = [self.title, *([shown] if len(self.df) else [f"no {self.noun}"]),
                 *([f"… and {more} more: .df"] if more > 0 else []),
                 *(f"problem: {problem}" for problem in self.problems)]
        return "\n".join(lines)

    def answer(self, message: dict) -> None:
        if message["kind"] == "look":
            self.refresh()
        elif message["kind"] == "detail":
            self._send_detail(str(message["key"]))

    def refresh(self) -> None:
        """Look again now."""
        try:
            self.df = self._look()
        except LabError as error:
            self.problems = [str(error.message)]
            return
        sent = _sent(self.df)
        with self.hold_sync():
            for name, value in sent.items():
                if getattr(self, name) != value:
                    setattr(self, name, value)
            self.problems = list(self._problems())
            if self._guest is not None:
                self.state = str(self._guest.state)

    def _tick(self) -> bool:
        stop, state = _stop_of(self._guest), str(self._guest.state)
        if state == "running" or state != self.state or stop is not self._seen_stop:
            stopped, self._seen_stop = stop is not self._seen_stop, stop
            self.refresh()
            if stopped and self.selected:
                self._send_detail(self.selected)
        return self.state in _ALIVE

    def _send_detail(self, key: str) -> None:
        try:
            blocks = self._tell(key) if self._tell else []
        except LabError as error:
            blocks = [{"title": "", "text": str(error)}]
        self.detail = {"key": key, "blocks": blocks}


def _stop_of(guest: Any) -> Any:
    """Return where a debugger stopped the guest last; None if none is in use."""
    debugger = getattr(guest, "__dict__", {}).get("debugger")
    return debugger.stop if debugger is not None else None


def column_kind(name: str, column: pd.Series) -> str:
    """Return how a column is shown: by the unit in its name, else by its type."""
    if name in _ADDRESSES or name.endswith("_address"):
        return "address"
    for suffix in ("bytes", "ns"):
        if name == suffix or name.endswith(f"_{suffix}"):
            return suffix
    if pd.api.types.is_bool_dtype(column.dtype):
        return "flag"
    return "number" if pd.api.types.is_numeric_dtype(column.dtype) else "text"


def _sent(table: pd.DataFrame) -> dict[str, Any]:
    """Return columns and rows for the browser; a named index is the first column."""
    whole = len(table)
    table = table.head(MOST_ROWS)
    if table.index.name is not None:
        table = table.reset_index()
    kinds = [column_kind(str(name), table[name]) for name in table.columns]
    columns: list[dict[str, Any]] = []
    for name, kind in zip(table.columns, kinds, strict=True):
        title = str(name).removesuffix("_bytes").removesuffix("_ns").replace("_", " ")
        column: dict[str, Any] = {"name": str(name), "title": title, "kind": kind}
        if name in ("layer", "owner"):
            column["colours"] = _LAYER_COLOURS
        columns.append(column)
    rows = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)]
            for row in table.itertuples(index=False, name=None)]
    return {"columns": columns, "rows": rows, "total": whole}


def _cell(value: Any, kind: str) -> str | int | float | bool | None:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    if kind == "address":
        return f"{int(value):#x}" if isinstance(value, int) or hasattr(value, "__index__") \
            else str(value)
    if kind == "flag":
        return bool(value)
    if kind == "text":
        text = str(value)
        return text if len(text) <= _MOST_CELL else f"{text[:_MOST_CELL]}…"
    return float(value) if isinstance(value, float) else int(value)
