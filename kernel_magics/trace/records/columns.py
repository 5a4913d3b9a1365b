"""Trace records turned into columns, a block at a time.

A block and all that is computed of it stay in the processor's cache.  A call has its row
where its enter is; an exit in a later block goes there as well.
"""

from typing import Any

import numpy as np

from kernel_magics.boot.abi import DETAIL_IN_INTERRUPT, Event
from kernel_magics.trace.records.clock import Clock
from kernel_magics.trace.records.events import (
    ENTER,
    EVENTS,
    EXIT,
    INSTANT,
    RECORDED_ARGUMENTS,
    RESULT_BITS,
)
from kernel_magics.trace.records.pairing import KIND_BIT, THREAD_BIT, adjacent_pairs, nested_pairs

__all__ = ["BLOCK_ROWS", "KINDS", "SEQUENCE", "Columns"]

BLOCK_ROWS = 1 << 17
# "call": enter and exit matched.  "enter": not finished, or its exit was lost.  "exit":
# its enter was not recorded.  "instant": an event without duration.
KINDS = ("call", "enter", "exit", "instant")
_CALL, _EXIT = KINDS.index("call"), KINDS.index("exit")

# Words of a record's row.
SEQUENCE, _TSC, _WHAT, _ARGS, _CALLER = 0, 1, 2, 3, 7
_DETAIL_BIT = 24
_MORE = (4, 5)  # of an exit: a system call's fifth and sixth argument
_FIRST_SYSCALL = int(Event.SYSCALL)
_MOST_OPEN = 1 << 16
_EVENT_MASK, _DETAIL_SHIFT, _THREAD_SHIFT = (np.uint64(n) for n in (0xFFFF, 24, THREAD_BIT))
_WIDE, _NARROW, _NONE = range(3)
_RESULT_FLAGS = np.where(RESULT_BITS == 0, _NONE, RESULT_BITS == 32).astype(np.int8)


class Columns:
    """Columns of a table of calls, each as long as there are rows once `finish` was called.

    most: how many records will be added.  open_rows: the records of calls without an exit.
    """

    def __init__(self, most: int, clock: Clock, gaps: np.ndarray) -> None:
        self._clock, self._gaps, self._count = clock, gaps, 0
        # Memory that is never written is never there, so that too much costs nothing.
        self.time_ns, self.duration_ns, self.result = (np.empty(most, np.int64) for _ in range(3))
        self.event, self.kind = np.empty(most, np.int16), np.empty(most, np.int8)
        self.thread = np.empty(most, np.uint32)
        self.arguments = [np.empty(most, np.uint64) for _ in range(RECORDED_ARGUMENTS)]
        self.more = [np.empty(most, np.uint64) for _ in _MORE]
        self.caller, self.sequence, self.exit_sequence = (
            np.empty(most, np.uint64) for _ in range(3))
        self.no_result, self.no_duration, self.in_interrupt = (
            np.empty(most, bool) for _ in range(3))
        self.open_rows = np.empty((0, 8), "<u8")
        self._open_at = np.empty(0, np.int64)  # their places in the columns
        self._used = np.zeros(EVENTS, bool)
        self._last = np.uint64(0)

    def add(self, rows: np.ndarray) -> bool:
        """Add records, u64[n, 8]; False if some were begun before others that came earlier."""
        words = rows.T.copy()
        sequence = words[SEQUENCE]
        if not (sequence[1:] > sequence[:-1]).all() or sequence[0] <= self._last:
            return False
        self._last = sequence[-1]
        kind = (words[_WHAT] >> KIND_BIT).astype(np.uint8)
        if len(kind) and kind.max() > INSTANT:
            events = kind <= INSTANT
            words, kind = words[:, events], kind[events]
        if not len(kind):
            return True
        partner, early, late = self._pair(words, kind)
        shown = np.ones(len(kind), bool)
        shown[partner[partner >= 0]] = shown[late] = False
        chosen = np.flatnonzero(shown)
        place = self._count + np.cumsum(shown) - 1
        self._write(words, kind, partner, chosen)
        self._finish_early(words, early, late)
        self._remember(words, kind, partner, early, place)
        return True

    def _pair(self, words: np.ndarray,
              kind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for each record the position of its exit in the block or -1; and for calls
        begun before: which of the open ones, and where its exit is."""
        what, sequence = words[_WHAT], words[SEQUENCE]
        partner = np.full(len(kind), -1, np.int64)
        first = adjacent_pairs(what, sequence, kind)
        partner[first] = first + 1
        rest = kind <= EXIT
        rest[first] = rest[first + 1] = False
        calls = np.flatnonzero(rest)
        before = len(self.open_rows)
        if not len(calls):
            return partner, calls[:0], calls[:0]
        enters, exits, _ = nested_pairs(
            np.r_[self.open_rows[:, _WHAT], what[calls]],
            np.r_[self.open_rows[:, SEQUENCE], sequence[calls]], self._gaps)
        # An exit never lies among the open ones, so its place is one of the block.
        exits = calls[exits - before]
        inside = enters >= before
        partner[calls[enters[inside] - before]] = exits[inside]
        return partner, enters[~inside], exits[~inside]

    def _write(self, words: np.ndarray, kind: np.ndarray, partner: np.ndarray,
               chosen: np.ndarray) -> None:
        """Write the chosen records' columns, with those of their exits in this block."""
        here = slice(self._count, self._count + len(chosen))
        partner = partner[chosen]
        matched = partner >= 0
        last = np.where(matched, partner, chosen)
        time_ns = self._clock.since_boot_ns(words[_TSC])
        what = words[_WHAT].take(chosen)
        event = (what & _EVENT_MASK).view(np.int64)
        self._used[event] = True
        flags = _RESULT_FLAGS.take(event)
        kind = kind.take(chosen)
        is_exit = kind == EXIT
        ended = matched | is_exit
        for column, word in ((self.time_ns, time_ns), (self.caller, words[_CALLER]),
                             (self.sequence, words[SEQUENCE]),
                             *zip(self.arguments, words[_ARGS:], strict=False)):
            word.take(chosen, out=column[here], mode="clip")
        np.subtract(time_ns.take(last), self.time_ns[here], out=self.duration_ns[here])
        self.event[here] = event
        self.kind[here] = np.where(matched, _CALL, kind)
        self.thread[here] = what >> _THREAD_SHIFT
        np.multiply(words[SEQUENCE].take(last), matched, out=self.exit_sequence[here])
        np.logical_not(matched, out=self.no_duration[here])
        np.logical_or(~ended, flags == _NONE, out=self.no_result[here])
        self.result[here] = _results(words[_ARGS].take(last), flags)
        of_call = ended & (event >= _FIRST_SYSCALL)
        for column, word in zip(self.more, _MORE, strict=True):
            column[here] = np.multiply(words[word].take(last), of_call) if of_call.any() else 0
        details = int(np.bitwise_or.reduce(what, initial=0)) >> _DETAIL_BIT & 0xFF
        self.in_interrupt[here] = \
            (what >> _DETAIL_SHIFT & 0xFF) == DETAIL_IN_INTERRUPT if details else False
        if is_exit.any():  # of an exit only the result is written
            bare = self._count + np.flatnonzero(is_exit)
            for column in (*self.arguments, self.caller):
                column[bare] = 0
        self._count += len(chosen)

    def _finish_early(self, words: np.ndarray, early: np.ndarray, late: np.ndarray) -> None:
        """Complete the rows of calls that were begun in an earlier block."""
        if not len(early):
            return
        at, event = self._open_at[early], self.event[self._open_at[early]]
        self.duration_ns[at] = self._clock.since_boot_ns(words[_TSC][late]) - self.time_ns[at]
        self.kind[at] = _CALL
        self.no_duration[at] = False
        flags = _RESULT_FLAGS[event]
        self.no_result[at] = flags == _NONE
        self.result[at] = _results(words[_ARGS][late], flags)
        self.exit_sequence[at] = words[SEQUENCE][late]
        for column, word in zip(self.more, _MORE, strict=True):
            column[at] = np.where(event >= _FIRST_SYSCALL, words[word][late], 0)

    def _remember(self, words: np.ndarray, kind: np.ndarray, partner: np.ndarray,
                  early: np.ndarray, place: np.ndarray) -> None:
        """Keep the calls that may still end: no record was lost since they began."""
        stay = np.ones(len(self.open_rows), bool)
        stay[early] = False
        new = np.flatnonzero((kind == ENTER) & (partner < 0))
        rows = np.concatenate([self.open_rows[stay], words[:, new].T])
        at = np.r_[self._open_at[stay], place[new]]
        if len(self._gaps):
            now = np.searchsorted(self._gaps, int(words[SEQUENCE][-1]) - 1, "right")
            then = np.searchsorted(self._gaps, rows[:, SEQUENCE].astype(np.int64) - 1, "right")
            rows, at = rows[then == now], at[then == now]
        self.open_rows, self._open_at = rows[-_MOST_OPEN:], at[-_MOST_OPEN:]

    @property
    def events(self) -> np.ndarray:
        """The numbers of the events that occur, or did among those held back."""
        return np.flatnonzero(self._used)

    def finish(self, hold: bool) -> "Columns":
        """Cut the columns to their length; with `hold`, without the calls still open."""
        if hold and len(self._gaps) and len(self.open_rows):
            began = self.open_rows[:, SEQUENCE].astype(np.int64) - 1
            open_ = np.searchsorted(self._gaps, began, "right") == len(self._gaps)
            self.open_rows, self._open_at = self.open_rows[open_], self._open_at[open_]
        keep: Any = slice(self._count)
        if hold and len(self._open_at):
            keep = np.ones(self._count, bool)
            keep[self._open_at] = False
            keep = np.flatnonzero(keep)
        for name, column in list(vars(self).items()):
            if isinstance(column, np.ndarray) and name not in ("open_rows", "_open_at", "_gaps",
                                                               "_used"):
                setattr(self, name, column[keep])
        self.arguments = [column[keep] for column in self.arguments]
        self.more = [column[keep] for column in self.more]
        return self


def _results(values: np.ndarray, flags: np.ndarray) -> np.ndarray:
    results = values.view(np.int64)
    narrow = flags == _NARROW
    return np.where(narrow, values.astype(np.int32), results) if narrow.any() else results
