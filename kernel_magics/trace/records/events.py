"""The schema of a guest's trace: record layout, event numbers, names, arguments.

The layout and numbers are those of images/rumpkit/include/lab_abi.h (boot/abi.py has the
structures), and a test compiles that header and compares.  An event number is a bit of
the guest's enable bitmap, an index of its counters, and the `event` field of a record.
"""

import fnmatch
from collections.abc import Iterable

import numpy as np

from kernel_magics.boot import abi
from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.trace.calls.hypercalls import HYPERCALLS, RECORDED_ARGUMENTS, UPSTREAM, Argument
from kernel_magics.trace.calls.netbsd_calls import NETBSD_CALLS
from kernel_magics.trace.calls.syscalls import SYSCALL_ARGUMENTS, SYSCALLS

__all__ = [
    "EVENTS", "RECORD", "ENTER", "EXIT", "INSTANT", "DATA", "STACK", "FACT", "GROUPS", "NAMES",
    "GROUP_OF", "LAYER_OF", "RESULT_BITS", "RECORDED_ARGUMENTS", "event_number", "call_arguments",
    "event_arguments", "select", "bitmap",
]

RECORD = np.dtype(abi.Record)
ENTER, EXIT, INSTANT, DATA, STACK, FACT = (int(kind) for kind in abi.RecordKind)

EVENTS = abi.EVENTS
_FIRST_HYPERCALL = int(abi.Event.HYPERCALL)
_FIRST_SYSCALL = int(abi.Event.SYSCALL)
# The hypercalls by event number, each with how many arguments are recorded.
_CALLS = {int(first) + index: (call, row.arguments)
          for first, calls, rows in ((abi.Event.HYPERCALL, HYPERCALLS, abi.HYPERCALLS),
                                     (abi.Event.UPSTREAM, UPSTREAM, abi.UPSTREAM))
          for index, (call, row) in enumerate(zip(calls, rows, strict=True))}

# Events of the runtime itself: number, name, argument names.
_RUNTIME: dict[int, tuple[str, tuple[str, ...]]] = {
    abi.Event.PHASE: ("phase", ("phase",)),
    abi.Event.SWITCH: ("switch", ("previous", "next", "reason")),
    abi.Event.INTERRUPT: ("interrupt", ("vector", "address")),
    abi.Event.PAGE_FAULT: ("page_fault", ("address", "error_code", "instruction")),
    abi.Event.WAKEUP: ("wakeup", ("thread", "queue", "timed_out")),
    abi.Event.HOST_EXIT: ("host_exit", ("port", "value", "write")),
    abi.Event.MARK: ("mark", ("word0", "word1", "word2", "word3")),
    abi.Event.THREAD: ("thread", ("thread",)),
    abi.Event.REQUEST: ("request", ("device", "cookie", "bytes", "queue")),
    abi.Event.REQUEST_DONE: ("request_done", ("device", "cookie", "bytes", "queue")),
    abi.Event.PACKET: ("packet", ("sent", "bytes", "interface")),
    abi.Event.SAMPLE: ("sample", ("address", "late_ns", "in_program")),
}

GROUPS = ("runtime", "hypercall", "syscall")
_ALIASES = {"hypercalls": "hypercall", "syscalls": "syscall", "runtime": "runtime"}


def _name(number: int) -> str:
    """Name any number, also those nobody gave a meaning: a trace may hold them."""
    if number >= _FIRST_SYSCALL:
        call = number - _FIRST_SYSCALL
        return NETBSD_CALLS[call][0] if call in NETBSD_CALLS else \
            SYSCALLS.get(call, f"syscall_{call}")
    if number >= _FIRST_HYPERCALL:
        return _CALLS[number][0].name if number in _CALLS else \
            f"hypercall_{number - _FIRST_HYPERCALL}"
    return _RUNTIME[number][0] if number in _RUNTIME else f"event_{number}"


NAMES: tuple[str, ...] = tuple(_name(number) for number in range(EVENTS))
# Index into GROUPS for each event number.
GROUP_OF = np.searchsorted([_FIRST_HYPERCALL, _FIRST_SYSCALL], np.arange(EVENTS), "right")
# How wide the result of each event's calls is; 0: they have none.
RESULT_BITS = np.array([_CALLS[number][0].result_bits if number in _CALLS else
                        0 if number < _FIRST_HYPERCALL else 64 for number in range(EVENTS)])
# In which layer of a guest an event happens.
_RUNTIME_LAYERS = {"page_fault": "arch", "interrupt": "arch", "host_exit": "host", "mark": "app"}
LAYER_OF = {name: _RUNTIME_LAYERS.get(name, ("bmk", "rumpuser", "sys")[group])
            for name, group in zip(NAMES, GROUP_OF.tolist(), strict=True)}
_NETBSD_ARGUMENTS = dict(NETBSD_CALLS.values())
_NUMBERS = {name: number for number, name in enumerate(NAMES)}


def event_number(name: str) -> int:
    """Return the number of the event called `name`.

    Raises UsageError, with the nearest names, when there is none.
    """
    if name in _NUMBERS:
        return _NUMBERS[name]
    known = [*_ALIASES, "all", *(one for one in NAMES if not one[-1].isdigit())]
    near = nearest_names(name, known)
    raise UsageError(f"no trace event is called {name!r}", name=name, near=near,
                     next_step=meant(near) or "rumpuser_* names hypercalls, e.g. rumpuser_malloc; "
                                              "system calls have Linux's names, e.g. write")


def call_arguments(name: str) -> tuple[str, ...]:
    """Return the names of all arguments of a system call, () if they are not known."""
    return SYSCALL_ARGUMENTS.get(name) or _NETBSD_ARGUMENTS.get(name, ())


def event_arguments(number: int) -> tuple[Argument, ...]:
    """Return the recorded arguments of an event; those unknown are left out."""
    if number >= _FIRST_SYSCALL:
        names = call_arguments(NAMES[number])
    elif number in _CALLS:
        call, recorded = _CALLS[number]
        return call.arguments[:recorded]
    else:
        names = _RUNTIME[number][1] if number in _RUNTIME else ()
    return tuple(Argument("", name) for name in names[:RECORDED_ARGUMENTS])


def select(what: str | Iterable[str]) -> np.ndarray:
    """Return the event numbers that a choice means, sorted.

    what: "hypercalls", "syscalls", "runtime", "all", "off", an event's name, a shell
    pattern over names ("rumpuser_mutex_*"), or a list of these.  Raises UsageError for a
    name or pattern that means no event.
    """
    chosen = np.zeros(EVENTS, dtype=bool)
    for item in [what] if isinstance(what, str) else what:
        chosen[_matching(item)] = True
    return np.flatnonzero(chosen)


def _matching(item: str) -> np.ndarray | list[int]:
    if item == "all":
        return np.arange(1, EVENTS)
    if item == "off":
        return []
    if item in _ALIASES:
        numbers = np.flatnonzero(np.equal(GROUP_OF, GROUPS.index(_ALIASES[item])))
        return numbers[numbers > 0]
    if any(sign in item for sign in "*?["):
        matches = [_NUMBERS[name] for name in fnmatch.filter(NAMES[1:], item)]
        if matches:
            return matches
    return [event_number(item)]


def bitmap(numbers: np.ndarray) -> np.ndarray:
    """Return the guest's enable bitmap, little-endian u64[16], with these bits set."""
    bits = np.zeros(EVENTS, dtype=np.uint8)
    bits[numbers] = 1
    return np.packbits(bits, bitorder="little").view("<u8")
