"""The packets of gdb's remote protocol: framing, checksums, stop replies (pure).

Source: GDB manual, appendix "Remote Serial Protocol": Overview, Packets, Stop Reply Packets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ACKNOWLEDGEMENT", "INTERRUPT", "PacketReader", "StopReply", "frame", "parse_stop"]

ACKNOWLEDGEMENT = b"+"
"""A packet has come as it was sent."""

INTERRUPT = b"\x03"
"""Sent outside any packet while the guest runs: stop it."""

MOST_PACKET_BYTES = 1 << 20
_ESCAPE, _ESCAPED_BY = 0x7D, 0x20
_SPECIAL = frozenset(b"#$*}")


def frame(payload: bytes) -> bytes:
    """Return a packet: $payload#checksum, with the bytes that mean something escaped."""
    body = b"".join(bytes((_ESCAPE, byte ^ _ESCAPED_BY)) if byte in _SPECIAL else bytes((byte,))
                    for byte in payload)
    return b"$%s#%02x" % (body, sum(body) & 0xFF)


class PacketReader:
    """Bytes as they come from the other side → payloads of whole packets.

    Acknowledgements are skipped.  Raises ValueError for a packet with a wrong checksum, or
    one that is longer than any that is ever sent.
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; yield the payload of each packet that they complete."""
        self._pending += data
        while (packet := self._take()) is not None:
            yield packet

    def _take(self) -> bytes | None:
        start = self._pending.find(b"$")
        if start < 0:
            self._pending.clear()
            return None
        end = self._pending.find(b"#", start)
        if end < 0 or len(self._pending) < end + 3:
            if len(self._pending) > MOST_PACKET_BYTES:
                raise ValueError(f"a packet of more than {MOST_PACKET_BYTES} bytes")
            return None
        body, checksum = bytes(self._pending[start + 1:end]), self._pending[end + 1:end + 3]
        del self._pending[:end + 3]
        if int(bytes(checksum), 16) != sum(body) & 0xFF:
            raise ValueError(f"a packet with a wrong checksum: {body[:40]!r}")
        return _expand(body)


def _expand(body: bytes) -> bytes:
    """Undo escapes and run-length encoding: * and a count + 29 repeat the byte before."""
    if b"}" not in body and b"*" not in body:
        return body
    expanded, at = bytearray(), 0
    while at < len(body):
        byte, following = body[at], body[at + 1:at + 2]
        if byte == _ESCAPE and following:
            expanded.append(following[0] ^ _ESCAPED_BY)
            at += 1
        elif byte == ord("*") and following and expanded:
            expanded += bytes((expanded[-1],)) * max(following[0] - 29, 0)
            at += 1
        else:
            expanded.append(byte)
        at += 1
    return bytes(expanded)


@dataclass(frozen=True, slots=True)
class StopReply:
    """Why the guest stopped: a signal's number (5 trap, 2 interrupt), and for a watchpoint
    its kind ("write", "read", "access") and the address that was touched."""

    signal: int
    watch: str = ""
    address: int = 0


_WATCHES = {"watch": "write", "rwatch": "read", "awatch": "access"}


def parse_stop(payload: bytes) -> StopReply | None:
    """Return the stop that a packet announces, None if it announces none.

    Raises ValueError for a stop that cannot be read.
    """
    if payload[:1] not in (b"S", b"T"):
        return None
    signal = int(payload[1:3], 16)
    for pair in payload[3:].decode("latin-1").split(";"):
        key, _, value = pair.partition(":")
        if key in _WATCHES:
            return StopReply(signal, _WATCHES[key], int(value, 16))
    return StopReply(signal)
