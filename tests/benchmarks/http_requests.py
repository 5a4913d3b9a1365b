"""HTTP requests from one guest, on connections that are kept: against a Linux guest."""

from kernel_magics.boot.hypervisor.accel import accelerator

from .load import LoadSample, under_load
from .measuring import Report, interleave
from .peer_devices import Hardware
from .peers import PEER_MIB, Peer, Peers, peers

__all__ = ["run", "compare_load"]

PORT = 80
_BODY_BYTES = 128
_AIM = 0.5  # half the processor time of a request, so twice the requests a second


def run(quick: bool) -> Report:
    """Measure a small C server (epoll, one thread) under one connection and under many."""
    report = Report("http_requests", quick)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB, virtio-net, QEMU's user network;"
                f" the same static server in both guests, {_BODY_BYTES} bytes a page; wrk")
    hardware = Hardware(ports=[PORT])
    with peers("http_server", [str(PORT), str(_BODY_BYTES)], hardware=hardware) as both:
        for connections in (32,) if quick else (1, 32):
            compare_load(report, both, connections, rounds=2 if quick else 10,
                         seconds=1 if quick else 3)
    return report


def compare_load(report: Report, both: Peers, connections: int, rounds: int,
                 seconds: int) -> None:
    """Add requests a second, latencies and processor time of both guests, by turns."""
    taken: dict[str, list[LoadSample]] = {peer.name: [] for peer in both}

    def load(peer: Peer) -> float:
        taken[peer.name].append(under_load(peer.ports[PORT], peer.cpu_ns, connections,
                                           seconds))
        return taken[peer.name][-1].load.per_second

    interleave(rounds, rumpkit=lambda: load(both.rumpkit), linux=lambda: load(both.linux))
    mine, peer = taken["rumpkit"][1:], taken["Linux"][1:]
    words = f"{connections} connections" if connections > 1 else "1 connection"
    for what, unit, value, aim in (
            ("time between requests", "µs", lambda one: 1e6 / one.load.per_second, _AIM),
            ("p50", "µs", lambda one: one.load.p50_us, None),
            ("p99", "µs", lambda one: one.load.p99_us, None),
            ("CPU a request", "µs", lambda one: one.cpu_us, _AIM)):
        over = report.measure(f"{words}, {what}: rumpkit", unit, [value(one) for one in mine])
        under = report.measure(f"{words}, {what}: Linux", unit, [value(one) for one in peer])
        report.ratio(f"{words}, {what}: rumpkit / Linux", over, under, at_most=aim)
    report.measure(f"{words}: rumpkit", "requests/s", [one.load.per_second for one in mine])
    report.measure(f"{words}: Linux", "requests/s", [one.load.per_second for one in peer])
