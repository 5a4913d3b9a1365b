"""QEMU's user-mode network as it tells of itself: forwards and connections."""

import re
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.boot.network.forward_queue import lengthen_queues
from kernel_magics.boot.network.network import Network
from kernel_magics.errors import BootError

if TYPE_CHECKING:
    from kernel_magics.boot.hypervisor.machine import Machine

__all__ = ["FORWARD", "UserSocket", "parse_usernet", "host_ports"]

FORWARD = "HOST_FORWARD"   # the state of a socket that waits for connections of this machine
# net/slirp.c, "info usernet": protocol, state, descriptor, source, destination, two queues
_LINE = re.compile(r"^\s*(TCP|UDP)\[([^\]]+)\]\s+(-?\d+)\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)",
                   re.MULTILINE)


class UserSocket(NamedTuple):
    """One socket of the user-mode network; `descriptor` is QEMU's."""

    protocol: str
    state: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    descriptor: int


def parse_usernet(said: str) -> list[UserSocket]:
    """Return the sockets in the answer to the monitor's "info usernet"."""
    return [UserSocket(protocol.lower(), state, source, int(source_port), destination,
                       int(destination_port), int(descriptor))
            for protocol, state, descriptor, source, source_port, destination, destination_port
            in _LINE.findall(said.replace("\r", ""))]


def host_ports(network: Network | None, machine: "Machine") -> dict[str, int]:
    """Return a guest's port (80, or 53/udp) → this machine's port, once QEMU has them.

    A free port was chosen by the system when QEMU bound it, so nobody else can have it.  At
    the ports of QEMU's own network more than one connection may wait from then on.  Raises
    BootError if QEMU does not tell.
    """
    if network is None or not network.forwards:
        return {}
    found = []
    if network.kind == "user":
        found = [one for one in parse_usernet(machine.monitor("info usernet"))
                 if one.state == FORWARD]
    if machine.process:
        lengthen_queues(machine.process, [one.descriptor for one in found
                                          if one.protocol == "tcp"])
    chosen = {f"{one.destination_port}{'' if one.protocol == 'tcp' else '/udp'}":
              one.source_port for one in found}
    try:
        return {str(forward.key): forward.host_port or chosen[str(forward.key)]
                for forward in network.forwards}
    except KeyError as missing:
        raise BootError(f"QEMU does not say which port of this machine leads to port "
                        f"{missing.args[0]}", log=str(chosen),
                        next_step='choose one: ports=["8080:80"]') from missing
