"""Recordings in other tools' formats: Perfetto, pcap, Parquet, CSV."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kernel_magics.errors import HostError, TraceError, UsageError

if TYPE_CHECKING:
    from kernel_magics.trace.recording import Recording

__all__ = ["FORMATS", "export"]

_PCAP_MAGIC_NS, _ETHERNET = 0xA1B23C4D, 1
_SNAP_BYTES = 65535
_NS = 1_000_000_000


def export(recording: "Recording", path: str | Path) -> Path:
    """Write a recording to a file, in the format that its suffix says; return the path.

    .pftrace, .perfetto-trace: Perfetto's, for ui.perfetto.dev and trace_processor.  .pcap:
    the recorded frames, for Wireshark and tcpdump, with nanoseconds.  .parquet, .csv:
    the table `df`, names as text.  .trace: what Recording.open reads.  Raises UsageError for
    another suffix, TraceError if there is nothing of the kind, HostError if the file cannot
    be written.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise UsageError(f"no trace is exported to {path.name}",
                         next_step=f"end the name in {', '.join(FORMATS)}")
    try:
        FORMATS[path.suffix](recording, path)
    except OSError as error:
        raise HostError(f"{path} cannot be written: {error.strerror or error}",
                        next_step="choose another place", path=str(path)) from error
    return path


def _perfetto(recording: "Recording", path: Path) -> None:
    from kernel_magics.trace.perfetto import write_perfetto

    with path.open("wb") as stream:
        write_perfetto(recording, stream)


def _pcap(recording: "Recording", path: Path) -> None:
    table = recording.df
    frames = table[table["event"] == "packet"]
    if not len(frames):
        raise TraceError(f"{recording.name} has recorded no packets",
                         next_step='record them whole: trace.start("packet", packet_bytes=2048)')
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", _PCAP_MAGIC_NS, 2, 4, 0, 0, _SNAP_BYTES, _ETHERNET))
        for row in frames.itertuples():
            excerpts = recording.attached.excerpts(int(row.sequence))
            data = excerpts[0].data if excerpts else b""
            seconds, ns = divmod(max(recording.wall_ns + int(row.time_ns), 0), _NS)
            stream.write(struct.pack("<IIII", seconds & 0xFFFF_FFFF, ns, len(data),
                                     max(int(row.a1), len(data)) & 0xFFFF_FFFF) + data)


def _plain(recording: "Recording") -> pd.DataFrame:
    return recording.df.astype({name: "str" for name in ("event", "group", "kind")})


def _parquet(recording: "Recording", path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pandas(_plain(recording), preserve_index=False)
    pyarrow.parquet.write_table(table, path, compression="zstd")


def _csv(recording: "Recording", path: Path) -> None:
    _plain(recording).to_csv(path, index=False)


FORMATS: dict[str, Callable[["Recording", Path], object]] = {
    ".pftrace": _perfetto, ".perfetto-trace": _perfetto, ".pcap": _pcap, ".parquet": _parquet,
    ".csv": _csv, ".trace": lambda recording, path: recording.save(path)}
