"""The virtio console: every byte, both ways, in order; and the serial port without it."""

import json
import os
import subprocess
from pathlib import Path
from threading import Thread

import device_guest
import pytest
from capabilities import need
from device_guest import command, device

pytestmark = pytest.mark.guest


@pytest.fixture
def image() -> Path:
    need("qemu")
    return device_guest.image()


@pytest.fixture
def talk(tmp_path):
    """Return a function that runs the guest and says what it wrote to its console.

    As the lab does it: input by a FIFO, output to a file, which takes everything at once.
    QEMU throws away what a virtio console says while its other end is not ready.
    """
    path = tmp_path / "console"
    os.mkfifo(f"{path}.in")

    def run(image: Path, machine: str, steps: list[str], typed: bytes, *devices: str) -> bytes:
        Path(f"{path}.out").write_bytes(b"")
        line = command(image, machine, steps)
        at = line.index("-serial")
        line[at:at + 2] = ["-chardev", f"pipe,id=c,path={path}", *devices]
        line[-1] = json.dumps({"lab": {"console": "virtio"}, "steps": steps})
        keyboard = os.open(f"{path}.in", os.O_RDWR)
        try:
            Thread(target=os.write, args=(keyboard, typed), daemon=True).start()
            done = subprocess.run(line, stdin=subprocess.DEVNULL, timeout=60, check=False)
        finally:
            os.close(keyboard)
        assert done.returncode == device_guest.STATUS_DONE << 1 | 1
        return Path(f"{path}.out").read_bytes()

    return run


def lines(size: int) -> bytes:
    """Return what the guest's step `print` prints."""
    return b"".join(bytes([ord("a") + at % 26]) * 63 + b"\n" for at in range(size // 64 + 1))[:size]


@pytest.mark.parametrize("machine", device_guest.MACHINES)
def test_every_byte_goes_out_in_order_until_the_end(image, talk, machine):
    console = [*device(machine, "serial", id="s"), "-device", "virtconsole,chardev=c"]
    assert talk(image, machine, ["print 1000003"], b"", *console) == lines(1000003)


@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_what_is_typed_ahead_arrives_whole(image, talk, machine):
    typed = b"".join(b"%d\n" % number for number in range(4000))
    console = [*device(machine, "serial", id="s"), "-device", "virtconsole,chardev=c"]
    steps = ["sleep 300", f"repeat {len(typed)}"]
    assert talk(image, machine, steps, typed, *console) == typed


def test_without_the_device_the_serial_port_says_so(image, talk):
    out = talk(image, "microvm", ["print 128"], b"", "-device", "isa-serial,chardev=c")
    assert out == b"rumpkit: there is no virtio console; the serial port is used\n" + lines(128)
