"""What an Ethernet frame says, in the words of a protocol analyser (decoded by dpkt)."""

import socket
from collections.abc import Callable
from typing import Any

__all__ = ["describe"]

_TCP_FLAGS = ((0x02, "SYN"), (0x10, "ACK"), (0x08, "PSH"), (0x01, "FIN"), (0x04, "RST"))
_ARP = {1: "who has {} tell {}", 2: "{} is at {}"}
_ICMP = {0: "echo reply", 3: "unreachable", 8: "echo request", 11: "time exceeded"}
_ICMP6 = {1: "unreachable", 128: "echo request", 129: "echo reply", 133: "router solicitation",
          134: "router advertisement", 135: "neighbour solicitation",
          136: "neighbour advertisement", 143: "multicast listener report"}
_DHCP = {1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak",
         7: "release", 8: "inform"}
_DHCP_PORTS, _DNS_PORT = {67, 68}, 53


def describe(frame: bytes) -> tuple[str, str, str, str]:
    """Return source, destination, protocol and info of a frame; never raises.

    A frame that cannot be decoded says so in its info: a capture may hold anything.
    """
    import dpkt

    try:
        ethernet = dpkt.ethernet.Ethernet(frame)
    except (dpkt.Error, IndexError):
        return "", "", "malformed", f"{len(frame)} bytes"
    source, destination = _mac(ethernet.src), _mac(ethernet.dst)
    payload = ethernet.data
    try:
        if isinstance(payload, dpkt.arp.ARP):
            return source, destination, "ARP", _arp(payload)
        if isinstance(payload, dpkt.ip.IP):
            return _transport(payload, dpkt, socket.AF_INET)
        if isinstance(payload, dpkt.ip6.IP6):
            return _transport(payload, dpkt, socket.AF_INET6)
    except (dpkt.Error, IndexError, ValueError, AttributeError) as error:
        return source, destination, "malformed", str(error) or type(error).__name__
    return source, destination, f"{ethernet.type:#06x}", f"{len(frame)} bytes"


def _mac(address: bytes) -> str:
    return address.hex(":")


def _arp(packet: Any) -> str:
    sender, target = (socket.inet_ntoa(address) for address in (packet.spa, packet.tpa))
    form = _ARP.get(packet.op, f"operation {packet.op}")
    return form.format(sender, _mac(packet.sha)) if packet.op == 2 else form.format(target, sender)


def _transport(packet: Any, dpkt: Any, family: int) -> tuple[str, str, str, str]:
    source, destination = (socket.inet_ntop(family, address)
                           for address in (packet.src, packet.dst))
    payload = packet.data
    for kind, decode in _PROTOCOLS.items():
        module, name = kind.split(".")
        if isinstance(payload, getattr(getattr(dpkt, module), name)):
            protocol, info, ports = decode(payload, dpkt)
            if ports:
                bracket = "[{}]" if family == socket.AF_INET6 else "{}"
                source = f"{bracket.format(source)}:{ports[0]}"
                destination = f"{bracket.format(destination)}:{ports[1]}"
            return source, destination, protocol, info
    number = getattr(packet, "p", getattr(packet, "nxt", 0))
    return source, destination, f"IP protocol {number}", f"{len(bytes(payload))} bytes"


Decoded = tuple[str, str, tuple[int, int] | None]


def _tcp(segment: Any, _dpkt: Any) -> Decoded:
    flags = " ".join(name for bit, name in _TCP_FLAGS if segment.flags & bit)
    info = f"{flags} seq {segment.seq} ack {segment.ack} window {segment.win}"
    if segment.data:
        info += f" {len(segment.data)} bytes{_first_line(segment.data)}"
    return "TCP", info, (segment.sport, segment.dport)


def _first_line(data: bytes) -> str:
    """Return the start line of an HTTP message, which is what a reader looks for."""
    line = data.split(b"\r\n", 1)[0]
    if b"HTTP/" not in line or len(line) > 200:
        return ""
    return f": {line.decode('ascii', errors='replace')}"


def _udp(datagram: Any, dpkt: Any) -> Decoded:
    ports = datagram.sport, datagram.dport
    size = f"{len(datagram.data)} bytes"
    try:
        if set(ports) <= _DHCP_PORTS:
            message = dpkt.dhcp.DHCP(datagram.data)
            kind = dict(message.opts).get(53, b"\0")[0]
            return "DHCP", _DHCP.get(kind, size), ports
        if _DNS_PORT in ports:
            message = dpkt.dns.DNS(datagram.data)
            names = ", ".join(question.name for question in message.qd)
            return "DNS", f"{'answer' if message.qr else 'query'} {names}", ports
    except (dpkt.Error, IndexError, ValueError):
        pass
    return "UDP", size, ports


def _icmp(message: Any, _dpkt: Any) -> Decoded:
    return "ICMP", _ICMP.get(message.type, f"type {message.type} code {message.code}"), None


def _icmp6(message: Any, _dpkt: Any) -> Decoded:
    return "ICMPv6", _ICMP6.get(message.type, f"type {message.type} code {message.code}"), None


_PROTOCOLS: dict[str, Callable[[Any, Any], Decoded]] = {
    "tcp.TCP": _tcp, "udp.UDP": _udp, "icmp.ICMP": _icmp, "icmp6.ICMP6": _icmp6}
