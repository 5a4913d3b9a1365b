"""What a guest has recorded up to some moment, apart from the guest: to look at, keep, compare."""

import json
import struct
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from kernel_magics.errors import TraceError
from kernel_magics.trace.calls.decode import Decoder
from kernel_magics.trace.calls.descriptors import CALLS, Descriptors
from kernel_magics.trace.calls.dialects import dialect_of
from kernel_magics.trace.calls.processes import ProcessesSeen, TraceProcesses
from kernel_magics.trace.records.addresses import Addresses
from kernel_magics.trace.records.attached import Attached, attached, split
from kernel_magics.trace.records.columns import SEQUENCE
from kernel_magics.trace.records.events import INSTANT, LAYER_OF
from kernel_magics.trace.records.pairing import THREAD_BIT
from kernel_magics.trace.records.ring import WORDS
from kernel_magics.trace.records.table import Clock, call_table
from kernel_magics.trace.views.stacks import StackWalker
from kernel_magics.trace.views.views import Views, recording_text

__all__ = ["Recording"]

FORMAT = 1
# What reading a damaged archive of arrays ends in.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, BadZipFile, NotImplementedError, MemoryError,
           RuntimeError, OverflowError, TypeError, AttributeError, struct.error, zlib.error)
_NAME_WORDS = slice(4, 8)  # of a "thread" record
_THREAD_EVENT = 8
_WHAT = 2  # word of a row


class Recording(Views):
    """Trace records of one guest with what is needed to read them.

    rows: u64[n, 8] as RingReader.drain gives them.  gaps: indices at which records are
    missing.  threads: names of the threads that lived at the end.  losses: as
    Trace.losses.  image: the guest's GuestImage or None; it names addresses.  wall_ns: the
    Unix time of the guest's first instruction.  before, after: the processes that the lab saw
    when the trace began, and when it was read.  note: what a reader has to know of how it was
    recorded, "" if nothing.
    """

    def __init__(self, rows: np.ndarray, gaps: np.ndarray, clock: Clock, *, name: str = "trace",
                 threads: Mapping[int, str] | None = None,
                 losses: Mapping[str, int] | None = None, image: Any = None,
                 wall_ns: int = 0, before: ProcessesSeen | None = None,
                 after: ProcessesSeen | None = None, note: str = "") -> None:
        self.name, self.note = name, note
        self.clock = clock
        self.gaps = gaps
        self.image = image
        self.wall_ns = wall_ns
        self.losses = dict(losses or {})
        self._rows, self._attached_rows, facts = split(rows)
        self._processes = TraceProcesses(facts, before, after)
        self._last_threads = dict(threads or {})

    @property
    def lost(self) -> int:
        """How many records were written and are not here."""
        return sum(self.losses.values())

    @property
    def processes(self) -> TraceProcesses:
        """The processes that were seen: their names, threads, and the code they had mapped."""
        return self._processes

    @property
    def rows(self) -> np.ndarray:
        """The records of the events, u64[n, 8] as struct lab_record; not to be changed."""
        return self._rows

    @property
    def recording(self) -> "Recording":
        """This recording itself; a live trace gives a new one."""
        return self

    @cached_property
    def _table(self) -> pd.DataFrame:
        return call_table(self._rows, self.clock, self.gaps, processes=self.processes)[0]

    @property
    def df(self) -> pd.DataFrame:
        """All events, one row for each call; see Trace.df."""
        return self._table.copy(deep=False)

    @cached_property
    def attached(self) -> Attached:
        """The bytes and stacks that go with events."""
        return attached(self._attached_rows)

    @cached_property
    def threads(self) -> dict[int, str]:
        """Names of threads by number: of those that lived at the end, and of those whose
        beginning was recorded (the event "thread")."""
        what = self._rows[:, 2]
        named = ((what & 0xFFFF) == _THREAD_EVENT) & ((what >> 16 & 0xFF) == INSTANT)
        found = {int(row[3]): _text(row[_NAME_WORDS]) for row in self._rows[named]}
        return {**found, **self._last_threads}

    @cached_property
    def descriptors(self) -> Descriptors:
        """What file descriptors stood for, as far as the recorded calls tell."""
        table = self._table
        calls = table[(table["kind"] == "call") & table["event"].isin(list(CALLS))]
        calls = calls.sort_values("exit_sequence", kind="stable")
        return Descriptors(calls.itertuples(), self.attached.excerpts,
                           parents=self.processes.parents,
                           family=dialect_of(self.image).decoders["", "domain"])

    @cached_property
    def decoder(self) -> Decoder:
        """What turns rows into text."""
        return Decoder(self.attached.excerpts, self.descriptors, self.symbol, self.threads,
                       dialect_of(self.image))

    @cached_property
    def walker(self) -> StackWalker:
        """What turns recorded stacks into calls."""
        return StackWalker(self.image, self.addresses)

    @cached_property
    def addresses(self) -> Addresses:
        """What names code addresses, of the image and of what processes had mapped."""
        return Addresses(self.image, self.processes)

    def process_of(self, sequence: int) -> int:
        """Return the process in which the event with this `sequence` was, 0 if in none."""
        found = np.flatnonzero(self._rows[:, SEQUENCE] == np.uint64(sequence))
        thread = int(self._rows[found[0], _WHAT]) >> THREAD_BIT if len(found) else 0
        return self.processes.threads.get(thread, 0)

    @staticmethod
    def event_layer(name: str) -> str:
        """Return the layer in which an event happens, "" if it is none's name."""
        return LAYER_OF.get(name, "")

    def symbol(self, address: int, process: int = 0) -> str:
        """Return an address as "main+0x1b", "" if it has no name; see Addresses.symbol."""
        return self.addresses.symbol(address, process)

    def save(self, path: str | Path) -> Path:
        """Write the recording to a file that `open` reads, also without guest or image."""
        path = Path(path)
        names = {str(number): name for number, name in self.threads.items()}
        with path.open("wb") as stream:
            np.savez_compressed(
                stream, rows=self._rows, attached=self._attached_rows, gaps=self.gaps,
                facts=np.array([FORMAT, self.clock.tsc_hz, self.clock.origin_tsc], "<u8"),
                thread_numbers=np.array(list(names), "U"),
                thread_names=np.array(list(names.values()), "U"), name=np.array(self.name),
                loss_names=np.array(list(self.losses), "U"),
                loss_counts=np.array(list(self.losses.values()), np.int64),
                wall=np.array([self.wall_ns], np.int64), note=np.array(self.note),
                process_facts=self.processes.rows,
                processes=np.array([_seen(self.processes.before), _seen(self.processes.after)]),
                image=np.array(str(self.image.path) if self.image is not None else ""))
        return path

    @classmethod
    def open(cls, path: str | Path, image: Any = None) -> "Recording":
        """Return the recording that `save` wrote; raises TraceError if it is none.

        image: the guest's image, to name addresses; by default the one of then, if it is
        still there.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                return cls._stored({key: stored[key] for key in stored.files}, image)
        except _DAMAGE as error:
            raise TraceError(f"{path} is not a trace that can be read: {error}",
                             next_step="give a file that recording.save wrote") from error

    @classmethod
    def _stored(cls, found: Mapping[str, np.ndarray], image: Any) -> "Recording":
        version, tsc_hz, origin = (int(number) for number in found["facts"])
        if version != FORMAT:
            raise ValueError(f"format {version}, expected {FORMAT}")
        facts = found.get("process_facts", found["rows"][:0])  # (one of old has none)
        rows = np.concatenate([_words(part) for part in (found["rows"], found["attached"],
                                                         facts)])
        before, after = (_restored(text) for text in found.get("processes", ("", "")))
        numbers = [int(number) for number in found["thread_numbers"]]
        return cls(rows, found["gaps"].astype(np.int64), Clock(tsc_hz, origin),
                   name=str(found["name"]), image=image or _image(str(found["image"])),
                   wall_ns=int(found["wall"][0]), before=before, after=after,
                   note=str(found.get("note", "")),
                   threads=dict(zip(numbers, map(str, found["thread_names"]), strict=True)),
                   losses=dict(zip(map(str, found["loss_names"]),
                                   map(int, found["loss_counts"]), strict=True)))

    def __repr__(self) -> str:
        return recording_text(self)


def _words(array: np.ndarray) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != WORDS or array.dtype != np.dtype("<u8"):
        raise ValueError(f"records of shape {array.shape} and type {array.dtype}")
    return array


def _seen(processes: ProcessesSeen | None) -> str:
    return "" if processes is None else json.dumps(processes.stored())


def _restored(text: Any) -> ProcessesSeen | None:
    return ProcessesSeen.restored(json.loads(str(text))) if str(text) else None


def _text(words: np.ndarray) -> str:
    return words.tobytes().split(b"\0")[0].decode("utf-8", "replace")


def _image(path: str) -> Any:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.errors import ImageError

    try:
        return GuestImage.from_file(path) if path and Path(path).exists() else None
    except ImageError:
        return None
