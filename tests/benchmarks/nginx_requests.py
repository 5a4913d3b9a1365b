"""HTTP requests from nginx as Debian ships it, a file of its root: against a Linux guest."""

import time
import urllib.error
import urllib.request

from kernel_magics import Lab
from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import BootError

from .http_requests import compare_load
from .measuring import Report
from .peer_devices import Hardware
from .peers import PEER_MIB, running_both
from .workloads import packaged

__all__ = ["run", "first_response_ns"]

_PORT = 80
_PATIENCE_S = 90
# A line for each request would be a byte at a time through the emulated serial port.
_QUIET = {"/etc/nginx/conf.d/quiet.conf": "access_log off;\n"}


def run(quick: bool) -> Report:
    """Measure nginx under many connections that stay."""
    report = Report("nginx_requests", quick)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-net, QEMU's user network;"
                " the same root with nginx in both guests, its own first page, no access log; wrk")
    with Lab(driver="qemu") as lab:
        workload = packaged(lab.package("nginx", name="nginx-quiet", files=_QUIET))
    with running_both(workload, Hardware(ports=[_PORT]), PEER_MIB, ready=None) as both:
        for peer in both:
            first_response_ns(peer.ports[_PORT])
        for connections in (16,) if quick else (1, 32):
            compare_load(report, both, connections, rounds=2 if quick else 10,
                         seconds=1 if quick else 3)
    return report


def first_response_ns(port: int, timeout_s: float = _PATIENCE_S) -> int:
    """Ask for / until a server of 127.0.0.1 answers; return when it has, monotonic ns.

    Raises BootError if it does not in time.  A refused or broken connection is tried
    again after a millisecond.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                answer.read()
            return time.monotonic_ns()
        except (urllib.error.URLError, OSError):
            time.sleep(0.001)
    raise BootError(f"nothing answered at port {port} in {timeout_s:g} s",
                    next_step="boot the image with lab.boot and look at its console")
