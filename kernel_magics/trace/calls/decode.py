"""Calls as text, their arguments by name and type: paths, descriptors, flags, errors.

What strace says of a system call, for hypercalls and the runtime's events as well.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from kernel_magics.boot.abi import Phase, ThreadState
from kernel_magics.trace.calls.constants import (
    AT_FDCWD,
    POLL_EVENTS,
    error_name,
    flags,
    rumpuser_error_name,
)
from kernel_magics.trace.calls.descriptors import Descriptors, address_text
from kernel_magics.trace.calls.dialects import Dialect
from kernel_magics.trace.calls.hypercalls import Argument
from kernel_magics.trace.records.attached import Excerpt
from kernel_magics.trace.records.events import call_arguments, event_arguments, event_number

__all__ = ["Decoder"]

_DESCRIPTOR_NAMES = frozenset(("fd", "sockfd", "dirfd", "olddirfd", "newdirfd", "oldfd", "newfd",
                               "in_fd", "out_fd", "fd_in", "fd_out", "epfd"))
_PATH_NAMES = frozenset(("pathname", "path", "oldpath", "newpath", "target", "linkpath", "source",
                         "filename", "name"))
_GIVES_DESCRIPTOR = frozenset(("open", "openat", "openat2", "creat", "dup", "dup2", "dup3",
                               "socket", "accept", "accept4", "epoll_create1", "eventfd2",
                               "timerfd_create", "memfd_create", "kqueue", "kqueue1", "paccept",
                               "fhopen"))
_ADDRESS_NAMES = frozenset(("addr", "dest_addr", "src_addr"))
_COUNTS = frozenset(("count", "len", "length", "size", "buflen", "nfds", "iovcnt", "bytes",
                     "offset", "backlog", "status", "error", "alignment", "addrlen", "optlen"))
_MODE_IF_CREATED = ("open", "openat")
_FIRST_ADDRESS = 1 << 16
_MAX_RESULT = 1 << 32
_TEXT_BYTES = 64


class Decoder:
    """Turns rows of a trace's table into text.

    symbol: names an address in a process ("main+0x1b"), or returns "".  threads: names by
    number.  dialect: what flags and other numbers are called.
    """

    def __init__(self, excerpts: Callable[[int], Sequence[Excerpt]], descriptors: Descriptors,
                 symbol: Callable[[int, int], str], threads: dict[int, str],
                 dialect: Dialect) -> None:
        self._excerpts, self._descriptors = excerpts, descriptors
        self._symbol, self._threads, self._dialect = symbol, threads, dialect

    def text(self, row: Any) -> str:
        """Return a call as one line: name, arguments, result."""
        arguments = ", ".join(f"{name}={text}" if name and not text.startswith(f"{name}=")
                              else text for name, text in self.arguments(row))
        result = self.result(row)
        ending = f" = {result}" if result else " …" if row.kind == "enter" else ""
        return f"{row.event}({arguments}){ending}"

    def arguments(self, row: Any) -> list[tuple[str, str]]:
        """Return the names of a row's arguments with their values as text."""
        event = str(row.event)
        if row.kind == "exit":
            return []
        if special := _RUNTIME.get(event):
            return special(self, row)
        arguments = list(event_arguments(event_number(event)))
        more = call_arguments(event)[len(arguments):] if row.kind == "call" else ()
        arguments += [Argument("", name) for name in more]
        excerpts = {e.argument: e for e in self._excerpts(int(row.sequence))}
        if row.kind == "call" and str(row.group) == "syscall":
            for excerpt in self._excerpts(int(row.exit_sequence)):
                excerpts.setdefault(excerpt.argument, excerpt)
        how = int(row.a2 if event == "openat" else row.a1)
        if event in _MODE_IF_CREATED and not how & self._dialect.created:
            arguments = [argument for argument in arguments if argument.name != "mode"]
        values = (row.a0, row.a1, row.a2, row.a3, row.a4, row.a5)
        place = int(row.sequence), _process(row)
        return [(argument.name, self._value(event, argument, int(value), excerpts.get(number),
                                            place))
                for number, (argument, value) in enumerate(zip(arguments, values, strict=False))]

    def result(self, row: Any) -> str:
        """Return the result of a call as text, "" if it has none."""
        if pd.isna(row.result):
            return ""
        result, event = int(row.result), str(row.event)
        if str(row.group) == "syscall":
            if name := error_name(result):
                return f"-1 {name}"
            if event in _GIVES_DESCRIPTOR:
                return self._descriptor(result, int(row.exit_sequence), _process(row))
        elif error := _hypercall_error(event, result):
            return f"{result} {error}"
        if result >= _MAX_RESULT:
            return self._symbol(result, _process(row)) or f"{result:#x}"
        return str(result)

    def _value(self, event: str, argument: Argument, value: int, excerpt: Excerpt | None,
               place: tuple[int, int]) -> str:
        if excerpt is not None:
            return _excerpt_text(event, argument.name, excerpt)
        name = argument.name
        decoder = self._dialect.decoders.get((event, name)) or \
            self._dialect.decoders.get(("", name))
        if decoder is not None and not argument.type.endswith("*"):
            return decoder(value)
        if not argument.type and name in _DESCRIPTOR_NAMES:
            return self._descriptor(_signed(value), *place)
        if name in _COUNTS and not argument.is_pointer:
            return str(_signed64(value))
        if argument.is_pointer or (not argument.type and value >= _FIRST_ADDRESS):
            return self._pointer(value, place[1])
        return str(_signed64(value))

    def _descriptor(self, number: int, sequence: int, process: int) -> str:
        if number == AT_FDCWD:
            return "AT_FDCWD"
        what = self._descriptors.at(number, sequence, process)
        return f"{number}<{what}>" if what else str(number)

    def _pointer(self, value: int, process: int) -> str:
        if not value:
            return "NULL"
        if value >> 63 and value > (1 << 64) - 4096:
            return str(_signed64(value))
        symbol = self._symbol(value, process)
        return f"&{symbol}" if symbol else f"{value:#x}"

    def thread(self, number: int) -> str:
        """Return a thread as text: 3 "worker", or idle."""
        if not number:
            return "idle"
        name = self._threads.get(number, "")
        return f'{number} "{name}"' if name else str(number)

    def place(self, address: int, process: int = 0) -> str:
        """Return a code address as text."""
        return self._symbol(address, process) or (f"{address:#x}" if address else "")


def _process(row: Any) -> int:
    return int(getattr(row, "process", 0))  # (a table of old has none)


def _excerpt_text(event: str, name: str, excerpt: Excerpt) -> str:
    if name in _ADDRESS_NAMES and (address := address_text(excerpt.data)):
        return address
    if (form := _STRUCTURES.get((event, name))) and len(excerpt.data) >= struct.calcsize(form[0]):
        return form[1](*struct.unpack_from(form[0], excerpt.data))
    text = _quoted(excerpt.data[:_TEXT_BYTES] if name not in _PATH_NAMES else excerpt.data)
    return text + ("…" if excerpt.total_bytes > min(len(excerpt.data), _TEXT_BYTES)
                   and name not in _PATH_NAMES else "")


def _time(seconds: int, nanoseconds: int) -> str:
    return f"{seconds * 1000 + nanoseconds / 1e6:g} ms"


def _epoll_event(events: int, data: int) -> str:
    return f"{{{flags(events, POLL_EVENTS)}, {data:#x}}}"


def _poll(number: int, events: int, _revents: int) -> str:
    return f"{{{number}, {flags(events, POLL_EVENTS)}}}"


_STRUCTURES: dict[tuple[str, str], tuple[str, Callable[..., str]]] = {
    ("nanosleep", "duration"): ("<qq", _time), ("clock_nanosleep", "request"): ("<qq", _time),
    ("epoll_ctl", "event"): ("<IQ", _epoll_event), ("epoll_wait", "events"): ("<IQ", _epoll_event),
    ("epoll_pwait", "events"): ("<IQ", _epoll_event), ("poll", "fds"): ("<ihh", _poll),
    ("pipe", "pipefd"): ("<ii", lambda one, other: f"[{one}, {other}]"),
    ("pipe2", "pipefd"): ("<ii", lambda one, other: f"[{one}, {other}]"),
    ("socketpair", "sv"): ("<ii", lambda one, other: f"[{one}, {other}]")}


def _quoted(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else
                         c.encode("unicode_escape").decode() if c not in '"\\' else "\\" + c
                         for c in text) + '"'


# What it returns is yes or no.
_NO_ERRORS = frozenset(("rumpuser_mutex_spin_p",))


def _hypercall_error(event: str, result: int) -> str:
    if event in _NO_ERRORS:
        return ""
    return (rumpuser_error_name if event.startswith("rumpuser_") else error_name)(result)


def _signed(value: int) -> int:
    value &= 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


def _signed64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


Pairs = list[tuple[str, str]]


def _switch(decoder: Decoder, row: Any) -> Pairs:
    state = int(row.a2)
    known = state in ThreadState._value2member_map_
    return [("previous", decoder.thread(int(row.a0))), ("next", decoder.thread(int(row.a1))),
            ("state", ThreadState(state).name.lower() if known else str(state))]


def _wakeup(decoder: Decoder, row: Any) -> Pairs:
    return [("thread", decoder.thread(int(row.a0))),
            *([("because", "time")] if int(row.a2) == 1 else [])]


def _phase(_decoder: Decoder, row: Any) -> Pairs:
    number = int(row.a0)
    known = number in Phase._value2member_map_
    return [("phase", Phase(number).name.lower() if known else str(number))]


def _fault(decoder: Decoder, row: Any) -> Pairs:
    code = int(row.a1)
    access = "execute" if code & 16 else "write" if code & 2 else "read"
    return [("address", f"{int(row.a0):#x}"), ("access", access),
            ("at", decoder.place(int(row.a2), _process(row)))]


def _interrupt(decoder: Decoder, row: Any) -> Pairs:
    vector = int(row.a0)
    return [("vector", "timer" if vector == _TIMER_VECTOR else str(vector)),
            ("at", decoder.place(int(row.a1), _process(row)))]


def _thread(decoder: Decoder, row: Any) -> Pairs:
    return [("thread", decoder.thread(int(row.a0)))]


def _packet(_decoder: Decoder, row: Any) -> Pairs:
    return [("direction", "sent" if int(row.a0) else "received"), ("bytes", str(int(row.a1)))]


_TIMER_VECTOR = 62  # ARCH_VECTOR_TIMER of images/rumpkit/arch/x86_64/arch.h
_RUNTIME: dict[str, Callable[[Decoder, Any], Pairs]] = {
    "switch": _switch, "wakeup": _wakeup, "phase": _phase, "page_fault": _fault,
    "interrupt": _interrupt, "thread": _thread, "packet": _packet}
