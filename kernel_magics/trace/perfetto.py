"""A recording as a Perfetto trace: protobuf messages of TrackEvents, written here.

Source: the published protos/perfetto/trace/trace_packet.proto, track_event/*.proto and
interned_data/interned_data.proto; protobuf's wire format.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from kernel_magics.trace.views.nesting import nested

if TYPE_CHECKING:
    from kernel_magics.trace.recording import Recording

__all__ = ["write_perfetto"]

_PROCESS, _SEQUENCE_ID = 1, 1
_PROCESS_TRACK, _CPU_TRACK, _CONSOLE_TRACK, _PACKET_TRACK, _FIRST_THREAD = 1, 2, 3, 4, 16
_FIRST_PROCESS = 1 << 33  # (above the numbers of threads)
_BEGIN, _END, _INSTANT = 1, 2, 3
_STATE_CLEARED, _STATE_NEEDED = 1, 2
# Field numbers: trace_packet.proto …
_PACKET, _TIMESTAMP, _SEQUENCE, _EVENT, _INTERNED, _FLAGS, _DESCRIPTOR = 1, 8, 10, 11, 12, 13, 60
# … track_event.proto, track_descriptor.proto, debug_annotation.proto.
_ANNOTATION, _TYPE, _NAME_IID, _TRACK, _FLOW, _NAME = 4, 9, 10, 11, 47, 23
_MOST_ANNOTATED = 200_000
_BEFORE_ALL = -(1 << 62)  # at one time, who has the processor comes before what it does


def write_perfetto(recording: "Recording", stream: BinaryIO) -> int:
    """Write a recording for ui.perfetto.dev and trace_processor; return how many events.

    A track for each thread, with its calls within each other and, up to 200 000 rows, their
    decoded arguments; a track of who has the processor; console lines and packets.  Wakeups
    are flows from waker to woken.
    """
    table = nested(recording.df)
    names = sorted(set(table["event"].astype(str)))
    iids = {name: number for number, name in enumerate(names, 1)}
    for packet in _descriptors(recording, table):
        stream.write(packet)
    interned = b"".join(_bytes(2, _number(1, iid) + _text(2, name)) for name, iid in iids.items())
    stream.write(_packet(_number(_FLAGS, _STATE_CLEARED) + _bytes(_INTERNED, interned)))
    count = 0
    for time_ns, _, event in sorted(_events(recording, table, iids), key=lambda one: one[:2]):
        stream.write(_packet(_number(_TIMESTAMP, time_ns) + _number(_FLAGS, _STATE_NEEDED)
                             + _bytes(_EVENT, event)))
        count += 1
    return count


Event = tuple[int, int, bytes]  # time, order at one time, a TrackEvent


def _events(recording: "Recording", table, iids: dict[str, int]) -> Iterator[Event]:
    yield from _calls(recording, table, iids)
    yield from _processor(recording)
    for line in recording.console.itertuples():
        yield int(line.time_ns), int(line.sequence), _event(
            _INSTANT, _CONSOLE_TRACK, _text(_NAME, str(line.text)))
    for packet in recording.packets.itertuples():
        told = f"{packet.direction} {packet.protocol} {packet.info}".strip()
        yield int(packet.time_ns), int(packet.sequence), _event(
            _INSTANT, _PACKET_TRACK, _text(_NAME, told))


def _calls(recording: "Recording", table, iids: dict[str, int]) -> Iterator[Event]:
    annotate = len(table) <= _MOST_ANNOTATED
    flows = _wakeup_flows(table)
    for row in table.itertuples():
        event, sequence, time_ns = str(row.event), int(row.sequence), max(int(row.time_ns), 0)
        track = _FIRST_THREAD + int(row.thread)
        extra = _number(_NAME_IID, iids[event])
        if annotate:
            extra += b"".join(_bytes(_ANNOTATION, _text(10, name) + _text(6, text))
                              for name, text in recording.decoder.arguments(row))
        if sequence in flows:
            extra += _fixed64(_FLOW, flows[sequence])
        if row.kind == "call":
            result = recording.decoder.result(row) if annotate else ""
            if result:
                extra += _bytes(_ANNOTATION, _text(10, "result") + _text(6, result))
            yield time_ns, sequence, _event(_BEGIN, track, extra)
            yield time_ns + max(int(row.duration_ns), 0), int(row.exit_sequence), _event(
                _END, track)
        else:
            yield time_ns, sequence, _event(_INSTANT, track, extra)


def _wakeup_flows(table) -> dict[int, int]:
    """Number the flows: from a wakeup to the switch by which its thread runs again."""
    flows: dict[int, int] = {}
    waiting: dict[int, int] = {}
    for row in table[table["event"].isin(["wakeup", "switch"])].itertuples():
        if row.event == "wakeup":
            waiting[int(row.a0)] = int(row.sequence)
        elif (woken := waiting.pop(int(row.a1), None)) is not None:
            flows[woken] = flows[int(row.sequence)] = woken
    return flows


def _processor(recording: "Recording") -> Iterator[Event]:
    if not (recording.df["event"] == "switch").any():
        return
    for number, row in enumerate(recording.slices.itertuples(), _BEFORE_ALL):
        if not int(row.thread):
            continue
        name = recording.threads.get(int(row.thread), f"thread {row.thread}")
        yield int(row.time_ns), 2 * number, _event(_BEGIN, _CPU_TRACK, _text(_NAME, name))
        yield int(row.time_ns + row.duration_ns), 2 * number + 1, _event(_END, _CPU_TRACK)


def _descriptors(recording: "Recording", table) -> Iterator[bytes]:
    process = _number(1, _PROCESS) + _text(6, recording.name)
    yield _described(_PROCESS_TRACK, _bytes(3, process))
    for track, name in ((_CPU_TRACK, "processor"), (_CONSOLE_TRACK, "console"),
                        (_PACKET_TRACK, "network")):
        yield _described(track, _text(2, name) + _number(5, _PROCESS_TRACK))
    processes = recording.processes
    for number in processes:
        named = _number(1, _PROCESS + number) + _text(6, processes.title(number))
        yield _described(_FIRST_PROCESS + number, _bytes(3, named))
    for number in sorted(set(table["thread"].tolist())):
        name = recording.threads.get(number, f"thread {number}") if number else "idle"
        of = _PROCESS + processes.threads.get(number, 0)
        thread = _number(1, of) + _number(2, number + 1) + _text(5, name)
        yield _described(_FIRST_THREAD + number, _bytes(4, thread))


def _described(uuid: int, fields: bytes) -> bytes:
    return _packet(_bytes(_DESCRIPTOR, _number(1, uuid) + fields))


def _event(kind: int, track: int, fields: bytes = b"") -> bytes:
    return _number(_TYPE, kind) + _number(_TRACK, track) + fields


def _packet(fields: bytes) -> bytes:
    return _bytes(_PACKET, fields + _number(_SEQUENCE, _SEQUENCE_ID))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _fixed64(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + value.to_bytes(8, "little")


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode("utf-8", "replace"))
