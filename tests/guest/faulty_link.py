"""A cable between two guests that loses, doubles, delays and damages frames.

    one guest's QEMU ── datagrams ── FaultyLink ── datagrams ── the other guest's QEMU

What happens to a frame is chosen by a generator of random numbers with a seed, the same
each time for the same frames.
"""

import random
import selectors
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Faults", "FaultyLink"]

_FRAME_BYTES = 70000
_LATE_S = 0.01
_RETRY_S = 0.001
_PAYLOAD_AT = 60  # behind the Ethernet, IP and TCP headers' first fields


@dataclass(frozen=True)
class Faults:
    """How likely a frame is to be lost, to come twice, after the next one, or damaged."""

    lost: float = 0
    doubled: float = 0
    late: float = 0
    damaged: float = 0


@dataclass
class Counts:
    """What was done to frames, both ways together."""

    passed: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    damaged: int = 0


@dataclass
class _Way:
    """Frames in one direction; `held` waits until the next one has gone by."""

    receive: socket.socket
    send: socket.socket
    to: str
    held: bytes | None = field(default=None)
    waiting: deque[bytes] = field(default_factory=deque)


class FaultyLink:
    """Carries frames between two unix datagram sockets, in a thread, until closed.

    `netdevs` are the values of -netdev for the two ends.
    """

    def __init__(self, folder: Path, faults: Faults, seed: int) -> None:
        self.counts = Counts()
        self._faults, self._random = faults, random.Random(seed)
        names = {end: (str(folder / end), str(folder / f"{end}-link"))
                 for end in ("one", "other")}
        ours = {}
        for end, (_, link) in names.items():
            ours[end] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            ours[end].bind(link)
            ours[end].setblocking(False)
        self.netdevs = [f"dgram,id=cable,local.type=unix,local.path={theirs},"
                        f"remote.type=unix,remote.path={link}" for theirs, link in names.values()]
        self._ways = [_Way(ours["one"], ours["other"], names["other"][0]),
                      _Way(ours["other"], ours["one"], names["one"][0])]
        self._closing, self._closed = socket.socketpair()
        self._thread = threading.Thread(target=self._carry, name="faulty link")
        self._thread.start()

    def close(self) -> None:
        """End the thread and the sockets."""
        self._closing.close()
        self._thread.join()
        for one in (self._closed, *(way.receive for way in self._ways)):
            one.close()

    def _carry(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._closed, selectors.EVENT_READ)
            for way in self._ways:
                ready.register(way.receive, selectors.EVENT_READ, way)
            while True:
                busy = any(way.waiting for way in self._ways)
                events = ready.select(_RETRY_S if busy else _LATE_S)
                for key, _ in events:
                    if key.data is None:
                        return
                    self._frame(key.data, key.data.receive.recv(_FRAME_BYTES))
                for way in self._ways:
                    self._flush(way)
                if not events and not busy:
                    self._release()

    def _release(self) -> None:
        """Let frames go that were to be overtaken, and nothing came to do it."""
        for way in self._ways:
            held, way.held = way.held, None
            if held is not None:
                self._put(way, held)

    def _frame(self, way: _Way, frame: bytes) -> None:
        faults, chance = self._faults, self._random.random
        held, way.held = way.held, None
        if chance() < faults.lost:
            self.counts.lost += 1
        elif held is None and chance() < faults.late:
            self.counts.late += 1
            way.held = frame
        else:
            self._put(way, self._damage(frame) if chance() < faults.damaged else frame)
            if chance() < faults.doubled:
                self.counts.doubled += 1
                self._put(way, frame)
        if held is not None:
            self._put(way, held)

    def _damage(self, frame: bytes) -> bytes:
        if len(frame) <= _PAYLOAD_AT:
            return frame
        self.counts.damaged += 1
        damaged = bytearray(frame)
        damaged[self._random.randrange(_PAYLOAD_AT, len(frame))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

    def _put(self, way: _Way, frame: bytes) -> None:
        way.waiting.append(frame)
        self._flush(way)

    def _flush(self, way: _Way) -> None:
        """Send what waits; a socket that is full must not hold up the other way."""
        try:
            while way.waiting:
                way.send.sendto(way.waiting[0], way.to)
                way.waiting.popleft()
                self.counts.passed += 1
        except BlockingIOError:
            return
        except (ConnectionRefusedError, FileNotFoundError):  # the other end is not there yet
            way.waiting.clear()
            self.counts.lost += 1
