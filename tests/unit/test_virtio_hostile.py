"""The runtime's virtio drivers against a device that lies, under sanitizers."""

import re
import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.places import images_dir

HERE = Path(__file__).parent / "hostile_device"
DRIVERS = ("bmk/virtio.c", "bmk/virtio_queue.c", "rumpuser/network.c", "rumpuser/network_send.c",
           "rumpuser/network_receive.c", "rumpuser/disk.c", "rumpuser/disk_requests.c",
           "rumpuser/ninep.c")
DEVICES = 100


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """Compile the drivers as they are, with a device in the place of the machine's."""
    need("compiler")
    runtime = images_dir() / "rumpkit"
    program = tmp_path_factory.mktemp("hostile") / "hostile_device"
    folders = ("include", "bmk", "rumpuser", "arch/x86_64")
    subprocess.run(
        ["gcc", "-std=gnu11", "-g", "-O1", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-fno-builtin-printf", "-Wall", "-DLAB_TRACE=0",
         *(f"-I{runtime / folder}" for folder in folders), f"-I{HERE}",
         *(runtime / driver for driver in DRIVERS), *sorted(HERE.glob("*.c")), "-o", program],
        check=True)
    return program


@pytest.mark.parametrize("driver", ["queue", "network", "disk", "9p"])
def test_a_device_that_lies_is_reported_and_harms_nobody(program, driver):
    done = subprocess.run([program, driver, "1", str(DEVICES)], capture_output=True, text=True,
                          env={"ASAN_OPTIONS": "detect_leaks=0"}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    reported = int(re.match(r"(\d+) of", done.stdout)[1])
    assert 0 < reported < DEVICES  # some lied, some did not


def test_neither_side_sleeps_while_the_other_waits(program):
    """The device acts between what the driver stores and what it then reads of the device."""
    done = subprocess.run([program, "order", "0", "2"], capture_output=True, text=True,
                          env={"ASAN_OPTIONS": "detect_leaks=0"}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "0 of 2 devices were reported\n"
