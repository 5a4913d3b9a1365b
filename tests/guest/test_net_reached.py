"""A guest's network from this machine: forwarded ports, DHCP, fixed addresses, IPv6."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from capabilities import need
from host_ports import free_port

from kernel_magics import Lab
from kernel_magics.boot.guest import Guest
from kernel_magics.places import images_dir

HTTP = images_dir() / "guests" / "http" / "http.c"
PROGRAMS = Path(__file__).parent / "net_programs"
TIMEOUT_S = 60

pytestmark = pytest.mark.guest


@contextmanager
def serving(lab: Lab, **more: object) -> Iterator[Guest]:
    """A guest with the small web server, ended by its own /quit."""
    image = lab.build(HTTP.read_text(), name="http")
    guest = lab.boot(image, argv=["http"], memory_mib=64, ports=[80], **more)
    try:
        yield guest
        assert guest.http("/quit", timeout=TIMEOUT_S).text == "good bye\n"
        assert guest.wait(timeout=TIMEOUT_S) == 0
    finally:
        guest.stop()


def test_a_page_through_a_forwarded_port(lab: Lab, driver: str) -> None:
    with serving(lab) as guest:
        response = guest.http("/", timeout=TIMEOUT_S)
        assert (response.status, response.text) == (200, "a unikernel says hello\n")
        assert guest.http("/nothing", timeout=TIMEOUT_S).status == 404
        assert guest.http("/machine", timeout=TIMEOUT_S).text == "x86_64"


def test_an_address_of_ones_own(lab: Lab) -> None:
    with serving(lab, address="10.0.9.77/24") as guest:
        assert guest.http("/", timeout=TIMEOUT_S).status == 200


def test_many_ask_at_once(lab: Lab) -> None:
    with serving(lab) as guest:
        guest.http("/", timeout=TIMEOUT_S)
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: guest.http("/", timeout=TIMEOUT_S).status,
                                    range(400)))
        assert answers == [200] * 400


def test_requests_wait_where_a_port_is_forwarded(lab: Lab, driver: str) -> None:
    """Nobody is refused, or has to ask again, while QEMU does something else."""
    need("descriptors")
    head = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    with serving(lab) as guest, ExitStack() as stack:
        guest.http("/", timeout=TIMEOUT_S)
        os.kill(guest.record.qemu.pid, signal.SIGSTOP)
        try:
            clients = [stack.enter_context(socket.create_connection(
                ("127.0.0.1", guest.ports[80]), TIMEOUT_S)) for _ in range(40)]
            for client in clients:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.sendall(head)
                client.sendall(b"\1\2")
        finally:
            os.kill(guest.record.qemu.pid, signal.SIGCONT)
        for client in clients:
            answer = b"".join(iter(partial(client.recv, 4096), b""))
            assert answer.endswith(b"2 bytes, sum 3\n")


def test_bulk_both_ways(lab: Lab) -> None:
    body = bytes(range(256)) * 16000
    with serving(lab) as guest:
        answer = guest.http("/", method="POST", body=body, timeout=TIMEOUT_S)
        assert answer.text == f"{len(body)} bytes, sum {sum(range(256)) * 16000}\n"
        answer = guest.http("/bytes/5000000", timeout=TIMEOUT_S)
        assert answer.body == b"x" * 5_000_000


def test_a_port_that_has_just_been_used_connects_again(lab: Lab) -> None:
    """The guest ended the connection before, and still waits for what may be left of it."""
    port = free_port()
    with serving(lab) as guest:
        guest.http("/", timeout=TIMEOUT_S)
        for _ in range(3):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.settimeout(TIMEOUT_S)
                client.bind(("127.0.0.1", port))
                client.connect(("127.0.0.1", guest.ports[80]))
                client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(partial(client.recv, 4096), b""))
            assert answer.endswith(b"a unikernel says hello\n")


def test_requests_in_pieces_and_several_at_once(lab: Lab) -> None:
    with serving(lab) as guest:
        guest.http("/", timeout=TIMEOUT_S)
        with closing(socket.create_connection(("127.0.0.1", guest.ports[80]))) as client:
            client.settimeout(TIMEOUT_S)
            request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            for byte in request:
                client.sendall(bytes([byte]))
            client.sendall(request * 3 + b"nonsense\r\nConnection: close\r\n\r\n")
            answers = b"".join(iter(lambda: client.recv(65536), b""))
        assert answers.count(b"200 OK") == 4
        assert answers.count(b"400 Bad Request") == 1


def test_connections_dropped_from_outside(lab: Lab) -> None:
    with serving(lab) as guest:
        guest.http("/", timeout=TIMEOUT_S)
        for number in range(60):
            client = socket.create_connection(("127.0.0.1", guest.ports[80]), TIMEOUT_S)
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\n")
            if number % 3 == 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        assert guest.http("/", timeout=TIMEOUT_S).status == 200


def answering(family: int, host: str) -> tuple[socket.socket, int]:
    """A server on this machine that answers who asks, whoever else tries its port meanwhile."""
    server = socket.create_server((host, 0), family=family)
    server.settimeout(TIMEOUT_S)

    def answer() -> None:
        asked = b""
        while asked != b"who?":
            client, _ = server.accept()
            client.settimeout(TIMEOUT_S / 3)
            with client, suppress(OSError):
                asked = client.recv(64)
                client.sendall(b"me")

    Thread(target=answer, daemon=True).start()
    return server, server.getsockname()[1]


@pytest.mark.parametrize(("address", "family", "host", "name", "own"), [
    ("dhcp", socket.AF_INET, "127.0.0.1", "10.0.2.2", "10.0.2.15"),
    ("10.0.2.99/24", socket.AF_INET, "127.0.0.1", "10.0.2.2", "10.0.2.99"),
    ("auto", socket.AF_INET6, "::1", "fec0::2", "fec0::"),
])
def test_a_guest_reaches_this_machine(lab: Lab, address: str, family: int, host: str, name: str,
                                      own: str) -> None:
    server, port = answering(family, host)
    with closing(server):
        guest = lab.boot(lab.build((PROGRAMS / "reach.c").read_text(), name="reach"), net="user",
                         address=address, argv=["reach", name, str(port)])
        try:
            assert guest.wait(timeout=TIMEOUT_S) == 0, guest.console.text
            assert guest.console.text.startswith(f"{name} says me to {own}")
        finally:
            guest.stop()
