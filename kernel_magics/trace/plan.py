"""What a guest is to record: which events, and how much goes with each of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError, UsageError
from kernel_magics.trace.records.events import EVENTS, bitmap, select

__all__ = ["TracePlan"]

What = str | Iterable[str]
_NS = 1_000_000_000
_BOUNDS = {"data_bytes": abi.DATA_BYTES_MOST, "packet_bytes": abi.PACKET_BYTES_MOST,
           "stack_words": abi.STACK_WORDS_MOST, "sample_hz": _NS // abi.SAMPLE_NS_LEAST}
# The first field that older images lack.
_ADDED_AT = abi.Header.stacks.offset


@dataclass(frozen=True)
class TracePlan:
    """A choice of events, and of what is recorded with them.

    events, stacks: "hypercalls", "syscalls", "runtime", "all", "off", an event's name, a
    shell pattern over names, or a list of these; `stacks` chooses those whose call stack
    goes with them.  data_bytes: how much of each buffer a system call is given or fills (0
    to 256; 0 records no paths either).  packet_bytes: of each Ethernet frame, with the
    event "packet" (0 to 2048).  stack_words: of the program's stack, 8 bytes each (0 to
    512).  sample_hz: how often what runs is sampled (0 to 20000).
    Raises UsageError for a name that means nothing, or a number out of bounds.
    """

    events: What = "hypercalls"
    stacks: What = "off"
    data_bytes: int = 32
    packet_bytes: int = 96
    stack_words: int = 128
    sample_hz: int = 0

    def __post_init__(self) -> None:
        for field, most in _BOUNDS.items():
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
                raise UsageError(f"{field} is {value!r}, expected a whole number from 0 to"
                                 f" {most}", next_step=f"give {field} in these bounds",
                                 field=field)
        for field in ("events", "stacks"):
            if not isinstance(getattr(self, field), str):
                object.__setattr__(self, field, tuple(getattr(self, field)))
        select(self.events)
        select(self.stacks)

    @property
    def event_bits(self) -> np.ndarray:
        """The guest's enable bitmap, little-endian u64[16]."""
        chosen = set(select(self.events).tolist()) | set(select(self.stacks).tolist())
        if self.sample_hz:
            chosen.add(int(abi.Event.SAMPLE))
        return bitmap(np.array(sorted(chosen), np.int64))

    @property
    def stack_bits(self) -> np.ndarray:
        """The bitmap of the events with which the stack is recorded."""
        chosen = set(select(self.stacks).tolist())
        if self.sample_hz:
            chosen.add(int(abi.Event.SAMPLE))
        return bitmap(np.array(sorted(chosen), np.int64))

    def configuration(self) -> dict[str, Any]:
        """Return the members of "lab" in a guest's configuration that begin with it."""
        told = {"trace_events": _digits(self.event_bits), "trace_stacks": _digits(self.stack_bits),
                "trace_data": self.data_bytes, "trace_packets": self.packet_bytes,
                "trace_stack": self.stack_words,
                "trace_sample_ns": _NS // self.sample_hz if self.sample_hz else 0}
        return {key: value for key, value in told.items() if value}

    def fields(self) -> dict[str, Any]:
        """Return the plan as fields of a guest's header."""
        return {"enabled": self.event_bits, "stacks": self.stack_bits,
                "trace_data_bytes": self.data_bytes, "trace_packet_bytes": self.packet_bytes,
                "trace_stack_words": self.stack_words,
                "trace_sample_ns": _NS // self.sample_hz if self.sample_hz else 0}

    def apply(self, header: abi.Header) -> None:
        """Store the plan into a guest's header; the guest follows it from then on.

        Raises TraceError if the guest's image is older than what the plan asks for.
        """
        if header.header_bytes < _ADDED_AT + 8:
            if self.sample_hz or self.stack_bits.any():
                raise TraceError("the guest's image was built before stacks and samples could be"
                                 " recorded", next_step="build it again with this lab")
        else:
            header.trace_data_bytes = self.data_bytes
            header.trace_packet_bytes = self.packet_bytes
            header.trace_stack_words = self.stack_words
            header.trace_sample_ns = _NS // self.sample_hz if self.sample_hz else 0
            _store(header.stacks, self.stack_bits)
        _store(header.enabled, self.event_bits)


def _store(target: Any, words: np.ndarray) -> None:
    for number, word in enumerate(words):
        target[number] = int(word)


def _digits(words: np.ndarray) -> str:
    """Return hexadecimal digits, the one of events 0 to 3 first, without zeros at the end."""
    bits = np.unpackbits(words.view(np.uint8), bitorder="little", count=EVENTS)
    digits = bits.reshape(-1, 4) @ np.array([1, 2, 4, 8], np.uint8)
    return "".join(f"{digit:x}" for digit in digits).rstrip("0")
