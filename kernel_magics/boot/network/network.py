"""A guest's network interface: how it reaches the host, and how it gets its address (pure)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from kernel_magics.errors import UsageError

__all__ = ["Forward", "Network", "Address", "parse_network", "LOOPBACK"]

LOOPBACK = "127.0.0.1"
INTERFACE = "vioif0"   # what Rumprun calls the first virtio network interface
KINDS = ("user", "passt", "tap", "bridge")
_KINDS_TEXT = 'use "user", "passt", "tap:NAME", "bridge:NAME" or None'
_FORWARD = re.compile(r"(?:(\d+):)?(\d+)(?:/(tcp|udp))?")
_INTERFACE_NAME = re.compile(r"[^\s/:,]{1,15}")  # IFNAMSIZ - 1
# QEMU's user-mode network: the host is the second address, its resolver the third.
_USER_HOST, _USER_RESOLVER = 2, 3


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the host, on 127.0.0.1, that leads to one of the guest; host port 0 is a
    free one, chosen when the guest is started."""

    guest_port: int
    host_port: int = 0
    protocol: str = "tcp"

    @property
    def key(self) -> int | str:
        """What `guest.ports` calls it: 80, or "53/udp"."""
        return self.guest_port if self.protocol == "tcp" else f"{self.guest_port}/udp"

    def __str__(self) -> str:
        udp = "" if self.protocol == "tcp" else "/udp"
        return f"{self.host_port}:{self.guest_port}{udp}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where one address of the guest comes from.

    `method` is "dhcp", "auto" (IPv6, from the router) or "static" with `interface` such as
    10.0.2.15/24 and, if it is to leave its network, `gateway`.
    """

    method: str
    interface: IPv4Interface | IPv6Interface | None = None
    gateway: str = ""

    def __str__(self) -> str:
        via = f" via {self.gateway}" if self.gateway else ""
        return f"{self.interface}{via}" if self.interface else self.method

    @property
    def family(self) -> str:
        """ "inet" or "inet6"."""
        version = self.interface.version if self.interface else 6 if self.method == "auto" else 4
        return "inet" if version == 4 else "inet6"


@dataclass(frozen=True, slots=True)
class Network:
    """One network interface.

    `kind` is "user" (QEMU's own network behind the host's), "passt" (the same by another
    program), "tap" or "bridge", which `device` names.  `capture` records its traffic.
    """

    kind: str
    device: str = ""
    forwards: tuple[Forward, ...] = ()
    addresses: tuple[Address, ...] = (Address("dhcp"),)
    capture: bool = False

    @property
    def static(self) -> Address | None:
        """The static IPv4 address, if it has one."""
        return next((address for address in self.addresses
                     if address.method == "static" and address.family == "inet"), None)

    @property
    def resolver(self) -> str:
        """The user-mode network's name server, which a static address is not told by DHCP."""
        if self.kind != "user" or not (self.static and self.static.interface):
            return ""
        return str(self.static.interface.network[_USER_RESOLVER])

    @property
    def reached_at(self) -> str | None:
        """The address by which the host reaches the guest, None if DHCP decides it."""
        if self.kind in ("user", "passt"):
            return LOOPBACK
        return str(self.static.interface.ip) if self.static and self.static.interface else None

    def configuration(self) -> list[dict[str, str]]:
        """Return the values of key "net" of the guest's configuration, one an address.

        Source: Rumprun's configuration format; "dns" is this lab's own.
        """
        return [self._entry(address) for address in self.addresses]

    def _entry(self, address: Address) -> dict[str, str]:
        entry = {"if": INTERFACE, "type": address.family, "method": address.method}
        if address.interface is None:
            return entry
        entry |= {"addr": str(address.interface.ip),
                  "mask": str(address.interface.network.prefixlen)}
        if address.gateway:
            entry["gw"] = address.gateway
        if self.resolver and address.family == "inet":
            entry["dns"] = self.resolver
        return entry


def parse_network(net: str | None, ports: object = (), address: object = "dhcp",
                  capture: bool = False) -> Network | None:
    """Return the network that the fields of a BootSpec ask for; None if they ask for none.

    Ports, or a capture, without `net` mean the user-mode network.
    Raises UsageError naming the field that is wrong.
    """
    forwards = parse_ports(ports)
    if net is None and (forwards or capture):
        net = "user"
    if net in (None, "none"):
        if forwards or capture:
            raise UsageError("net='none' leaves no network for ports or a capture",
                             next_step='leave net out, or give net="user"')
        return None
    kind, device = _kind(net)
    addresses = tuple(_parse_address(one, kind) for one in _address_texts(address))
    if kind in ("tap", "bridge") and forwards:
        raise UsageError(f"net={net!r} forwards no ports: the guest has an address of its own",
                         next_step='leave ports out and use that address, or give net="user"')
    if kind == "bridge" and capture:
        raise UsageError("capture=True does not work on a bridge",
                         next_step=f"record it there: sudo tcpdump -i {device} -w FILE")
    if kind == "passt" and any(one.method == "static" for one in addresses):
        raise UsageError("net='passt' gives the guest this machine's own address",
                         next_step='leave address out, or give net="user"')
    return Network(kind, device, forwards, addresses, bool(capture))


def parse_ports(ports: object) -> tuple[Forward, ...]:
    """Return forwards from {8080: 80} or from ["8080:80", 80, "53/udp"]; UsageError."""
    if isinstance(ports, Mapping):
        items: Iterable[object] = [f"{host}:{guest}" for host, guest in ports.items()]
    elif isinstance(ports, str | int):
        items = [ports]
    elif isinstance(ports, Iterable):
        items = ports
    else:
        raise _no_port(ports)
    forwards = tuple(_parse_forward(item) for item in items)
    _refuse_double("host port", [(f.host_port, f.protocol) for f in forwards if f.host_port])
    _refuse_double("guest port", [(f.guest_port, f.protocol) for f in forwards])
    return forwards


def _parse_forward(item: object) -> Forward:
    if isinstance(item, Forward):
        return item
    found = None if isinstance(item, bool) else _FORWARD.fullmatch(str(item))
    if not found:
        raise _no_port(item)
    host, guest = int(found[1] or 0), int(found[2])
    if host > 65535 or not 0 < guest <= 65535:
        raise _no_port(item)
    return Forward(guest, host, found[3] or "tcp")


def _no_port(item: object) -> UsageError:
    return UsageError(f"ports: {item!r} is no port",
                      next_step="write {8080: 80} or \"8080:80\" (this machine's port, the "
                                'guest\'s), 80 for any free port here, or "53/udp"')


def _refuse_double(what: str, ports: list[tuple[int, str]]) -> None:
    for port, protocol in ports:
        if ports.count((port, protocol)) > 1:
            raise UsageError(f"ports: {what} {port} is given twice",
                             next_step=f"give each {what} once")


def _kind(net: object) -> tuple[str, str]:
    kind, colon, device = str(net).partition(":")
    if not isinstance(net, str) or kind not in KINDS:
        raise UsageError(f"net={net!r} is not known", next_step=_KINDS_TEXT)
    if kind in ("user", "passt"):
        if colon:
            raise UsageError(f"net={net!r}: the {kind} network has no name", next_step=_KINDS_TEXT)
    elif not _INTERFACE_NAME.fullmatch(device):
        raise UsageError(f"net={net!r} names no interface", next_step=_KINDS_TEXT)
    return kind, device


def _address_texts(address: object) -> list[str]:
    texts = address.split(",") if isinstance(address, str) else address
    if not isinstance(texts, list | tuple) or not texts:
        raise _no_address(address)
    return [str(text).strip() for text in texts]


def _parse_address(text: str, kind: str) -> Address:
    if text in ("dhcp", "auto"):
        return Address(text)
    where, _, gateway = text.partition(" via ")
    try:
        interface = ip_interface(where)
        if gateway and ip_address(gateway).version != interface.version:
            raise ValueError
    except ValueError:
        raise _no_address(text) from None
    if "/" not in where or interface.network.num_addresses < 4:
        raise _no_address(text)
    if kind == "user":
        gateway = gateway or str(interface.network[_USER_HOST])
        _check_user_network(text, interface, gateway)
    return Address("static", interface, gateway)


def _check_user_network(text: str, interface: IPv4Interface | IPv6Interface,
                        gateway: str) -> None:
    resolver = str(interface.network[_USER_RESOLVER])
    if (interface.network.num_addresses < 8 or len({str(interface.ip), gateway, resolver}) < 3
            or ip_address(gateway) not in interface.network):
        raise UsageError(f"address={text!r} leaves no room for the gateway {gateway} and the "
                         f"resolver {resolver}",
                         next_step="give another one, such as 10.0.2.15/24")


def _no_address(text: object) -> UsageError:
    return UsageError(f"address={text!r} is no address",
                      next_step='write "dhcp", "auto" (IPv6), "10.0.2.15/24" or '
                                '"192.168.7.2/24 via 192.168.7.1"; several with commas')
