"""Network interfaces behind the hypercalls, with frames to and from a Unix socket."""

import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import device_guest
import pytest
from capabilities import need
from device_guest import command, device, run

pytestmark = pytest.mark.guest

EXPERIMENT = b"\x88\xb5"  # an EtherType for private use
EBUSY, ENODEV, EMSGSIZE = -16, -19, -90


@pytest.fixture
def image() -> Path:
    need("qemu")
    return device_guest.image()


class Wire:
    """The other end of a guest's cable."""

    def __init__(self, folder: Path) -> None:
        self.guest = str(folder / "guest")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "host"))
        self.socket.settimeout(60)
        self.netdev = ("-netdev", f"dgram,id=n,local.type=unix,local.path={self.guest},"
                                  f"remote.type=unix,remote.path={folder / 'host'}")

    def receive(self) -> bytes:
        return self.socket.recv(70000)

    def send(self, frame: bytes) -> None:
        self.socket.sendto(frame, self.guest)


@pytest.fixture
def wire(tmp_path):
    wire = Wire(tmp_path)
    yield wire
    wire.socket.close()


def rest(process: subprocess.Popen, wire: Wire) -> list[str]:
    """Let the guest end; return the lines that it printed."""
    wire.send(b"\x02" * 12 + EXPERIMENT + bytes(46))
    return process.stdout.read().splitlines()


@contextmanager
def guest(image: Path, machine: str, wire: Wire, *steps: str, **properties):
    """Run the guest; it stays until it is told that what it sent has arrived."""
    arguments = (*wire.netdev, *device(machine, "net", netdev="n", **properties))
    process = subprocess.Popen(command(image, machine, [*steps, "echo 1"], *arguments),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("machine", device_guest.MACHINES)
def test_frames_arrive_whole_and_in_order(image, machine, wire):
    steps = ["interface 1", "interface 0", "interface 0", "send 1514 1000", "send 1515 1"]
    with guest(image, machine, wire, *steps, mac="52:54:00:00:00:09") as process:
        for number in range(1000):
            frame = wire.receive()
            assert frame[12:14] == EXPERIMENT and len(frame) == 1514
            assert frame[14:18] == number.to_bytes(4, "little")
            assert frame[20:] == bytes((at + number) & 255 for at in range(20, 1514))
        lines = rest(process, wire)
    assert lines[:3] == [
        f"interface: error {ENODEV}, 00:00:00:00:00:00, mtu 0, features 0",
        "interface: error 0, 52:54:00:00:00:09, mtu 1500, features 0",
        f"interface: error {EBUSY}, 00:00:00:00:00:00, mtu 0, features 0"]
    assert lines[3].startswith("send: error 0")
    assert lines[4] == f"send: error {EMSGSIZE}"


@pytest.mark.parametrize("machine", device_guest.MACHINES)
def test_the_guest_is_woken_for_what_comes_in(image, machine, wire):
    with guest(image, machine, wire, "interface 0", "send 60 1", "echo 500") as process:
        wire.receive()  # it is up
        for number in range(500):
            payload = number.to_bytes(4, "little") * (number % 300 + 12)
            wire.send(b"\x02" * 12 + EXPERIMENT + payload)
            assert wire.receive()[14:] == payload
        assert rest(process, wire)[2].endswith("slept")


def test_a_burst_is_taken_in_full(image, wire):
    """Many more than the device has buffers, while the guest is not looking."""
    def burst():
        for number in range(400):
            wire.send(b"\x02" * 12 + EXPERIMENT + number.to_bytes(4, "little") * 12)

    with guest(image, "microvm", wire, "interface 0", "send 60 1", "sleep 500",
               "echo 400") as process:
        wire.receive()
        Thread(target=burst, daemon=True).start()
        answers = [int.from_bytes(wire.receive()[14:18], "little") for _ in range(400)]
        rest(process, wire)
    assert answers == list(range(400))


def test_the_mtu_of_the_device_is_the_interfaces(image, wire):
    with guest(image, "microvm", wire, "interface 0", "send 1014 1", "send 1015 1",
               host_mtu=1000) as process:
        assert len(wire.receive()) == 1014
        lines = rest(process, wire)
    assert lines[0].endswith("mtu 1000, features 0")
    assert lines[1:3] == ["send: error 0", f"send: error {EMSGSIZE}"]


def test_a_guest_without_an_interface_does_without(image):
    assert run(image, "microvm", ["interface 0"])[0].startswith(f"interface: error {ENODEV}")
