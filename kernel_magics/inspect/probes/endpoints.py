"""A socket as its structures describe it: family, state, both addresses, what is queued.

Source: images/rumpkit/net/socket.h, net/inet/tcp.h, net/inet/datagram.h, net/unix/unix.h;
lwIP's tcp.h and ip_addr.h.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernel_magics.inspect.probes.slots import symbol_name
from kernel_magics.inspect.values.walking import read_text, walk_list

__all__ = ["Endpoint", "describe_pcb", "describe_socket"]

MOST_QUEUED = 65_536

_FAMILIES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink"}
_TYPES = {1: "stream", 2: "datagram", 3: "raw", 5: "seqpacket"}
_TCP_STATES = ("closed", "listen", "syn sent", "syn received", "established", "fin wait 1",
               "fin wait 2", "close wait", "closing", "last ack", "time wait")
# lwIP's ip_addr.h, enum lwip_ip_addr_type
_IPV6, _ANY = 6, 46


@dataclass(frozen=True)
class Endpoint:
    """One socket, whoever has it.

    `local` and `remote` are "address:port" or a path; `receive_bytes` wait to be read,
    `send_bytes` to be acknowledged; a listener has `waiting` connections of at most
    `backlog` that nobody has accepted; `error` is the errno that the next call will get.
    """

    family: str
    type: str
    protocol: str
    state: str
    local: str
    remote: str
    receive_bytes: int
    send_bytes: int
    waiting: int
    backlog: int
    error: int

    def text(self) -> str:
        """Return it in a few words, as guest.files shows it."""
        peer = f" → {self.remote}" if self.remote else ""
        queued = f", {self.receive_bytes} bytes to read" if self.receive_bytes else ""
        return f"{self.protocol} {self.state} {self.local}{peer}{queued}".replace("  ", " ").strip()


def describe_socket(socket: Any, problems: list[str]) -> Endpoint:
    """Return what a struct net_socket * is, by its protocol's own structure.

    Raises drgn.FaultError if it is not mapped.
    """
    protocol = symbol_name(socket.prog_, int(socket.protocol))
    describe = _PROTOCOLS.get(protocol, _unknown)
    facts = describe(socket, problems)
    common = {
        "family": _FAMILIES.get(int(socket.family), str(int(socket.family))),
        "type": _TYPES.get(int(socket.type), str(int(socket.type))), "protocol": protocol,
        "state": "", "local": "", "remote": "", "receive_bytes": 0, "send_bytes": 0,
        "waiting": 0, "backlog": 0, "error": int(socket.error)}
    return Endpoint(**{**common, **facts})


def describe_pcb(pcb: Any) -> Endpoint:
    """Return a TCP connection that no descriptor has any more, from lwIP's tcp_pcb."""
    return Endpoint("inet6" if int(pcb.local_ip.type) == _IPV6 else "inet", "stream", "tcp",
                    _tcp_state(pcb), _address(pcb.local_ip, int(pcb.local_port)),
                    _address(pcb.remote_ip, int(pcb.remote_port)), 0, _unsent(pcb), 0, 0, 0)


def _tcp(socket: Any, _problems: list[str]) -> dict[str, Any]:
    own = _as(socket, "struct tcp_socket *")
    pcb = own.pcb
    found: dict[str, Any] = {"protocol": "tcp", "waiting": int(own.waiting),
                             "backlog": int(own.backlog), "state": "closed",
                             "receive_bytes": int(own.input_bytes)}
    if not pcb:
        if own.local_port:
            found["local"] = _address(own.local_ip, int(own.local_port))
            found["remote"] = _address(own.remote_ip, int(own.remote_port))
        return found
    state = _tcp_state(pcb)
    found |= {"state": state, "local": _address(pcb.local_ip, int(pcb.local_port))}
    if state not in ("listen", "closed"):
        found["remote"] = _address(pcb.remote_ip, int(pcb.remote_port))
        found["send_bytes"] = _unsent(pcb)
    return found


def _unsent(pcb: Any) -> int:
    """Return the bytes that were written and not acknowledged yet."""
    return int(pcb.snd_lbb - pcb.lastack) & 0xFFFFFFFF


def _tcp_state(pcb: Any) -> str:
    number = int(pcb.state)
    return _TCP_STATES[number] if 0 <= number < len(_TCP_STATES) else f"damaged ({number})"


def _datagram(socket: Any, _problems: list[str]) -> dict[str, Any]:
    own = _as(socket, "struct datagram_socket *")
    if own.raw:
        return {"protocol": f"raw {int(own.raw.protocol)}",
                "receive_bytes": int(own.queued_bytes), "state": "open",
                "local": _address(own.raw.local_ip, 0)}
    state = "connected" if own.connected else "bound" if own.bound else "open"
    remote = _address(own.udp.remote_ip, int(own.udp.remote_port)) if own.connected else ""
    local = _address(own.udp.local_ip, int(own.udp.local_port)) if own.udp.local_port else ""
    return {"protocol": "udp", "state": state, "local": local, "remote": remote,
            "receive_bytes": int(own.queued_bytes)}


def _unix(socket: Any, problems: list[str]) -> dict[str, Any]:
    own = _as(socket, "struct unix_socket *")
    state = "listen" if socket.listening else "connected" if own.connected or own.peer else "open"
    waiting = sum(1 for _ in walk_list(own.first_waiting, "next_waiting", problems,
                                       most=MOST_QUEUED, what="a queue of connections"))
    return {"protocol": "unix", "state": state, "local": _unix_name(own.name),
            "remote": _unix_name(own.peer.name) if own.peer else "", "waiting": waiting,
            "backlog": int(own.backlog), "receive_bytes": int(own.queued_bytes)}


def _unix_name(name: Any) -> str:
    if not name:
        return ""
    data = bytes(name.path.to_bytes_())
    if data[:1] == b"\0":  # an abstract name, unix(7)
        return "@" + data[1:max(1, min(int(name.bytes), len(data)))].decode("utf-8", "replace")
    return read_text(name.path)


def _netlink(_socket: Any, _problems: list[str]) -> dict[str, Any]:
    return {"protocol": "netlink", "state": "open"}


def _unknown(_socket: Any, _problems: list[str]) -> dict[str, Any]:
    return {}


def _address(ip: Any, port: int) -> str:
    """Return an lwIP ip_addr_t and a port as they are written."""
    kind = int(ip.type)
    if kind == _IPV6:
        words = b"".join(int(word).to_bytes(4, "little") for word in ip.u_addr.ip6.addr)
        text = f"[{ipaddress.IPv6Address(words)}]"
    elif kind == _ANY:
        text = "*"
    else:
        text = str(ipaddress.IPv4Address(int(ip.u_addr.ip4.addr).to_bytes(4, "little")))
    return f"{text}:{port}"


def _as(pointer: Any, type_name: str) -> Any:
    import drgn

    return drgn.cast(type_name, pointer)


_PROTOCOLS: dict[str, Callable[[Any, list[str]], dict[str, Any]]] = {
    "inet_tcp_protocol": _tcp, "inet_datagram_protocol": _datagram, "unix_protocol": _unix,
    "netlink_protocol": _netlink,
}
