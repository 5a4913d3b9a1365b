"""Ethernet frames made by hand, and a peer at the other end of a guest's cable.

The peer answers ARP, can ping, and speaks just enough TCP to send a request's segments in
any order, twice or not at all.  Source: RFC 826, 791, 792, 768, 9293.
"""

import random
import socket
import struct
import time
from pathlib import Path

__all__ = ["ACK", "FIN", "PSH", "SYN", "Peer", "checksum", "ethernet", "ipv4", "mutations", "tcp"]

PEER_MAC, GUEST_MAC = bytes.fromhex("525400000001"), bytes.fromhex("525400000002")
PEER_IP, GUEST_IP = bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2])
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data: bytes) -> int:
    """Return the Internet checksum of some bytes; RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(payload: bytes, kind: int = IPV4, to: bytes = GUEST_MAC) -> bytes:
    """Return a frame to the guest."""
    return to + PEER_MAC + struct.pack(">H", kind) + payload


def ipv4(payload: bytes, protocol: int, *, fragment: int = 0, number: int = 1,
         source: bytes = PEER_IP) -> bytes:
    """Return an IPv4 packet to the guest; `fragment` holds flags and offset."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64,
                       protocol, 0, source, GUEST_IP)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def tcp(port: int, sequence: int, acknowledge: int, flags: int, data: bytes = b"") -> bytes:
    """Return a TCP segment to the guest's port 80."""
    head = struct.pack(">HHIIBBHHH", port, 80, sequence & 0xFFFFFFFF, acknowledge & 0xFFFFFFFF,
                       5 << 4, flags, 65535, 0, 0)
    pseudo = PEER_IP + GUEST_IP + struct.pack(">BBH", 0, TCP, len(head) + len(data))
    return head[:16] + struct.pack(">H", checksum(pseudo + head + data)) + head[18:] + data


def echo(number: int) -> bytes:
    """Return an ICMP echo request."""
    message = struct.pack(">BBHHH", 8, 0, 0, 7, number) + b"anybody there?"
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def mutations(seed: int, count: int) -> list[bytes]:
    """Return frames that are wrong in ways of every layer; the same for the same seed."""
    chance = random.Random(seed)

    def noise(most: int) -> bytes:
        return chance.randbytes(chance.randrange(most))

    wholes = [
        ethernet(ipv4(tcp(4000, 1, 0, SYN), TCP)),
        ethernet(ipv4(tcp(4001, 1, 1, ACK, b"data"), TCP)),
        ethernet(ipv4(echo(1), ICMP)),
        ethernet(ipv4(struct.pack(">HHHH", 1, 53, 12, 0) + b"data", UDP)),
        ethernet(ipv4(bytes([3, 3, 0, 0, 0, 0, 0, 0]) + ipv4(b"\0" * 8, UDP), ICMP)),
        ethernet(bytes([0, 1, 8, 0, 6, 4, 0, 1]) + PEER_MAC + PEER_IP + bytes(6) + GUEST_IP, ARP),
        ethernet(b"\x60" + bytes(3) + struct.pack(">HBB", 24, 58, 255) + bytes(32) +
                 bytes([135, 0]) + bytes(22), IPV6, b"\x33\x33\0\0\0\1"),
        ethernet(b"\x60" + bytes(3) + struct.pack(">HBB", 16, 0, 64) + bytes(32) +
                 bytes([44, 0, 1, 4, 0, 0, 0, 0]) + bytes([58, 0, 0, 1]) + bytes(4), IPV6),
    ]
    frames = []
    for _ in range(count):
        frame = bytearray(chance.choice(wholes))
        for _ in range(chance.choice((0, 1, 1, 2, 8))):  # bytes behind the addresses change
            frame[chance.randrange(12, len(frame))] = chance.randrange(256)
        kind = chance.randrange(8)
        if kind == 0:
            frame = frame[:chance.randrange(1, len(frame))]
        elif kind == 1:
            frame += noise(1400)
        elif kind == 2:
            frame = bytearray(ethernet(ipv4(noise(1000), chance.randrange(256))))
        elif kind == 3:  # fragments that overlap, end beyond 64 KiB, or never end
            frame = bytearray(ethernet(ipv4(
                noise(200), chance.choice((ICMP, TCP, UDP)), number=chance.randrange(4),
                fragment=chance.randrange(0x4000))))
        elif kind == 4:
            frame = bytearray(ethernet(noise(1500), chance.choice((ARP, IPV4, IPV6, 0x8100))))
        elif kind == 5:  # TCP options with lengths that lie
            options = noise(41)[:40]
            options += b"\1" * (-len(options) % 4)
            segment = bytearray(tcp(5000 + chance.randrange(100), 1, 0, SYN, options))
            segment[12] = (5 + len(options) // 4) << 4
            pseudo = PEER_IP + GUEST_IP + struct.pack(">BBH", 0, TCP, len(segment))
            segment[16:18] = bytes(2)
            segment[16:18] = struct.pack(">H", checksum(pseudo + bytes(segment)))
            frame = bytearray(ethernet(ipv4(bytes(segment), TCP)))
        frames.append(bytes(frame[:1514]))
    return frames


class Peer:
    """The machine at the other end of the cable: 10.9.0.1."""

    def __init__(self, folder: Path) -> None:
        self.guest, ours = str(folder / "guest"), str(folder / "peer")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(ours)
        self.netdev = (f"dgram,id=n,local.type=unix,local.path={self.guest},"
                       f"remote.type=unix,remote.path={ours}")

    def send(self, frame: bytes) -> None:
        """Put a frame on the cable."""
        self.socket.sendto(frame, self.guest)

    def packet(self, deadline: float) -> bytes:
        """Return the next IPv4 packet of the guest, answering ARP; b"" after the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(70000)
            except TimeoutError:
                break
            kind = int.from_bytes(frame[12:14])
            if kind == ARP and frame[20:22] == b"\0\1" and frame[38:42] == PEER_IP:
                self.send(ethernet(frame[14:20] + b"\0\2" + PEER_MAC + PEER_IP + frame[22:32],
                                   ARP))
            elif kind == IPV4:
                return frame[14:14 + int.from_bytes(frame[16:18])]
        return b""

    def ping(self, number: int, wait_s: float) -> bool:
        """Send an echo request; return whether its reply came in time."""
        self.send(ethernet(ipv4(echo(number), ICMP)))
        deadline = time.monotonic() + wait_s
        while packet := self.packet(deadline):
            if packet[9] == ICMP and packet[20] == 0 and packet[26:28] == struct.pack(">H", number):
                return True
        return False

    def segment(self, port: int, deadline: float) -> tuple[int, int, int, bytes] | None:
        """Return sequence, acknowledgement, flags and data of the next segment to a port."""
        while packet := self.packet(deadline):
            segment = packet[20:]
            if packet[9] == TCP and int.from_bytes(segment[2:4]) == port:
                return (int.from_bytes(segment[4:8]), int.from_bytes(segment[8:12]),
                        segment[13], segment[(segment[12] >> 4) * 4:])
        return None
