"""Which file, socket or pipe a descriptor stood for, at each moment of a trace.

Told from the calls that make, copy and close descriptors, so only as far as these were
recorded.  A process that was forked has those its parent had.
"""

import socket
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kernel_magics.trace.records.attached import Excerpt

__all__ = ["Descriptors", "address_text"]

_MOST_FORKS = 1000  # of each other: a guest may say anything
_STANDARD = {0: "stdin", 1: "stdout", 2: "stderr"}
_MADE = {"epoll_create": "epoll", "epoll_create1": "epoll", "eventfd": "eventfd",
         "eventfd2": "eventfd", "timerfd_create": "timerfd", "signalfd": "signalfd",
         "signalfd4": "signalfd", "inotify_init": "inotify", "inotify_init1": "inotify",
         "memfd_create": "memfd", "kqueue": "kqueue", "kqueue1": "kqueue"}
_PATH_ARGUMENT = {"open": 0, "creat": 0, "openat": 1, "openat2": 1}
_COPIES = {"dup", "dup2", "dup3"}
_DUP_COMMANDS = {0, 1030, 12}  # F_DUPFD, Linux's and NetBSD's F_DUPFD_CLOEXEC
_ACCEPTS = ("accept", "accept4", "paccept")
CALLS = frozenset((*_PATH_ARGUMENT, *_COPIES, *_MADE, "fcntl", "close", "socket", "socketpair",
                   *_ACCEPTS, "connect", "bind", "pipe", "pipe2"))


class Descriptors:
    """What each descriptor stood for, by the sequence number of an event.

    rows: named tuples of a trace's table with the calls of `CALLS`, in the order in which
    they ended.  excerpts: the bytes recorded with an event, by its sequence number.
    known: what descriptors stood for when the trace began, in each process.  parents: forked
    process → its parent, and since which event.  family: names a socket's domain.
    """

    def __init__(self, rows: Iterable[Any], excerpts: Callable[[int], Sequence[Excerpt]],
                 known: Mapping[int, str] | None = None,
                 parents: Mapping[int, tuple[int, int]] | None = None,
                 family: Callable[[int], str] = str) -> None:
        self._family = family
        self._excerpts = excerpts
        self._known = {**_STANDARD, **(known or {})}
        self._parents = parents or {}
        self._when: dict[tuple[int, int], list[int]] = {}
        self._what: dict[tuple[int, int], list[str]] = {}
        self._process = 0  # of the row that is followed
        for row in rows:
            self._process = int(getattr(row, "process", 0))
            self._follow(row)

    def at(self, descriptor: int, sequence: int, process: int = 0) -> str:
        """Return what a descriptor stands for in an event, "" if nothing tells."""
        for _ in range(_MOST_FORKS):
            when = self._when.get((process, descriptor), [])
            at = bisect_right(when, sequence) - 1
            if at >= 0:
                return self._what[process, descriptor][at]
            if process not in self._parents:
                break
            process, forked = self._parents[process]
            sequence = min(sequence, forked)
        return self._known.get(descriptor, "")

    def _put(self, descriptor: int, sequence: int, text: str) -> None:
        key = self._process, descriptor
        self._when.setdefault(key, []).append(sequence)
        self._what.setdefault(key, []).append(text)

    def _bytes(self, sequence: int, argument: int) -> bytes:
        for excerpt in self._excerpts(sequence):
            if excerpt.argument == argument:
                return excerpt.data
        return b""

    def _follow(self, row: Any) -> None:
        call, result, end = str(row.event), int(row.result), int(row.exit_sequence)
        if result < 0 and call != "connect":  # one that does not wait is in progress
            return
        first, begun = int(row.a0), int(row.sequence)
        if call in _PATH_ARGUMENT:
            path = self._bytes(begun, _PATH_ARGUMENT[call]).decode("utf-8", "replace")
            self._put(result, end, path)
        elif call in _COPIES or (call == "fcntl" and int(row.a1) in _DUP_COMMANDS):
            self._put(result, end, self.at(first, begun, self._process))
        elif call == "close":
            self._put(first, end, "")
        elif call in _MADE:
            name = self._bytes(begun, 0).decode("utf-8", "replace")
            self._put(result, end, f"{_MADE[call]}:{name}" if name else _MADE[call])
        elif call in ("pipe", "pipe2", "socketpair"):
            self._pair(row, "pipe" if call != "socketpair" else "socketpair", end)
        elif call == "socket":
            self._put(result, end, f"socket {self._family(first)}")
        elif call in _ACCEPTS:
            peer = address_text(self._bytes(end, 1))
            self._put(result, end, f"socket from {peer}" if peer else "socket")
        elif call in ("connect", "bind"):
            address = address_text(self._bytes(begun, 1))
            word = "to" if call == "connect" else "at"
            if address:
                self._put(first, end, f"socket {word} {address}")

    def _pair(self, row: Any, what: str, end: int) -> None:
        data = self._bytes(end, 3 if what == "socketpair" else 0)
        if len(data) >= 8:
            one, other = struct.unpack_from("<ii", data)
            self._put(one, end, f"{what} of {other}")
            self._put(other, end, f"{what} of {one}")


def address_text(data: bytes) -> str:
    """Return a struct sockaddr as text: 10.0.2.2:80, [::1]:80, a path; "" if it is none."""
    if len(data) < 2:
        return ""
    family, = struct.unpack_from("<H", data)
    if family == socket.AF_INET and len(data) >= 8:
        return f"{socket.inet_ntoa(data[4:8])}:{struct.unpack_from('>H', data, 2)[0]}"
    if family == socket.AF_INET6 and len(data) >= 24:
        address = socket.inet_ntop(socket.AF_INET6, data[8:24])
        return f"[{address}]:{struct.unpack_from('>H', data, 2)[0]}"
    if family == socket.AF_UNIX:
        name = data[2:].split(b"\0")[0] if data[2:3] != b"\0" else b"@" + data[3:].rstrip(b"\0")
        return name.decode("utf-8", "replace")
    return ""
