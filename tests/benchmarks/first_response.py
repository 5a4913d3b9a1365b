"""From QEMU's exec to the first HTTP response of nginx and of PHP's own web server."""

import tempfile
import time
from pathlib import Path

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator

from .measuring import Report, interleave
from .nginx_requests import first_response_ns
from .peer_devices import Hardware
from .peers import running
from .workloads import Side, Workload, packaged, sides

__all__ = ["run"]

_PORT = 80
# Linux unpacks its root into RAM, beside the archive.
_MIB = {"rumpkit": 256, "Linux": 512}
_PHP = ["php", "-S", f"0.0.0.0:{_PORT}", "-t", "/srv"]


def run(quick: bool) -> Report:
    """Measure both programs in both guests, each started anew in every round."""
    report = Report("first_response", quick)
    report.note(f"{accelerator().name}, microvm, virtio-net, QEMU's user network; rumpkit"
                f" {_MIB['rumpkit']} MiB, Linux {_MIB['Linux']} MiB: it copies its root into RAM")
    with Lab(driver="qemu") as lab:
        images = {"nginx": lab.package("nginx"),
                  "php": lab.package("php8.2-cli", name="php-server", argv=_PHP,
                                     files={"/srv/index.php": "<?php echo PHP_VERSION;"})}
    for name, image in images.items():
        _compare(report, name, packaged(image), 1 if quick else 8)
    return report


def _compare(report: Report, name: str, workload: Workload, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine, peer = sides(workload, Hardware(ports=[_PORT]), Path(folder))
        samples = interleave(rounds, rumpkit=lambda: _start_ms(mine, Path(folder)),
                             linux=lambda: _start_ms(peer, Path(folder)))
    fast = report.measure(f"{name}, exec → first response: rumpkit", "ms", samples["rumpkit"])
    slow = report.measure(f"{name}, exec → first response: Linux", "ms", samples["linux"])
    report.ratio(f"{name}: rumpkit / Linux", fast, slow, at_most=1)


def _start_ms(side: Side, folder: Path) -> float:
    begun_ns = time.monotonic_ns()
    with running(side, folder, _MIB[side.name], ready=None) as peer:
        return (first_response_ns(peer.ports[_PORT]) - begun_ns) / 1e6
