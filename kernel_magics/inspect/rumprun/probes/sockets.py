"""The sockets of a Rumprun guest's processes.

Source: NetBSD 7, sys/sys/socketvar.h, sys/netinet/in_pcb.h, sys/netinet/tcp_fsm.h,
sys/netinet6/in6_pcb.h, sys/sys/unpcb.h.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.probes.sockets import Socket, Sockets
from kernel_magics.inspect.rumprun.probes.files import SOCKET, content_of
from kernel_magics.inspect.rumprun.probes.netbsd import (
    RumprunProbe,
    descriptors_of,
    processes_of,
)

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunSockets"]

_UNIX, _INET, _INET6 = 1, 2, 24
_FAMILIES = {_UNIX: "unix", _INET: "inet", _INET6: "inet6", 17: "link", 34: "route"}
_SOCKET_TYPES = {1: "stream", 2: "datagram", 3: "raw", 5: "seqpacket"}
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}
_TCP_STATES = ("closed", "listen", "syn sent", "syn received", "established", "close wait",
               "fin wait 1", "closing", "last ack", "fin wait 2", "time wait")
_LISTENING, _CONNECTED = 0x0002, 0x0002  # SO_ACCEPTCONN; SS_ISCONNECTED
LONGEST_PATH = 108


class RumprunSockets(RumprunProbe, Sockets):
    """See Sockets; sockets that their program has closed are not listed."""

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Socket]:
        import drgn

        for process in processes_of(program, problems):
            for number, file, _ in descriptors_of(process, problems):
                try:
                    if int(file.f_type) == SOCKET:
                        yield _socket(program, int(process.p_pid), number,
                                      content_of(program, file, "struct socket *"))
                except drgn.FaultError as error:
                    problems.append(f"the socket of descriptor {number} leads to "
                                    f"{error.address:#x}, which is not mapped")


def _socket(program: drgn.Program, pid: int, number: int, socket: Any) -> Socket:
    family = int(socket.so_proto.pr_domain.dom_family)
    protocol = int(socket.so_proto.pr_protocol)
    is_listening = bool(int(socket.so_options) & _LISTENING)
    local, remote, state = _ends(program, socket, family, protocol == 6)
    if not state:
        state = "listen" if is_listening else \
            "connected" if int(socket.so_state) & _CONNECTED else "open"
    return Socket(pid, number, _FAMILIES.get(family, str(family)),
                  _SOCKET_TYPES.get(int(socket.so_type), str(int(socket.so_type))),
                  _PROTOCOLS.get(protocol, str(protocol) if protocol else ""), state,
                  local, remote, int(socket.so_rcv.sb_cc), int(socket.so_snd.sb_cc),
                  int(socket.so_qlen), int(socket.so_qlimit) if is_listening else 0,
                  int(socket.so_error))


def _ends(program: drgn.Program, socket: Any, family: int, is_tcp: bool) -> tuple[str, str, str]:
    """Return both ends of a socket, and TCP's state."""
    import drgn

    address = int(socket.so_pcb)
    if not address:
        return "", "", ""
    if family == _UNIX:
        block = drgn.Object(program, "struct unpcb *", value=address)
        other = block.unp_conn
        return _path(block), _path(other) if int(other) else "", ""
    if family not in (_INET, _INET6):
        return "", "", ""
    if family == _INET:
        block = drgn.Object(program, "struct inpcb *", value=address)
        local = _end(block.inp_ip.ip_src.to_bytes_(), block.inp_lport)
        remote = _end(block.inp_ip.ip_dst.to_bytes_(), block.inp_fport)
        head = block.inp_head
    else:
        block = drgn.Object(program, "struct in6pcb *", value=address)
        local = _end(block.in6p_ip6.ip6_src.to_bytes_(), block.in6p_lport)
        remote = _end(block.in6p_ip6.ip6_dst.to_bytes_(), block.in6p_fport)
        head = block.in6p_head
    state = ""
    if is_tcp and int(head.inph_ppcb):
        number = int(drgn.cast("struct tcpcb *", head.inph_ppcb).t_state)
        state = _TCP_STATES[number] if 0 <= number < len(_TCP_STATES) else f"state {number}"
    return local, remote, state


def _end(address: bytes, port: Any) -> str:
    number = int.from_bytes(port.to_bytes_(), "big")
    found = ipaddress.ip_address(address)
    if not number and found.is_unspecified:
        return ""
    return f"[{found}]:{number}" if found.version == 6 else f"{found}:{number}"


def _path(block: Any) -> str:
    if not int(block.unp_addr):
        return ""
    data: bytes = block.prog_.read(block.unp_addr.sun_path.address_, LONGEST_PATH)
    return data.split(b"\0")[0].decode("utf-8", "replace")
