"""redis-benchmark against redis-server as Debian ships it: against a Linux guest."""

import csv
import shutil
import subprocess

from kernel_magics import Lab
from kernel_magics.boot.accel import accelerator
from kernel_magics.errors import BootError, HostError

from .measuring import Report, interleave
from .peer_devices import Hardware
from .peers import PEER_MIB, Peer, running_both
from .workloads import packaged

__all__ = ["run"]

_PORT = 6379
_CLIENTS = 16


def run(quick: bool) -> Report:
    """Measure GET and SET, one request at a time from each client, and 16 in flight."""
    report = Report("redis_requests", quick)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-net, QEMU's user network;"
                f" the same root in both guests; redis-benchmark with {_CLIENTS} clients")
    with Lab(driver="qemu") as lab:
        workload = packaged(lab.package("redis-server"))
    with running_both(workload, Hardware(ports=[_PORT]), PEER_MIB,
                      ready="Ready to accept connections") as both:
        for pipeline in (1, 16):
            for test in ("GET", "SET"):
                requests = (500 if quick else 20_000) * pipeline
                samples = interleave(
                    2 if quick else 10,
                    rumpkit=lambda t=test, p=pipeline, r=requests: _us(both.rumpkit, t, p, r),
                    linux=lambda t=test, p=pipeline, r=requests: _us(both.linux, t, p, r))
                words = f"{test}, {pipeline} in flight" if pipeline > 1 else test
                mine = report.measure(f"{words}: rumpkit", "µs", samples["rumpkit"])
                peer = report.measure(f"{words}: Linux", "µs", samples["linux"])
                report.ratio(f"{words}: rumpkit / Linux", mine, peer, at_most=0.5)
    return report


def _us(peer: Peer, test: str, pipeline: int, requests: int) -> float:
    """Return the time between two requests, over all clients."""
    if shutil.which("redis-benchmark") is None:
        raise HostError("there is no redis-benchmark",
                        next_step="install it: sudo apt-get install redis-tools")
    done = subprocess.run(
        ["redis-benchmark", "-p", str(peer.ports[_PORT]), "-c", str(_CLIENTS), "-n",
         str(requests), "-P", str(pipeline), "-t", test.lower(), "--csv"],
        capture_output=True, text=True, timeout=300)
    for row in csv.reader(done.stdout.splitlines()):
        if row and row[0].startswith(test) and float(row[1]) > 0:
            return 1e6 / float(row[1])
    raise BootError(f"redis-benchmark failed against the {peer.name} guest",
                    log=done.stdout + done.stderr,
                    next_step=f"it said: {(done.stdout + done.stderr)[-500:]}")
