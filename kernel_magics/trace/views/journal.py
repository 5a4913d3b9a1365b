"""Everything on one time axis: calls, console lines, packets, requests to devices."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from kernel_magics.trace.recording import Recording

__all__ = ["console_lines", "journal", "packet_table"]

_CONSOLE = "rumpcomp_console_write"
_PACKET_COLUMNS = ("time_ns", "direction", "source", "destination", "protocol", "length", "info",
                   "kept_bytes", "thread", "sequence")


def console_lines(recording: "Recording") -> pd.DataFrame:
    """Return a row for each line the guest wrote: time_ns (of its first byte), thread, text,
    sequence of the call that wrote that.  Of each write at most 256 bytes are recorded;
    where there was more the text has an ellipsis."""
    table = recording.df
    rows: list[tuple[int, int, str, int]] = []
    begun: tuple[int, int, int] | None = None
    text = ""
    for row in table[table["event"] == _CONSOLE].itertuples():
        for excerpt in recording.attached.excerpts(int(row.sequence)):
            begun = begun or (int(row.time_ns), int(row.thread), int(row.sequence))
            text += excerpt.data.decode("utf-8", "replace")
            text += "…" if excerpt.total_bytes > len(excerpt.data) else ""
            *lines, text = text.split("\n")
            for line in lines:
                rows.append((begun[0], begun[1], line.rstrip("\r"), begun[2]))
                begun = int(row.time_ns), int(row.thread), int(row.sequence)
            begun = begun if text else None
    if text and begun:
        rows.append((begun[0], begun[1], text, begun[2]))
    return pd.DataFrame(rows, columns=["time_ns", "thread", "text", "sequence"])


def packet_table(recording: "Recording") -> pd.DataFrame:
    """Return a row for each recorded frame: time_ns, direction ("sent", "received"), source,
    destination, protocol, length, info as in Pcap.df, kept_bytes (of the frame), thread,
    sequence.  Recorded with the event "packet"; packet_bytes says how much of each."""
    from kernel_magics.boot.network.packets import describe

    table = recording.df
    rows = []
    for row in table[table["event"] == "packet"].itertuples():
        excerpts = recording.attached.excerpts(int(row.sequence))
        data = excerpts[0].data if excerpts else b""
        source, destination, protocol, info = describe(data)
        rows.append((int(row.time_ns), "sent" if int(row.a0) else "received", source, destination,
                     protocol, int(row.a1), info, len(data), int(row.thread), int(row.sequence)))
    return pd.DataFrame(rows, columns=list(_PACKET_COLUMNS))


def journal(recording: "Recording", table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return events, console lines and packets as one table in the order of time.

    table: the events that are wanted, rows of recording.df; by default all.  Columns:
    time_ns, source ("call", "runtime", "console", "packet", "request"), thread, depth (how
    many calls of the thread were open), text, duration_ns, sequence.
    """
    from kernel_magics.trace.views.nesting import nested, request_table

    whole = nested(recording.df)
    chosen = whole if table is None else whole.loc[table.index]
    chosen = chosen[~chosen["event"].isin(["packet", "request", "request_done"])]
    texts = [recording.decoder.text(row) for row in chosen.itertuples()]
    parts = [pd.DataFrame({
        "time_ns": chosen["time_ns"].to_numpy(),
        "source": ["runtime" if group == "runtime" else "call" for group in chosen["group"]],
        "thread": chosen["thread"].to_numpy(), "depth": chosen["depth"].to_numpy(),
        "text": texts, "duration_ns": chosen["duration_ns"].array,
        "sequence": chosen["sequence"].to_numpy()})]
    lines, packets = console_lines(recording), packet_table(recording)
    requests = request_table(whole)
    parts.append(_part(lines, "console", lines["text"].tolist()))
    parts.append(_part(packets, "packet", [
        f"{row.direction} {row.source} → {row.destination} {row.protocol} {row.info}".strip()
        for row in packets.itertuples()]))
    parts.append(_part(requests, "request", [f"{row.device}, {row.bytes} bytes"
                                             for row in requests.itertuples()]))
    depths = dict(zip(whole["sequence"].tolist(), whole["depth"].tolist(), strict=True))
    joined = pd.concat([part for part in parts if len(part)] or parts[:1])
    joined["depth"] = [depth if depth >= 0 else depths.get(sequence, 0) for depth, sequence
                       in zip(joined["depth"].tolist(), joined["sequence"].tolist(), strict=True)]
    return joined.sort_values(["time_ns", "sequence"], kind="stable").reset_index(drop=True)


def _part(table: pd.DataFrame, source: str, texts: list[str]) -> pd.DataFrame:
    took = table["latency_ns"].array if "latency_ns" in table else \
        pd.array([pd.NA] * len(table), "Int64")
    return pd.DataFrame({
        "time_ns": table["time_ns"].to_numpy(), "source": source,
        "thread": table["thread"].to_numpy(), "depth": -1, "text": texts, "duration_ns": took,
        "sequence": table["sequence"].to_numpy()})
