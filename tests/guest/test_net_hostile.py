"""What a network can do to a guest: broken frames, lost, doubled and reordered segments."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from net_frames import ACK, FIN, PSH, SYN, Peer, ethernet, ipv4, mutations, tcp

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE
from kernel_magics.places import images_dir

HTTP = images_dir() / "guests" / "http" / "http.c"
REQUEST = b"GET / HTTP/1.1\r\nHost: the guest\r\nConnection: close\r\n\r\n"
PAGE = b"a unikernel says hello\n"
FIRST = 1000  # our first sequence number
TIMEOUT_S = 60

pytestmark = pytest.mark.guest


@contextmanager
def server(lab: Lab, folder: Path) -> Iterator[Peer]:
    """The small web server at 10.9.0.2, alone on a cable with a peer; it has to live on."""
    image = lab.build(HTTP.read_text(), name="http")
    peer = Peer(folder)
    config = {"rc": [{"bin": "http", "argv": ["http"]}],
              "net": {"if": "vioif0", "type": "inet", "method": "static", "addr": "10.9.0.2",
                      "mask": "24", "gw": "10.9.0.1"}}
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-M", "microvm,rtc=on,acpi=off", "-accel", "tcg", "-cpu", "max",
         "-m", "32", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
         "-serial", "stdio", "-device", EXIT_DEVICE, "-netdev", peer.netdev,
         "-device", "virtio-net-device,netdev=n,mac=52:54:00:00:00:02", "-kernel", image.path,
         "-append", json.dumps(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving at port 80\n"
        yield peer
        assert process.poll() is None
    finally:
        process.kill()
        rest = process.communicate()[0]
        peer.socket.close()
    assert "panic" not in rest


def connect(peer: Peer, port: int) -> int:
    """Shake hands; return the guest's first sequence number."""
    peer.send(ethernet(ipv4(tcp(port, FIRST, 0, SYN), 6)))
    answer = peer.segment(port, time.monotonic() + TIMEOUT_S)
    assert answer and answer[2] == SYN | ACK
    peer.send(ethernet(ipv4(tcp(port, FIRST + 1, answer[0] + 1, ACK), 6)))
    return answer[0]


def answer_of(peer: Peer, port: int, first: int, *, lose: int = 0) -> bytes:
    """Return what the guest sends until its FIN; the first `lose` data segments are lost."""
    got, closed, expected = b"", False, first + 1
    deadline = time.monotonic() + TIMEOUT_S
    while not closed:
        found = peer.segment(port, deadline)
        assert found, f"the guest has sent {got!r} and no more"
        sequence, _, flags, data = found
        if data and lose:
            lose -= 1
            continue
        if sequence == expected:
            got += data
            expected += len(data) + bool(flags & FIN)
            closed = bool(flags & FIN)
        peer.send(ethernet(ipv4(tcp(port, FIRST + 1 + len(REQUEST), expected, ACK), 6)))
    return got


def test_echo_is_answered(lab: Lab, tmp_path: Path) -> None:
    with server(lab, tmp_path) as peer:
        assert all(peer.ping(number, TIMEOUT_S) for number in range(5))


def test_segments_out_of_order_and_twice(lab: Lab, tmp_path: Path) -> None:
    with server(lab, tmp_path) as peer:
        first = connect(peer, 4000)
        pieces = [(at, REQUEST[at:at + 7]) for at in range(0, len(REQUEST), 7)]
        for at, piece in [*reversed(pieces), *pieces[::2]]:
            segment = tcp(4000, FIRST + 1 + at, first + 1, ACK | PSH, piece)
            peer.send(ethernet(ipv4(segment, 6)))
        assert answer_of(peer, 4000, first).endswith(PAGE)


def test_a_lost_answer_is_sent_again(lab: Lab, tmp_path: Path) -> None:
    with server(lab, tmp_path) as peer:
        first = connect(peer, 4001)
        peer.send(ethernet(ipv4(tcp(4001, FIRST + 1, first + 1, ACK | PSH, REQUEST), 6)))
        assert answer_of(peer, 4001, first, lose=2).endswith(PAGE)


@pytest.mark.parametrize("seed", range(4))
def test_broken_frames_do_no_harm(lab: Lab, tmp_path: Path, seed: int) -> None:
    with server(lab, tmp_path) as peer:
        assert peer.ping(1, TIMEOUT_S)
        for number, frame in enumerate(mutations(seed, 3000)):
            peer.send(frame)
            if number % 100 == 0:  # no more at once than the device has room for
                assert peer.ping(number, TIMEOUT_S) or peer.ping(number, TIMEOUT_S)
        first = connect(peer, 4002)
        peer.send(ethernet(ipv4(tcp(4002, FIRST + 1, first + 1, ACK | PSH, REQUEST), 6)))
        assert answer_of(peer, 4002, first).endswith(PAGE)


def test_a_flood_of_half_open_connections_ends(lab: Lab, tmp_path: Path) -> None:
    """255 handshakes at most are under way; when they are given up, others get in."""
    with server(lab, tmp_path) as peer:
        for number in range(2000):
            peer.send(ethernet(ipv4(tcp(10000 + number, FIRST, 0, SYN), 6)))
        assert peer.ping(1, TIMEOUT_S)
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            peer.send(ethernet(ipv4(tcp(4003, FIRST, 0, SYN), 6)))
            if answer := peer.segment(4003, time.monotonic() + 1):
                break
        assert answer and answer[2] == SYN | ACK
