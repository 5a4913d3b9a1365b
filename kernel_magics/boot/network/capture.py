"""A guest's network traffic: the pcap file QEMU writes, and its packets as a table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.devices.devices import CAPTURE
from kernel_magics.boot.network.packets import describe
from kernel_magics.errors import GuestError

if TYPE_CHECKING:
    from kernel_magics.boot.guest import Guest

__all__ = ["Pcap"]

HEADER_BYTES = 24      # struct pcap_file_header, pcap-savefile(5)
RECORD_BYTES = 16      # struct pcap_pkthdr there: seconds, microseconds, kept, length
COLUMNS = ("time_ns", "source", "destination", "protocol", "length", "info")


@dataclass(frozen=True)
class Pcap:
    """What a guest booted with capture=True sent and received.

    `path` is a pcap file, complete and readable while the guest runs (tshark -r, tcpdump -r);
    it goes with the guest's folder when the lab is closed.
    """

    guest: "Guest"
    path: Path

    @property
    def df(self) -> Any:
        """Return a DataFrame of the packets: time_ns (Unix time), source, destination (with
        ports), protocol, length in bytes, info."""
        import pandas

        rows = [(time_ns, *_facts(frame, length)) for time_ns, length, frame in self.packets()]
        return pandas.DataFrame(rows, columns=list(COLUMNS)).astype(
            {"time_ns": "int64", "length": "int64"})

    def packets(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (Unix time in ns, length on the wire, Ethernet frame); raises GuestError.

        A packet that QEMU is just writing is left for the next look.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise GuestError(f"the capture of {self.guest.name} is gone: {self.path}",
                             name=self.guest.name, next_step="copy it before the lab is "
                             "closed, or boot it again") from error
        at = HEADER_BYTES
        while at + RECORD_BYTES <= len(data):
            seconds, micro, kept, length = (
                int.from_bytes(data[at + 4 * i:at + 4 * i + 4], "little") for i in range(4))
            frame = data[at + RECORD_BYTES:at + RECORD_BYTES + kept]
            if len(frame) < kept:
                return
            yield (seconds * 1_000_000 + micro) * 1000, length, frame
            at += RECORD_BYTES + kept

    def clear(self) -> None:
        """Forget what was captured; a running guest's capture begins anew."""
        if self.guest.machine.has_ended():
            os.truncate(self.path, min(HEADER_BYTES, self.path.stat().st_size))
            return
        monitor = self.guest.machine.monitor
        for line in (f"object_del {CAPTURE}",
                     f"object_add filter-dump,id={CAPTURE},netdev=net0,file={self.path}"):
            said = monitor(line).strip()
            if said:
                raise GuestError(f"QEMU does not begin the capture anew: {said}",
                                 name=self.guest.name, next_step="boot the guest again")

    def __len__(self) -> int:
        return sum(1 for _ in self.packets())

    def __repr__(self) -> str:
        return f"{len(self)} packets of {self.guest.name} in {self.path}"


def _facts(frame: bytes, length: int) -> tuple[str, str, str, int, str]:
    source, destination, protocol, info = describe(frame)
    return source, destination, protocol, length, info
