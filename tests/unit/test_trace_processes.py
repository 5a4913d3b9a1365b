"""Processes of a trace: from the facts a guest writes, and from what the lab saw of it."""

import struct

import numpy as np
import pytest
from trace_rows import Guest

from kernel_magics.boot import abi
from kernel_magics.errors import TraceError
from kernel_magics.trace.calls.processes import MappedCode, ProcessesSeen, TraceProcesses
from kernel_magics.trace.recording import Recording
from kernel_magics.trace.records.events import FACT
from kernel_magics.widgets.trace.tracks import lay_out

LIBC, SHELL = "/lib/libc.so.6", "/bin/sh"


class Telling(Guest):
    """A guest that also writes facts."""

    def fact(self, event: abi.Event, *words: int, text: str = "") -> int:
        data = text.encode()
        first = len(self.rows) + 1
        parts = [struct.pack("<4Q", *words) + bytes(8)]
        parts += [data[at:at + 40].ljust(40, b"\0") for at in range(0, len(data), 40)]
        for number, part in enumerate(parts):
            self.rows.append([len(self.rows) + 1, self.now, int(event) | FACT << 16
                              | number << 24 | 1 << 32, *struct.unpack("<5Q", part)])
        return first

    def program(self, thread: int, process: int, name: str, *code: tuple) -> int:
        first = self.fact(abi.Event.PROCESS, thread, process, 0, abi.ProcessFact.PROGRAM,
                          text=name)
        for start, path in code:
            self.mapped(process, start, path)
        return first

    def mapped(self, process: int, start: int, path: str) -> int:
        return self.fact(abi.Event.MAPPED, process, start, start + 0x1000, 0, text=path)

    def forked(self, thread: int, process: int, parent: int) -> int:
        return self.fact(abi.Event.PROCESS, thread, process, parent, abi.ProcessFact.FORKED,
                         text="sh")


def code(start, path):
    return MappedCode(start, start + 0x1000, 0, path)


def test_each_event_has_the_process_of_its_thread():
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    guest.call("write", 1, thread=2, result=1)
    guest.forked(3, 3, 1)
    guest.call("write", 1, thread=3, result=1)
    guest.switch(3, 0)
    guest.instant("interrupt", 62, thread=0)
    guest.call("rumpuser_malloc", 1, thread=9)
    recording = guest.recording()
    assert recording.df["process"].tolist() == [1, 3, 3, 0, 0]
    assert recording.df["process"].dtype == np.uint32 and recording.df.columns[-1] == "process"
    assert list(recording.processes) == [1, 3]
    assert [recording.processes.title(pid) for pid in (0, 1, 3)] == [
        "the runtime", "sh (1)", "sh (3)"]
    assert recording.choose("process:3")["event"].tolist() == ["write", "switch"]
    assert len(recording.choose("process:s?")) == 3 and len(recording.choose("-process:sh")) == 2


def test_code_is_that_of_the_moment():
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    before = guest.call("write", 1, thread=2)
    guest.mapped(1, 0x7000_0000, LIBC)
    guest.forked(3, 3, 1)
    forked = guest.call("write", 1, thread=3)
    long = "/a/path/that/is/longer/than/one/record/has/room/for/in/its/five/words/of/text"
    guest.program(3, 3, "other", (0x7000_0000, long))
    after = guest.call("write", 1, thread=3)
    found = guest.recording().processes
    assert found.code(1, before) == (code(0x40_0000, SHELL),)
    assert found.code(3, forked) == found.code(1) == (code(0x40_0000, SHELL),
                                                      code(0x7000_0000, LIBC))
    assert found.code(3, after) == (code(0x7000_0000, long),)
    assert found.code(1, 0) == () and found.code(77) == ()
    assert found.names == {1: "sh", 3: "other"} and found.parents[3][0] == 1


def test_a_later_mapping_lies_over_an_earlier():
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    guest.mapped(1, 0x40_0800, LIBC)
    assert guest.recording().processes.code(1) == (code(0x40_0800, LIBC),)


def test_what_the_lab_saw_completes_the_facts():
    seen = ProcessesSeen({2: 1, 5: 4}, {1: "late", 4: "redis"}, {1: (code(0x40_0000, SHELL),
                                                                  code(0x7000_0000, LIBC)),
                                                              4: (code(0x50_0000, SHELL),)})
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    guest.call("write", 1, thread=5)
    recording = guest.recording(after=seen)
    assert recording.df["process"].tolist() == [4]
    assert recording.processes.names == {1: "sh", 4: "redis"}
    assert recording.processes.code(1) == seen.code[1]
    assert recording.processes.code(4, 1) == seen.code[4]
    assert guest.recording(before=seen).processes.names == {1: "sh", 4: "redis"}


def test_torn_and_hostile_facts_are_left_out():
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    rows = np.array(guest.rows, "<u8")
    assert TraceProcesses(rows[1:]).code(1) == (code(0x40_0000, SHELL),)  # its begin is lost
    assert TraceProcesses(rows[[0, 2, 3]]).names == {1: ""}
    random = np.random.default_rng(1)
    for _ in range(50):
        noise = random.integers(0, 1 << 63, (200, 8), np.uint64)
        noise[:, 2] = FACT << 16 | 13 + random.integers(0, 2, 200, np.uint64)
        found = TraceProcesses(noise)
        assert len(found.of_threads(np.arange(10, dtype=np.uint32))) == 10
        assert len(list(found)) <= 200
    guest.fact(abi.Event.PROCESS, 6, 6, 6, abi.ProcessFact.FORKED, text="its own parent")
    guest.call("write", 3, thread=6, result=1)
    assert guest.recording().decoded().tolist()[0].startswith("write(fd=3,")


def test_descriptors_are_those_of_the_process():
    guest = Telling()
    guest.program(2, 1, "sh")
    guest.call("openat", 0, 0x1000, 0, 0, result=3, thread=2, given=(1, b"/before"))
    guest.forked(4, 4, 1)
    guest.call("openat", 0, 0x1000, 0, 0, result=5, thread=2, given=(1, b"/parent"))
    guest.call("openat", 0, 0x1000, 0, 0, result=5, thread=4, given=(1, b"/child"))
    guest.call("close", 3, thread=2)
    for thread in (2, 4):
        guest.call("read", 3, 0, 1, thread=thread, result=0)
        guest.call("read", 5, 0, 1, thread=thread, result=0)
    assert [text.split(",")[0] for text in guest.recording().decoded().tolist()[-4:]] == [
        "read(fd=3", "read(fd=5</parent>", "read(fd=3</before>", "read(fd=5</child>"]


def test_a_stored_recording_has_its_processes(tmp_path):
    guest = Telling()
    guest.program(2, 1, "sh", (0x40_0000, SHELL))
    guest.call("write", 1, thread=2)
    seen = ProcessesSeen({5: 4}, {4: "redis"}, {4: (code(0x50_0000, SHELL),)})
    again = Recording.open(guest.recording(after=seen).save(tmp_path / "run.trace"))
    assert again.df["process"].tolist() == [1]
    assert again.processes.names == {1: "sh", 4: "redis"}
    assert again.processes.code(4) == seen.code[4]


@pytest.mark.parametrize("text", ["[]", "{", '{"threads": 1}',
                                  '{"threads": {}, "names": {}, "code": {"1": [[1]]}}'])
def test_damaged_processes_are_refused(tmp_path, text):
    path = Telling().recording().save(tmp_path / "run.trace")
    with np.load(path) as stored:
        parts = {key: stored[key] for key in stored.files} | {"processes": np.array([text, ""])}
    with path.open("wb") as stream:
        np.savez_compressed(stream, **parts)
    with pytest.raises(TraceError, match="not a trace"):
        Recording.open(path)


def test_tracks_of_a_process_are_together():
    guest = Telling()
    guest.program(2, 1, "sh")
    guest.forked(3, 3, 1)
    guest.fact(abi.Event.PROCESS, 4, 1, 0, abi.ProcessFact.THREAD, text="sh")
    for thread in (2, 3, 4, 9):
        guest.call("write", 1, thread=thread, result=1)
    recording = guest.recording()
    layout = lay_out(recording.df, {2: "main"}, recording)
    assert [(one.thread, one.process) for one in layout.tracks] == [
        (9, ""), (2, "sh (1)"), (4, "sh (1)"), (3, "sh (3)")]
    assert [layout.tracks[number].thread for number in layout.track] == [2, 3, 4, 9]
    alone = recording.choose("process:1")
    assert {one.process for one in lay_out(alone, {}, recording).tracks} == {""}
