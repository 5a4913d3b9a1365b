"""Makes trace records for tests, as a guest writes them."""

import struct
from typing import Any

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.trace.recording import Recording
from kernel_magics.trace.records.clock import Clock
from kernel_magics.trace.records.events import DATA, ENTER, EXIT, INSTANT, STACK, event_number

__all__ = ["Guest"]

NO_GAPS = np.empty(0, np.int64)


class Guest:
    """Writes records one after another; its clock has a tick a nanosecond."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.now = 1000

    def record(self, event: str, kind: int, thread: int, words: tuple = (), detail: int = 0,
               caller: int = 0) -> int:
        sequence = len(self.rows) + 1
        what = event_number(event) | kind << 16 | detail << 24 | thread << 32
        four = [word % 2**64 for word in (*words, 0, 0, 0, 0)[:4]]
        self.rows.append([sequence, self.now, what, *four, caller])
        return sequence

    def after(self, ns: int) -> "Guest":
        self.now += ns
        return self

    def enter(self, event: str, *words: int, thread: int = 1, caller: int = 0) -> int:
        return self.record(event, ENTER, thread, words, caller=caller)

    def exit(self, event: str, result: int = 0, *more: int, thread: int = 1) -> int:
        return self.record(event, EXIT, thread, (result, *more))

    def instant(self, event: str, *words: int, thread: int = 1, detail: int = 0,
                caller: int = 0) -> int:
        return self.record(event, INSTANT, thread, words, detail, caller)

    def call(self, event: str, *words: int, result: int = 0, took: int = 10, thread: int = 1,
             given: Any = None, taken: Any = None) -> int:
        """Write a whole call; given, taken: (argument, bytes) recorded at its two ends."""
        sequence = self.enter(event, *words, thread=thread)
        if given:
            self.data(event, *given, thread=thread)
        self.after(took).exit(event, result, thread=thread)
        if taken:
            self.data(event, *taken, thread=thread)
        self.after(1)
        return sequence

    def data(self, event: str, argument: int, data: bytes, total: int | None = None,
             thread: int = 1) -> None:
        total = len(data) if total is None else total
        for offset in range(0, max(len(data), 1), 32):
            words = struct.unpack("<4Q", data[offset:offset + 32].ljust(32, b"\0"))
            self.record(event, DATA, thread, words, argument, total | offset << 32)

    def stack(self, event: str, part: abi.StackPart, *five: int, thread: int = 1) -> None:
        self.record(event, STACK, thread, five[:4], part, (*five, 0, 0, 0, 0, 0)[4])

    def thread(self, number: int, name: str) -> None:
        words = struct.unpack("<4Q", name.encode().ljust(32, b"\0"))
        self.record("thread", INSTANT, 1, (number, *words[:3]), caller=words[3])

    def switch(self, previous: int, following: int, state: int = 2) -> int:
        return self.instant("switch", previous, following, state, thread=previous)

    def recording(self, gaps: np.ndarray = NO_GAPS, **more: Any) -> Recording:
        rows = np.array(self.rows, "<u8").reshape(-1, 8)
        return Recording(rows, gaps, Clock(1_000_000_000, 1000), **more)
