"""QEMU's user-mode network as it tells of itself: forwards and connections."""

import re
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.boot.network.network import Network
from kernel_magics.errors import BootError

if TYPE_CHECKING:
    from kernel_magics.boot.hypervisor.machine import Machine

__all__ = ["FORWARD", "UserSocket", "parse_usernet", "host_ports"]

FORWARD = "HOST_FORWARD"   # the state of a socket that waits for connections of this machine
# net/slirp.c, "info usernet": protocol, state, descriptor, source, destination, two queues
_LINE = re.compile(r"^\s*(TCP|UDP)\[([^\]]+)\]\s+\S+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)",
                   re.MULTILINE)


class UserSocket(NamedTuple):
    """One socket of the user-mode network."""

    protocol: str
    state: str
    source: str
    source_port: int
    destination: str
    destination_port: int


def parse_usernet(said: str) -> list[UserSocket]:
    """Return the sockets in the answer to the monitor's "info usernet"."""
    return [UserSocket(protocol.lower(), state, source, int(source_port), destination,
                       int(destination_port))
            for protocol, state, source, source_port, destination, destination_port
            in _LINE.findall(said.replace("\r", ""))]


def host_ports(network: Network | None, machine: "Machine") -> dict[str, int]:
    """Return a guest's port (80, or 53/udp) → this machine's port, once QEMU has them.

    A free port was chosen by the system when QEMU bound it, so nobody else can have it.
    Raises BootError if QEMU does not tell.
    """
    if network is None:
        return {}
    chosen: dict[str, int] = {}
    if any(not forward.host_port for forward in network.forwards):
        chosen = _chosen(machine)
    try:
        return {str(forward.key): forward.host_port or chosen[str(forward.key)]
                for forward in network.forwards}
    except KeyError as missing:
        raise BootError(f"QEMU does not say which port of this machine leads to port "
                        f"{missing.args[0]}", log=str(chosen),
                        next_step='choose one: ports=["8080:80"]') from missing


def _chosen(machine: "Machine") -> dict[str, int]:
    forwards = [found for found in parse_usernet(machine.monitor("info usernet"))
                if found.state == FORWARD]
    return {f"{found.destination_port}{'' if found.protocol == 'tcp' else '/udp'}":
            found.source_port for found in forwards}
