"""A name server with a few names of its own, some of which it answers badly (RFC 1035).

What it does to a question is decided by the name alone, so that a resolver on this machine
and one in a guest are asked the same and can be compared.
"""

import ipaddress
import socket
import struct
import threading
from collections import Counter

__all__ = ["NameServer", "ADDRESS"]

ADDRESS = ("127.0.0.1", 53)
A, CNAME, PTR, AAAA = 1, 5, 12, 28
_TYPES = {A: "A", PTR: "PTR", AAAA: "AAAA"}
_RESPONSE, _TRUNCATED, _RECURSION = 0x8000, 0x0200, 0x0180
_SERVFAIL, _NXDOMAIN = 2, 3
_POINTER_TO_QUESTION = b"\xc0\x0c"
_TTL_S = 60
_UDP_BYTES = 512

_FOUR, _SIX = {A: ["192.0.2.7"]}, {AAAA: ["2001:db8::7"]}
_ZONE = {
    "both.test": _FOUR | _SIX, "four.test": _FOUR, "six.test": _SIX, "empty.test": {},
    "spoofed.test": _FOUR | _SIX, "lost.test": _FOUR | _SIX, "alias.test": _FOUR | _SIX,
    "many.test": {A: [f"198.51.100.{number}" for number in range(1, 49)]},
    "7.2.0.192.in-addr.arpa": {PTR: ["both.test"]},
}
"""Name → type → data: four.test has no AAAA record, many.test's answer is too long for UDP."""


class NameServer:
    """Answers at 127.0.0.1, port 53, by UDP and TCP, until closed.

    `asked` lists ("udp" or "tcp", type, name).  silent.test gets no answer, lost.test not
    the first time, spoofed.test a wrong one before the right one, broken.test SERVFAIL;
    alias.test is another name of both.test, and what is not in the zone is NXDOMAIN.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._times: Counter[tuple[str, int]] = Counter()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(ADDRESS)
        self._tcp = socket.create_server(ADDRESS)
        for work in (self._datagrams, self._connections):
            threading.Thread(target=work, daemon=True).start()

    def forget(self) -> None:
        """Begin anew: nobody has asked yet."""
        self.asked = []
        self._times.clear()

    def _datagrams(self) -> None:
        while True:
            question, sender = self._udp.recvfrom(_UDP_BYTES)
            for reply in self._replies(question, "udp"):
                self._udp.sendto(reply, sender)

    def _connections(self) -> None:
        while True:
            client, _ = self._tcp.accept()
            threading.Thread(target=self._conversation, args=(client,), daemon=True).start()

    def _conversation(self, client: socket.socket) -> None:
        with client, client.makefile("rwb") as stream:
            while len(head := stream.read(2)) == 2:  # 4.2.2: the length comes first
                for reply in self._replies(stream.read(int.from_bytes(head)), "tcp"):
                    stream.write(len(reply).to_bytes(2) + reply)
                stream.flush()

    def _replies(self, query: bytes, way: str) -> list[bytes]:
        name, kind, end = _question(query)
        self.asked.append((way, _TYPES.get(kind, str(kind)), name))
        self._times[name, kind] += 1
        if name == "silent.test" or (name == "lost.test" and self._times[name, kind] == 1):
            return []
        right = _reply(query[:end], name, kind, way)
        if name != "spoofed.test":
            return [right]
        wrong = _records(query[:end], 0, A, ["203.0.113.66"])
        return [bytes([wrong[0] ^ 0xff]) + wrong[1:], right]


def _question(query: bytes) -> tuple[str, int, int]:
    """Return the name asked for, in small letters, the type, and where the question ends."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    return b".".join(labels).decode().lower(), int.from_bytes(query[at + 1:at + 3]), at + 5


def _reply(question: bytes, name: str, kind: int, way: str) -> bytes:
    if name == "broken.test":
        return _records(question, _SERVFAIL, kind, [])
    if name not in _ZONE:
        return _records(question, _NXDOMAIN, kind, [])
    data = _ZONE[name].get(kind, [])
    if way == "udp" and len(data) > 8:
        return _records(question, _TRUNCATED, kind, data[:4])
    if name == "alias.test":
        return _records(question, 0, kind, data, alias="both.test")
    return _records(question, 0, kind, data)


def _records(question: bytes, flags: int, kind: int, data: list[str],
             alias: str = "") -> bytes:
    owner = _name(alias) if alias else _POINTER_TO_QUESTION
    records = [_record(_POINTER_TO_QUESTION, CNAME, owner)] if alias else []
    records += [_record(owner, kind, _encoded(kind, one)) for one in data]
    head = struct.pack(">HHHHH", _RESPONSE | _RECURSION | flags, 1, len(records), 0, 0)
    return question[:2] + head + question[12:] + b"".join(records)


def _record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, _TTL_S, len(data)) + data


def _encoded(kind: int, text: str) -> bytes:
    return _name(text) if kind == PTR else ipaddress.ip_address(text).packed


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"
