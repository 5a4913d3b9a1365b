"""redis-benchmark against redis-server as Debian ships it: against a Linux guest.

With many requests in flight the processor time says more than the time: redis's own work is
then half of it, which is the same in both guests.
"""

import csv
import shutil
import subprocess
from functools import partial

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
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
                cpu_us: dict[str, list[float]] = {peer.name: [] for peer in both}
                samples = interleave(2 if quick else 10, **{
                    peer.name: partial(_us, peer, test, pipeline, requests, cpu_us[peer.name])
                    for peer in both})
                words = f"{test}, {pipeline} in flight" if pipeline > 1 else test
                _compare(report, words, samples, 0.5)
                _compare(report, f"{words}, processor", {
                    name: found[1:] for name, found in cpu_us.items()}, None)
    return report


def _compare(report: Report, words: str, samples: dict[str, list[float]],
             at_most: float | None) -> None:
    mine = report.measure(f"{words}: rumpkit", "µs", samples["rumpkit"])
    peer = report.measure(f"{words}: Linux", "µs", samples["Linux"])
    report.ratio(f"{words}: rumpkit / Linux", mine, peer, at_most=at_most)


def _us(peer: Peer, test: str, pipeline: int, requests: int, cpu_us: list[float]) -> float:
    """Return the time between two requests, over all clients; note the processor time of
    the guest's QEMU for one.
    """
    if shutil.which("redis-benchmark") is None:
        raise HostError("there is no redis-benchmark",
                        next_step="install it: sudo apt-get install redis-tools")
    before_ns = peer.cpu_ns()
    done = subprocess.run(
        ["redis-benchmark", "-p", str(peer.ports[_PORT]), "-c", str(_CLIENTS), "-n",
         str(requests), "-P", str(pipeline), "-t", test.lower(), "--csv"],
        capture_output=True, text=True, timeout=300)
    cpu_us.append((peer.cpu_ns() - before_ns) / requests / 1e3)
    for row in csv.reader(done.stdout.splitlines()):
        if row and row[0].startswith(test) and float(row[1]) > 0:
            return 1e6 / float(row[1])
    raise BootError(f"redis-benchmark failed against the {peer.name} guest",
                    log=done.stdout + done.stderr,
                    next_step=f"it said: {(done.stdout + done.stderr)[-500:]}")
