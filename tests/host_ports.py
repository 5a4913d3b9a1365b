"""Ports of this machine in tests, which other programs and other runs of tests use as well."""

import random
import socket
import time
from pathlib import Path

__all__ = ["free_port", "held_by", "is_released"]

# Below those that Linux gives to connections and to whoever asks for any:
# /proc/sys/net/ipv4/ip_local_port_range.  Only who names one of these can have it.
CHOSEN_FROM = range(20_000, 32_000)
PATIENCE_S = 60
LISTENS = "0A"   # linux/include/net/tcp_states.h, in /proc/net/tcp


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody has, and nobody gets by chance."""
    for port in random.SystemRandom().sample(CHOSEN_FROM, len(CHOSEN_FROM)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port of this machine is taken")


def held_by(port: int) -> str:
    """Return the socket that listens at 127.0.0.1:`port`, by its number; proc(5)."""
    found = [number for address, state, number in _sockets()
             if address == f"0100007F:{port:04X}" and state == LISTENS]
    assert len(found) == 1, f"{len(found)} sockets listen at port {port}"
    return found[0]


def is_released(number: str) -> bool:
    """Return whether that very socket goes; its port may be another's by now.

    A process that ends is without a command line, and not to be found, before it is without
    its sockets.
    """
    deadline = time.monotonic() + PATIENCE_S
    while any(number == other for _, _, other in _sockets()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _sockets() -> list[tuple[str, str, str]]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [(fields[1], fields[3], fields[9]) for fields in map(str.split, lines)]
