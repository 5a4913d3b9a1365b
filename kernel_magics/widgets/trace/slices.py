"""What a trace tells of the whole guest over time: phases, who ran, requests, console, packets.

Each is a track of its own; every slice points at the row of the table it was made from.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kernel_magics.boot.abi import Phase
from kernel_magics.errors import LabError

__all__ = ["Slices", "guest_slices"]

_MOST_LABELS = 5000  # different ones; further lines and packets are left out
_MOST_LABEL = 80
_WAITING = "net receive"  # empty buffers that wait for a frame: no work is going on


@dataclass(frozen=True, slots=True)
class Slices:
    """A track's events; `layer` is its key, `code` indexes `labels`."""

    layer: str
    start_ns: np.ndarray
    end_ns: np.ndarray
    row: np.ndarray
    code: np.ndarray
    labels: list[str]


def guest_slices(table: pd.DataFrame, last_ns: float, names: Mapping[int, str],
                 recording: Any = None) -> list[Slices]:
    """Return the tracks of the whole guest that a table has the events for.

    table: like `guest.trace.df`.  last_ns: when the trace ends.  names: of threads.
    recording: of the table, with which console lines and packets can be read; or None.
    """
    if not {"a0", "a1", "a2", "a3", "sequence"} <= set(table.columns) or not len(table):
        return []
    events = set(map(str, table["event"].cat.categories))
    makers: list[tuple[str, Callable[[], Iterator[Slices]]]] = [
        ("phase", lambda: _phases(table, last_ns)),
        ("switch", lambda: _running(table, last_ns, names)),
        ("request", lambda: _requests(table, last_ns))]
    if recording is not None:
        makers += [("packet", lambda: _packets(table, recording)),
                   ("rumpcomp_console_write", lambda: _console(table, recording))]
    found: list[Slices] = []
    for event, make in makers:
        if event in events:
            try:
                found += make()
            except LabError:  # a record that is damaged: the events themselves are shown
                continue
    return [slices for slices in found if len(slices.row)]


def _of(table: pd.DataFrame, event: str) -> np.ndarray:
    rows = np.flatnonzero((table["event"] == event).to_numpy(bool))
    time_ns = table["time_ns"].to_numpy()[rows]
    return rows[np.argsort(time_ns, kind="stable")]


def _following(table: pd.DataFrame, rows: np.ndarray, last_ns: float) -> tuple:
    """Return starts, and ends: each lasts until the next begins."""
    start = table["time_ns"].to_numpy("float64")[rows]
    return start, np.r_[start[1:], max(last_ns, float(start[-1]))] if len(start) else start


def _phases(table: pd.DataFrame, last_ns: float) -> Iterator[Slices]:
    rows = _of(table, "phase")
    start, end = _following(table, rows, last_ns)
    known = {int(phase): phase.name.lower() for phase in Phase}
    numbers = table["a0"].to_numpy("uint64")[rows].tolist()
    yield _labelled("phase", start, end, rows, [known.get(n, f"phase {n}") for n in numbers])


def _running(table: pd.DataFrame, last_ns: float, names: Mapping[int, str]) -> Iterator[Slices]:
    rows = _of(table, "switch")
    start, end = _following(table, rows, last_ns)
    threads, code = np.unique(table["a1"].to_numpy("uint64")[rows], return_inverse=True)
    labels = [f"{names.get(n) or 'thread'} {n}" if n else "idle" for n in threads.tolist()]
    yield Slices("cpu", start, end, rows, code, labels)


def _requests(table: pd.DataFrame, last_ns: float) -> Iterator[Slices]:
    from kernel_magics.trace.views.nesting import request_table

    requests = request_table(table.assign(parent=0))
    requests = requests[requests["device"] != _WAITING]
    for device, some in requests.groupby("device", observed=True):
        start = some["time_ns"].to_numpy("float64")
        took = some["latency_ns"].astype("Float64").to_numpy("float64", na_value=np.nan)
        end = np.where(np.isnan(took), last_ns, start + took)
        labels = [f"{size} B" for size in some["bytes"].tolist()]
        yield _labelled(f"{device}", start, end, _rows(table, some["sequence"]), labels)


def _packets(table: pd.DataFrame, recording: Any) -> Iterator[Slices]:
    packets = recording.packets.head(_MOST_LABELS)
    start = packets["time_ns"].to_numpy("float64")
    labels = [f"{'→' if row.direction == 'sent' else '←'} {row.protocol} {row.info}"
              for row in packets.itertuples()]
    yield _labelled("packets", start, start, _rows(table, packets["sequence"]), labels)


def _console(table: pd.DataFrame, recording: Any) -> Iterator[Slices]:
    lines = recording.console.head(_MOST_LABELS)
    start = lines["time_ns"].to_numpy("float64")
    yield _labelled("console", start, start, _rows(table, lines["sequence"]),
                    lines["text"].astype(str).tolist())


def _rows(table: pd.DataFrame, sequence: pd.Series) -> np.ndarray:
    """Return the positions of the rows with these sequence numbers, which ascend."""
    known = table["sequence"].to_numpy("uint64")
    at = np.searchsorted(known, sequence.to_numpy("uint64"))
    return np.minimum(at, max(0, len(known) - 1))


def _labelled(layer: str, start: np.ndarray, end: np.ndarray, rows: np.ndarray,
              labels: list[str]) -> Slices:
    short = [text if len(text) <= _MOST_LABEL else f"{text[:_MOST_LABEL]}…" for text in labels]
    code, different = pd.factorize(np.array(short, object))
    return Slices(layer, start, end, rows, code, [str(text) for text in different])
