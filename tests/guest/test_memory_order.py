"""What the runtime stores for a device and what it then reads of it keep their order.

QEMU translates the guest's barriers to nothing where the machine has one processor, and
runs the devices in another thread: a guest and a process of this machine that share a page
see what becomes of that.
"""

import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.hypervisor.calibration import assemble
from kernel_magics.places import images_dir

ORDER = images_dir() / "rumpkit" / "arch" / "x86_64" / "order.S"
HERE = Path(__file__).parent / "ordering"
WORDS = 2048                 # behind the header, see guest.S
FOR_MS = 1000

pytestmark = pytest.mark.guest


def test_one_of_two_sides_always_sees_the_other(lab, tmp_path):
    need("compiler")
    other_side = tmp_path / "other_side"
    subprocess.run(["gcc", "-O2", "-Wall", "-o", other_side, HERE / "other_side.c"], check=True)
    guest = lab.boot(assemble(HERE / "guest.S", ORDER), memory_mib=16)
    try:
        done = subprocess.run(
            [other_side, guest.record.ram, str(guest.record.header_address + WORDS), str(FOR_MS)],
            capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        rounds, neither = map(int, done.stdout.split())
        assert rounds > 0
        assert neither == 0
        assert guest.wait(timeout=60) == 0
    finally:
        guest.stop()
