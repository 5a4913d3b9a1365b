"""A host folder whose server stops answering: an error and a line, never a hang."""

import json
import subprocess

import pytest
from capabilities import need
from device_guest import MACHINES, device

from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE
from kernel_magics.lab import Lab

pytestmark = pytest.mark.guest

PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char block[1 << 20];

static long fill(int file)
{
    long sum = 0, got;

    while ((got = read(file, block, sizeof block)) > 0)
        sum += got;
    return got < 0 ? -errno : sum;
}

int main(void)
{
    int file = open("/notes/large", O_RDONLY);
    long got = fill(file);

    printf("open %d, read %s\n", file >= 0, got < 0 ? strerror((int)-got) : "everything");
    printf("and again: %s\n", strerror((int)-fill(file)));
    file = open("/tmp/own", O_RDWR | O_CREAT, 0600);
    printf("own files work: %zd\n", write(file, "x", 1));
    return 7;
}
"""
LARGE_BYTES = 8 << 20
# So slow that the second second's reply never comes: QEMU's throttling of the server.
BYTES_PER_SECOND = 200_000


def test_a_server_that_stops_answering_is_an_error(tmp_path):
    need("qemu", "compiler")
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "large").write_bytes(b"l" * LARGE_BYTES)
    with Lab(driver="qemu") as lab:
        image = lab.build(PROGRAM, "stalled")
    configuration = {"rc": [{"bin": "stalled", "argv": ["stalled"]}],
                     "blk": {"source": "9p", "path": "t", "fstype": "9p", "mountpoint": "/notes",
                             "options": "timeout=2"}}
    done = subprocess.run(
        ["qemu-system-x86_64", *MACHINES["microvm"], "-accel", "tcg", "-cpu", "max", "-m", "32",
         "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
         "-device", EXIT_DEVICE, *device("microvm", "9p", fsdev="f", mount_tag="t"),
         "-fsdev", f"local,id=f,path={folder},security_model=none,"
                   f"throttling.bps-read={BYTES_PER_SECOND}",
         "-kernel", image.path, "-append", json.dumps(configuration)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert "open 1, read I/O error" in lines, done.stdout
    assert "and again: I/O error" in lines
    assert "own files work: 1" in lines
    assert any(line.startswith("rumpkit:") and "answer" in line for line in lines), lines
    assert done.returncode >> 1 == 7
