"""Operations of a kernel, in nanoseconds each, in both guests by turns."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from kernel_magics.boot.hypervisor.accel import accelerator
from kernel_magics.errors import BootError

from .measuring import Report, interleave
from .peers import PEER_MIB, Peer, Peers, peers

__all__ = ["Operation", "compare", "BLOB_BYTES"]

AIM = 0.5
BLOB_BYTES = 1 << 20
_BATCHES = 5


@dataclass(frozen=True, slots=True)
class Operation:
    """What is measured: in words, how many make one batch, and the ratio that is aimed at."""

    words: str
    count: int
    aim: float | None = AIM


def compare(name: str, quick: bool, operations: Mapping[str, Operation]) -> Report:
    """Measure each operation of programs/operations in a rumpkit and in a Linux guest."""
    report = Report(name, quick)
    report.note(f"{accelerator().name}, microvm, {PEER_MIB} MiB; the same static program in both"
                f" guests; ns an operation by the guest's clock, the fastest of {_BATCHES} batches")
    with peers("operations", files={"data/blob": bytes(BLOB_BYTES)}) as both, \
            _clocks_checked(both):
        for key, operation in operations.items():
            _compare(report, both, key, operation, 3 if quick else 20)
    return report


def _compare(report: Report, both: Peers, key: str, operation: Operation, rounds: int) -> None:
    samples = interleave(rounds,
                         rumpkit=lambda: _operation_ns(both.rumpkit, key, operation.count),
                         linux=lambda: _operation_ns(both.linux, key, operation.count))
    mine = report.measure(f"{operation.words}: rumpkit", "ns", samples["rumpkit"])
    peer = report.measure(f"{operation.words}: Linux", "ns", samples["linux"])
    report.ratio(f"{operation.words}: rumpkit / Linux", mine, peer, at_most=operation.aim)


def _operation_ns(peer: Peer, key: str, count: int) -> float:
    taken_ns, _ = _ask(peer, key, _BATCHES, count)
    if taken_ns <= 0:
        raise BootError(f"{key} failed in the {peer.name} guest: {taken_ns}",
                        next_step="run programs/operations there by hand")
    return taken_ns / count


def _ask(peer: Peer, key: str, batches: int, count: int) -> tuple[int, int]:
    """Return the fastest batch's time and what the guest's clock shows after it, in ns."""
    peer.send(f"{key} {batches} {count}")
    found = peer.expect(rf"{key}: {count} operations took (-?\d+) ns, the clock shows (\d+) ns",
                        timeout_s=120)
    return int(found[1]), int(found[2])


@contextmanager
def _clocks_checked(both: Peers) -> Iterator[None]:
    """Raise BootError if a guest's clock did not keep the host's time meanwhile."""
    begun = [(peer, time.monotonic_ns(), _ask(peer, "compute", 1, 1)[1]) for peer in both]
    yield
    for peer, host_ns, guest_ns in begun:
        passed = (_ask(peer, "compute", 1, 1)[1] - guest_ns) / (time.monotonic_ns() - host_ns)
        if not 0.95 < passed < 1.05:
            raise BootError(f"the clock of the {peer.name} guest runs {passed:.2f} times as fast"
                            " as the host's", next_step="look at the tsc_hz that it was given")
