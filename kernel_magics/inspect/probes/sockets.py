"""The sockets of a guest: `guest.sockets`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.endpoints import Endpoint, describe_pcb, describe_socket
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.processes import processes_of
from kernel_magics.inspect.probes.slots import kind_of_file, slots_of
from kernel_magics.inspect.values.walking import walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Socket", "Sockets"]

MOST_CONNECTIONS = 65_536
NO_DESCRIPTOR = -1
# lwIP's lists of connections, of which those that were closed by their program are left.
_PCB_LISTS = ("tcp_active_pcbs", "tcp_tw_pcbs")


@dataclass(frozen=True)
class _Descriptor:
    """Whose a socket is."""

    pid: int
    descriptor: int


@dataclass(frozen=True)
class Socket(Endpoint, _Descriptor):
    """One socket of one process, its pid and descriptor first, then what an Endpoint has; pid 0
    and descriptor -1 if its program has closed it and the other side has not yet answered."""


class Sockets(Probe[Socket]):
    """Every socket, by process and descriptor; then connections that are ending."""

    title = "sockets"
    row = Socket

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Socket]:
        import drgn

        held: set[int] = set()
        seen: set[int] = set()
        for process in reversed(list(processes_of(program, problems))):
            pid = int(process.pid)
            for descriptor, file, _ in slots_of(process.files, problems):
                try:
                    if kind_of_file(file) != "socket":
                        continue
                    socket = drgn.cast("struct net_socket *", file.data)
                    held.add(_pcb_of(socket))
                    seen.add(int(file))
                    yield _row(pid, descriptor, describe_socket(socket, problems))
                except drgn.FaultError as error:
                    problems.append(f"descriptor {descriptor} of process {pid} leads to "
                                    f"{error.address:#x}, which is not mapped")
        yield from _left_over(program, held, problems)


def _row(pid: int, descriptor: int, endpoint: Endpoint) -> Socket:
    return Socket(pid, descriptor, **vars(endpoint))


def _pcb_of(socket: Any) -> int:
    """Return the address of a TCP socket's pcb, 0 for others."""
    import drgn

    from kernel_magics.inspect.probes.slots import symbol_name

    if symbol_name(socket.prog_, int(socket.protocol)) != "inet_tcp_protocol":
        return 0
    return int(drgn.cast("struct tcp_socket *", socket).pcb)


def _left_over(program: drgn.Program, held: set[int], problems: list[str]) -> Iterator[Socket]:
    for name in _PCB_LISTS:
        try:
            first = program[name]
        except LookupError:  # a runtime without lwIP
            return
        for pcb in walk_list(first, "next", problems, most=MOST_CONNECTIONS,
                             what=f"lwIP's list {name}"):
            if int(pcb) not in held:
                yield _row(0, NO_DESCRIPTOR, describe_pcb(pcb))
