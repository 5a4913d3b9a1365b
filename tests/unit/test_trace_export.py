"""Traces in other tools' formats, read back with those tools' own readers."""

import contextlib
import io

import dpkt
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages
from trace_rows import Guest

from kernel_magics.errors import HostError, TraceError, UsageError
from kernel_magics.trace.recording import Recording

FRAME = bytes.fromhex("ffffffffffff525400123456080600010800060400015254001234560a00020f000000000000"
                      "0a000202")


@pytest.fixture
def recording() -> Recording:
    guest = Guest()
    guest.thread(2, "worker")
    guest.enter("openat", 2**64 - 100, 0x1000, 0)
    guest.data("openat", 1, b"/etc/passwd")
    guest.after(10).call("rumpuser_malloc", 100, took=20)
    guest.after(10).exit("openat", -2)
    guest.after(5).instant("wakeup", 2, 0x10, 0)
    guest.after(100).switch(1, 2)
    guest.enter("read", 3, thread=2)
    guest.call("rumpcomp_console_write", 0, 3, given=(0, b"hi\n"), thread=2)
    guest.instant("packet", 1, len(FRAME), 0x9)
    guest.data("packet", 0, FRAME)
    return guest.recording(name="traced", threads={1: "main"}, wall_ns=1_700_000_000 * 10**9)


def parsed(recording: Recording, path) -> messages.Trace:
    trace = messages.Trace()
    trace.ParseFromString(recording.export(path).read_bytes())
    return trace


def test_perfetto_reads_the_messages(recording, tmp_path):
    trace = parsed(recording, tmp_path / "x.pftrace")
    tracks = {packet.track_descriptor.uuid: packet.track_descriptor for packet in trace.packet
              if packet.HasField("track_descriptor")}
    threads = {track.thread.thread_name: uuid for uuid, track in tracks.items()
               if track.HasField("thread")}
    assert set(threads) == {"main", "worker"}
    assert tracks[1].process.process_name == "traced"
    names = {name.iid: name.name for packet in trace.packet
             for name in packet.interned_data.event_names}
    events = [(packet.timestamp, packet.track_event) for packet in trace.packet
              if packet.HasField("track_event")]
    assert [time for time, _ in events] == sorted(time for time, _ in events)
    main = [(time, event.type, names.get(event.name_iid, "")) for time, event in events
            if event.track_uuid == threads["main"]]
    begin, end, instant = 1, 2, 3
    assert main[:5] == [(0, instant, "thread"), (0, begin, "openat"),
                        (10, begin, "rumpuser_malloc"), (30, end, ""), (41, end, "")]
    opened = next(event for _, event in events if names.get(event.name_iid) == "openat")
    told = {note.name: note.string_value for note in opened.debug_annotations}
    assert told == {"dirfd": "AT_FDCWD", "pathname": '"/etc/passwd"', "flags": "O_RDONLY",
                    "result": "-1 ENOENT"}


def test_perfetto_shows_the_processor_the_console_packets_and_wakeups(recording, tmp_path):
    trace = parsed(recording, tmp_path / "x.perfetto-trace")
    tracks = {packet.track_descriptor.name: packet.track_descriptor.uuid for packet in trace.packet
              if packet.HasField("track_descriptor")}
    events = [packet.track_event for packet in trace.packet if packet.HasField("track_event")]

    def on(track: str) -> list[str]:
        return [event.name for event in events if event.track_uuid == tracks[track] and event.name]

    assert on("processor") == ["main", "worker"]
    assert on("console") == ["hi"]
    assert on("network") == ["sent ARP who has 10.0.2.2 tell 10.0.2.15"]
    flows = [list(event.flow_ids) for event in events if event.flow_ids]
    assert len(flows) == 2 and flows[0] == flows[1]


def test_begin_and_end_balance_on_every_track(tmp_path):
    random = np.random.default_rng(5)
    guest = Guest()
    for _ in range(500):
        guest.after(int(random.integers(3))).record(
            ("read", "switch", "rumpuser_free")[random.integers(3)], int(random.integers(1, 4)),
            int(random.integers(0, 3)), (int(random.integers(0, 3)), int(random.integers(0, 3))))
    trace = parsed(guest.recording(), tmp_path / "x.pftrace")
    depth: dict[int, int] = {}
    for packet in trace.packet:
        event = packet.track_event
        if packet.HasField("track_event") and event.type in (1, 2):
            depth[event.track_uuid] = depth.get(event.track_uuid, 0) + (3 - 2 * event.type)
            assert depth[event.track_uuid] >= 0
    assert not any(depth.values())


def test_frames_are_a_pcap(recording, tmp_path):
    data = recording.export(tmp_path / "x.pcap").read_bytes()
    (time_s, frame), = dpkt.pcap.Reader(io.BytesIO(data))
    assert frame == FRAME
    assert float(time_s) == pytest.approx(1_700_000_000, abs=1e-3)
    arp = dpkt.ethernet.Ethernet(frame).data
    assert isinstance(arp, dpkt.arp.ARP)


def test_a_trace_without_frames_is_no_pcap(tmp_path):
    with pytest.raises(TraceError, match="no packets"):
        Guest().recording().export(tmp_path / "x.pcap")


def test_tables_come_back_as_they_were(recording, tmp_path):
    expected = recording.df.astype({name: "str" for name in ("event", "group", "kind")})
    stored = pyarrow.parquet.read_table(recording.export(tmp_path / "x.parquet")).to_pandas()
    assert stored["sequence"].tolist() == expected["sequence"].tolist()
    assert stored["event"].tolist() == expected["event"].tolist()
    text = pd.read_csv(recording.export(tmp_path / "x.csv"), dtype={"a0": "uint64"})
    assert text["a0"].tolist() == expected["a0"].tolist()
    assert list(text.columns) == list(expected.columns)


def test_a_recording_is_the_same_when_it_is_opened_again(recording, tmp_path):
    again = Recording.open(recording.export(tmp_path / "x.trace"))
    pd.testing.assert_frame_equal(again.df, recording.df)
    assert again.decoded().tolist() == recording.decoded().tolist()
    assert (again.name, again.threads, again.wall_ns) == \
        (recording.name, recording.threads, recording.wall_ns)


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:100], lambda data: b"PK" + data[2:50],
    lambda data: data.replace(b"rows", b"owrs"), lambda data: b"\x80\x04cos\nsystem\n"])
def test_a_file_that_is_no_recording_is_refused(recording, tmp_path, damage):
    path = recording.export(tmp_path / "x.trace")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TraceError, match="not a trace"):
        Recording.open(path)


@pytest.mark.parametrize("seed", range(15))
def test_damaged_bytes_never_do_more_than_that(recording, tmp_path, seed):
    random = np.random.default_rng(seed)
    path = recording.export(tmp_path / "x.trace")
    data = bytearray(path.read_bytes())
    for at in random.integers(0, len(data), 12):
        data[at] = random.integers(256)
    path.write_bytes(bytes(data))
    with contextlib.suppress(TraceError):
        assert isinstance(repr(Recording.open(path)), str)


def test_what_cannot_be_written_is_said(recording, tmp_path):
    with pytest.raises(UsageError, match=r"x\.doc"):
        recording.export(tmp_path / "x.doc")
    with pytest.raises(HostError, match="cannot be written"):
        recording.export(tmp_path / "nowhere" / "x.csv")
