"""Which process a thread was of, and which files' code that had mapped, all through a trace.

The guest says it in records of its own kind, facts, when it changes; what was so before the
trace began, and what records that are gone would have said, the lab reads from the guest.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.trace.records.ring import WORDS

__all__ = ["MappedCode", "ProcessesSeen", "TraceProcesses"]

# A guest may say anything, and each state of a process is kept.
MOST_FACTS, MOST_MAPPED = 1 << 16, 512
_SEQUENCE, _WHAT, _ARGS = 0, 2, 3
_TEXT_BYTES = 4096
_NUMBERS = 1 << 32  # of threads and processes


@dataclass(frozen=True, slots=True)
class MappedCode:
    """Code of a file in a process's memory: from `offset` in the file on."""

    start: int
    end: int
    offset: int
    path: str


@dataclass(frozen=True, slots=True)
class ProcessesSeen:
    """The processes there were when the lab looked: threads → process; process → name and
    code."""

    threads: Mapping[int, int] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    code: Mapping[int, tuple[MappedCode, ...]] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """Return it as plain numbers, texts, lists, for `restored`."""
        return {"threads": dict(self.threads), "names": dict(self.names),
                "code": {pid: [list(asdict(one).values()) for one in code]
                         for pid, code in self.code.items()}}

    @classmethod
    def restored(cls, found: Any) -> "ProcessesSeen":
        """Return what `stored` gave; raises ValueError, KeyError or TypeError if it is none."""
        return cls({int(key): int(value) for key, value in found["threads"].items()},
                   {int(key): str(value) for key, value in found["names"].items()},
                   {int(key): tuple(MappedCode(int(start), int(end), int(offset), str(path))
                                    for start, end, offset, path in code)
                    for key, code in found["code"].items()})


class TraceProcesses:
    """The processes of a trace.

    rows: the records of facts, u64[n, 8].  before, after: what the lab saw when the trace
    began, and when it was read.
    """

    def __init__(self, rows: np.ndarray, before: ProcessesSeen | None = None,
                 after: ProcessesSeen | None = None) -> None:
        self.rows, self.before, self.after = rows, before, after
        self.threads: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.parents: dict[int, tuple[int, int]] = {}
        """Forked process → its parent, and when in the sequence of events."""
        self._when: dict[int, list[int]] = {}
        self._code: dict[int, list[tuple[MappedCode, ...]]] = {}
        if before is not None:
            self._see(before)
        for sequence, event, words, text in _facts(rows[-MOST_FACTS:]):
            if event == abi.Event.PROCESS:
                self._process(sequence, words, text)
            elif event == abi.Event.MAPPED and words[0] < _NUMBERS:
                code = self.code(words[0])
                self._put(words[0], sequence, _with(
                    code, MappedCode(words[1], words[2], words[3], text)))
        if after is not None:
            self._see(after)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(set(self.threads.values()) | set(self.names)))

    def title(self, process: int) -> str:
        """Return a process as text: its name and number; "the runtime" of 0."""
        name = self.names.get(process, "")
        return f"{name} ({process})" if name else f"process {process}" if process \
            else "the runtime"

    def of_threads(self, threads: np.ndarray) -> np.ndarray:
        """Return the processes of many threads, u32, 0 for the runtime's own."""
        known = np.array(sorted(self.threads), np.int64)
        if not len(known):
            return np.zeros(len(threads), np.uint32)
        values = np.array([self.threads[number] for number in known.tolist()], np.uint32)
        if known[-1] < 1 << 20:  # (numbers are counted up from 1 unless a guest lies)
            table = np.zeros(known[-1] + 2, np.uint32)
            table[known] = values
            return table.take(threads, mode="clip")
        at = np.minimum(np.searchsorted(known, threads), len(known) - 1)
        return np.where(known[at] == threads, values[at], 0).astype(np.uint32)

    def code(self, process: int, sequence: int | None = None) -> tuple[MappedCode, ...]:
        """Return the code that a process had mapped at an event, by default in the end."""
        states = self._code.get(process, [])
        if sequence is None:
            return states[-1] if states else ()
        at = bisect_right(self._when.get(process, []), sequence) - 1
        return states[at] if at >= 0 else ()

    def all_code(self, process: int) -> list[tuple[MappedCode, ...]]:
        """Return all the states of what a process had mapped, the last first."""
        return self._code.get(process, [])[::-1]

    def _put(self, process: int, sequence: int, code: tuple[MappedCode, ...]) -> None:
        self._when.setdefault(process, []).append(sequence)
        self._code.setdefault(process, []).append(code)

    def _process(self, sequence: int, words: tuple[int, ...], name: str) -> None:
        thread, process, parent, what = words
        if max(thread, process, parent) >= _NUMBERS:
            return
        self.threads[thread] = process
        self.names[process] = name or self.names.get(process, "")
        if what == abi.ProcessFact.FORKED:
            self.parents.setdefault(process, (parent, sequence))
            self._put(process, sequence, self.code(parent))
        elif what == abi.ProcessFact.PROGRAM:
            self._put(process, sequence, ())

    def _see(self, seen: ProcessesSeen) -> None:
        self.threads |= {number: pid for number, pid in seen.threads.items()
                         if number not in self.threads}
        self.names |= {pid: name for pid, name in seen.names.items()
                       if name and not self.names.get(pid)}
        for process, code in seen.code.items():
            states = self._code.get(process)
            if states is None:
                self._put(process, 0, tuple(code))
            else:  # the facts that said it are gone
                for one in code:
                    states[-1] = _with(states[-1], one, newer=False)


def _with(code: tuple[MappedCode, ...], one: MappedCode,
          newer: bool = True) -> tuple[MappedCode, ...]:
    """Return what is mapped when one more file is; the newer lies over the older."""
    over = [other for other in code if other.start < one.end and one.start < other.end]
    if not newer:
        return code if over or len(code) >= MOST_MAPPED else (*code, one)
    if len(code) - len(over) >= MOST_MAPPED:
        return code
    return (*(other for other in code if other not in over), one)


def _facts(rows: np.ndarray) -> Iterator[tuple[int, int, tuple[int, ...], str]]:
    """Yield sequence, event, words and text of each whole fact; what was torn is left out."""
    rows = rows[np.argsort(rows[:, _SEQUENCE], kind="stable")]
    for first, parts in _runs(rows):
        words = tuple(int(word) for word in rows[first, _ARGS:_ARGS + 4])
        text = b"".join(rows[at, _ARGS:WORDS].tobytes() for at in parts)[:_TEXT_BYTES]
        yield (int(rows[first, _SEQUENCE]), int(rows[first, _WHAT]) & 0xFFFF, words,
               text.split(b"\0")[0].decode("utf-8", "replace"))


def _runs(rows: np.ndarray) -> Iterable[tuple[int, list[int]]]:
    """Yield the position of each fact's beginning and those of the parts of its text."""
    sequences = rows[:, _SEQUENCE].tolist()
    numbers = (rows[:, _WHAT] >> 24 & 0xFF).tolist()
    at = 0
    while at < len(rows):
        first, at = at, at + 1
        if numbers[first]:
            continue  # its beginning was lost
        while at < len(rows) and numbers[at] == at - first \
                and sequences[at] == sequences[first] + at - first:
            at += 1
        yield first, list(range(first + 1, at))
