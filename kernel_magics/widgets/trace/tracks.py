"""A trace laid out for a timeline: a track for each thread and layer, columns of numbers.

Nothing here knows of a browser: `lay_out` turns a table like `guest.trace.df` into arrays
that a view sends as they are, and that a script may draw with anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.trace.records.events import LAYER_OF
from kernel_magics.widgets.trace.slices import Slices, guest_slices

__all__ = ["CALL", "FAILED", "NO_ENTER", "OPEN", "POINT", "Layout", "Track", "lay_out"]

CALL, OPEN, NO_ENTER, POINT, FAILED = 0, 1, 2, 3, 8
"""Flags of an event: a whole call; no exit yet; the exit alone; an instant; | failed."""

_FLAGS = {"call": CALL, "enter": OPEN, "exit": NO_ENTER, "instant": POINT}
_GROUP_LAYERS = {"syscall": "sys", "hypercall": "rumpuser", "runtime": "bmk"}
_TITLES = {"sys": "system calls", "rumpuser": "hypercalls", "bmk": "scheduler",
           "arch": "traps", "host": "host exits", "app": "marks", "cpu": "running thread",
           "phase": "boot phases"}
_COLOURS = {layer.name: layer.colour for layer in LAYERS} | {
    "cpu": "#5f7a8c", "phase": "#4f8a10", "console": "#7a68d8", "packets": "#c94f4f"}
_ORDER = tuple(layer.name for layer in LAYERS)
_DEVICE_COLOUR = "#0a87a0"
_NEEDED = ("time_ns", "event", "group", "kind", "thread", "duration_ns")
_LAST_CALLS = {"exit", "exit_group"}
_MOST_ERRNO = 4095
_NO_THREAD = -1


@dataclass(frozen=True, slots=True)
class Track:
    """One line of the picture: a layer of a thread; thread -1 is the whole guest.  `process`:
    the thread's, as text, "" where there is one alone."""

    thread: int
    thread_name: str
    layer: str
    title: str
    colour: str
    count: int
    process: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Events as columns; `row` is the position in the table each came from.

    start_ns and end_ns are float64, exact below 104 days; code indexes `names`, track
    indexes `tracks`; flags are CALL … FAILED.
    """

    tracks: tuple[Track, ...]
    names: tuple[str, ...]
    start_ns: np.ndarray
    end_ns: np.ndarray
    row: np.ndarray
    code: np.ndarray
    track: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    def columns(self, first: int, last: int) -> list[bytes]:
        """Return the rows [first, last) of each column as little-endian bytes."""
        return [np.ascontiguousarray(column[first:last], kind).tobytes() for column, kind in
                ((self.start_ns, "<f8"), (self.end_ns, "<f8"), (self.row, "<u4"),
                 (self.code, "<u2"), (self.track, "<u2"), (self.flags, "u1"))]


def lay_out(table: pd.DataFrame, thread_names: Mapping[int, str] | None = None,
            recording: Any = None) -> Layout:
    """Return the layout of a table of events with the columns of `guest.trace.df`.

    `thread_names` gives threads their names; `recording`, of the table, lets packets and
    console lines be read.  Raises UsageError if columns are missing.
    """
    if missing := [name for name in _NEEDED if name not in table.columns]:
        raise UsageError(f"a timeline needs the column {missing[0]!r}", missing=missing,
                         next_step="give it guest.trace.df or rows of it")
    names = thread_names or {}
    start_ns = table["time_ns"].to_numpy("float64")
    flags = _flags(table)
    code, events = _codes(table["event"])
    layer, layers = _layers(table, events, code)
    threads, thread, process = _by_process(table)
    track, tracks = _tracks(thread, threads, layer, layers, names)
    tracks = [replace(one, process=_process_text(process.get(one.thread, 0), recording))
              for one in tracks] if len(set(process.values()) - {0}) > 1 else tracks
    end_ns = _ends(table, start_ns, flags, track)
    last_call = np.isin(code, [n for n, name in enumerate(events) if name in _LAST_CALLS])
    _end_with_thread(end_ns, start_ns, last_call, thread)
    row = np.arange(len(table), dtype=np.uint32)
    last_ns = float(end_ns.max()) if len(end_ns) else 0.0
    layout = Layout(tuple(tracks), tuple(events), start_ns, end_ns, row, code, track, flags)
    return _with_slices(layout, guest_slices(table, last_ns, names, recording))


def _with_slices(layout: Layout, found: list[Slices]) -> Layout:
    """Put the tracks of the whole guest above the others."""
    names, tracks = list(layout.names), []
    columns: list[list[np.ndarray]] = [[], [], [], [], [], []]
    for number, slices in enumerate(found):
        count = len(slices.row)
        is_point = slices.end_ns <= slices.start_ns
        parts = (slices.start_ns, slices.end_ns, slices.row, slices.code + len(names),
                 np.full(count, number), np.where(is_point, POINT, CALL))
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
        names += slices.labels
        tracks.append(Track(_NO_THREAD, "guest", slices.layer,
                            _TITLES.get(slices.layer, slices.layer),
                            _COLOURS.get(slices.layer, _DEVICE_COLOUR), count))
    own = (layout.start_ns, layout.end_ns, layout.row, layout.code, layout.track + len(found),
           layout.flags)
    joined = [np.concatenate([*column, part]) for column, part in zip(columns, own, strict=True)]
    return Layout((*tracks, *layout.tracks), tuple(names), *joined)


def _flags(table: pd.DataFrame) -> np.ndarray:
    kinds = table["kind"].astype("category").cat
    by_code = np.array([_FLAGS.get(str(kind), POINT) for kind in kinds.categories] or [0], "u1")
    flags = by_code[kinds.codes.to_numpy()]
    if "result" in table.columns:
        result = pd.to_numeric(table["result"]).fillna(0).to_numpy("int64")
        failed = (result < 0) & (result >= -_MOST_ERRNO)
        flags = flags | np.where(failed, FAILED, 0).astype("u1")
    return flags


def _codes(events: pd.Series) -> tuple[np.ndarray, list[str]]:
    kinds = events.astype("category").cat
    return kinds.codes.to_numpy().astype(np.uint16), [str(name) for name in kinds.categories]


def _layers(table: pd.DataFrame, events: list[str],
            code: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return each event's layer as an index into the list of layers."""
    groups = table["group"].astype("category").cat
    known = [_GROUP_LAYERS.get(str(group), str(group)) for group in groups.categories]
    layers = list(dict.fromkeys([*_ORDER, *known]))
    of_group = np.array([layers.index(name) for name in known] or [0], np.int64)
    layer = of_group[groups.codes.to_numpy()]
    own = np.array([layers.index(LAYER_OF[name]) if name in LAYER_OF else -1
                    for name in events] or [-1], np.int64)[code]
    return np.where(own >= 0, own, layer), layers


def _threads(table: pd.DataFrame) -> np.ndarray:
    return pd.to_numeric(table["thread"]).fillna(_NO_THREAD).to_numpy("int64")


def _by_process(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Return the threads there are, each event's as an index into them, and their processes:
    those of one process follow each other."""
    numbers = _threads(table)
    threads, first, thread = np.unique(numbers, return_index=True, return_inverse=True)
    process = np.zeros(len(threads), np.int64)
    if "process" in table.columns:
        process = table["process"].to_numpy()[first].astype(np.int64)
    order = np.lexsort((threads, process))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return (threads[order], place[thread],
            dict(zip(threads.tolist(), process.tolist(), strict=True)))


def _process_text(process: int, recording: Any) -> str:
    if not process:
        return ""
    return str(recording.processes.title(process)) if recording is not None \
        else f"process {process}"


def _tracks(thread: np.ndarray, threads: np.ndarray, layer: np.ndarray, layers: list[str],
            names: Mapping[int, str]) -> tuple[np.ndarray, list[Track]]:
    key = thread * len(layers) + layer
    used, track, counts = np.unique(key, return_inverse=True, return_counts=True)
    made = []
    for one, count in zip(used.tolist(), counts.tolist(), strict=True):
        number, name = int(threads[one // len(layers)]), layers[one % len(layers)]
        made.append(Track(number, names.get(number, ""), name, _TITLES.get(name, name),
                          _COLOURS.get(name, "#80808a"), count))
    return track.astype(np.uint16), made


def _ends(table: pd.DataFrame, start_ns: np.ndarray, flags: np.ndarray,
          track: np.ndarray) -> np.ndarray:
    """Return the ends; what has none lasts until the next event of its track, or the last."""
    took = pd.to_numeric(table["duration_ns"]).fillna(0).to_numpy("float64")
    end_ns = start_ns + np.maximum(took, 0)
    unfinished = np.flatnonzero(flags & 7 == OPEN)
    if not len(unfinished):
        return end_ns
    order = np.lexsort((start_ns, track))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    after = order[np.minimum(place[unfinished] + 1, len(order) - 1)]
    followed = (track[after] == track[unfinished]) & (start_ns[after] > start_ns[unfinished])
    end_ns[unfinished] = np.where(followed, start_ns[after], end_ns.max())
    return end_ns


def _end_with_thread(end_ns: np.ndarray, start_ns: np.ndarray, last_call: np.ndarray,
                     thread: np.ndarray) -> None:
    """Let the calls that never return last until the last event of their thread."""
    if last_call.any():
        latest = np.full(thread.max() + 1, -np.inf)
        np.maximum.at(latest, thread, start_ns)
        end_ns[last_call] = np.maximum(start_ns, latest[thread])[last_call]
