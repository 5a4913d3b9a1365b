"""TCP over a cable that loses, doubles, reorders and damages frames: every byte arrives."""

import json
import subprocess
from pathlib import Path

import pytest
from capabilities import need
from faulty_link import Faults, FaultyLink

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.commandline import EXIT_DEVICE

pytestmark = [pytest.mark.guest, pytest.mark.slow]

TESTS = Path(__file__).parents[1]
SERVER = TESTS / "benchmarks" / "programs" / "bulk_server" / "bulk.c"
CLIENT = TESTS / "guest" / "net_programs" / "bulk_client.c"
SIZE_BYTES = 1 << 20
TIMEOUT_S = 120
FAULTS = {
    "lost": Faults(lost=0.02),
    "doubled": Faults(doubled=0.2),
    "reordered": Faults(late=0.2),
    "damaged": Faults(damaged=0.02),
    "all": Faults(lost=0.01, doubled=0.05, late=0.1, damaged=0.01),
}


def start(image: Path, argv: list[str], number: int, netdev: str) -> subprocess.Popen:
    """Start a guest as 10.9.0.`number` at one end of the cable."""
    config = {"rc": [{"bin": argv[0], "argv": argv}],
              "net": {"if": "vioif0", "type": "inet", "method": "static",
                      "addr": f"10.9.0.{number}", "mask": "24"}}
    return subprocess.Popen(
        ["qemu-system-x86_64", "-M", "microvm,rtc=on,acpi=off", "-accel", "tcg", "-cpu", "max",
         "-m", "32", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
         "-serial", "stdio", "-device", EXIT_DEVICE, "-netdev", netdev,
         "-device", f"virtio-net-device,netdev=cable,mac=52:54:00:00:00:0{number}",
         "-kernel", image, "-append", json.dumps(config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", FAULTS)
def test_every_byte_arrives_both_ways(lab: Lab, tmp_path: Path, name: str) -> None:
    need("qemu", "compiler")
    images = [lab.build(path.read_text(), name=path.stem).path for path in (SERVER, CLIENT)]
    link = FaultyLink(tmp_path, FAULTS[name], seed=1)
    server = start(images[0], ["bulk", "5000"], 1, link.netdevs[0])
    client = None
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        client = start(images[1], ["bulk_client", "10.9.0.1", "5000", str(SIZE_BYTES)], 2,
                       link.netdevs[1])
        said, _ = client.communicate(timeout=TIMEOUT_S)
        assert said == "take: the same\nsend: the same\n"
        assert server.poll() is None
    finally:
        for guest in (server, client):
            if guest:
                guest.kill()
                guest.communicate()
        link.close()
    for fault in ("lost", "doubled", "late", "damaged"):
        assert not getattr(FAULTS[name], fault) or getattr(link.counts, fault) > 0
