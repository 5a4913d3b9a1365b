"""The trace points for Rumprun's images, run on this machine between two small files in C."""

import subprocess
from pathlib import Path

import pytest
from capabilities import need

from kernel_magics.boot.rumprun.trace import trace_prefix
from kernel_magics.boot.spec import BootSpec
from kernel_magics.places import images_dir
from kernel_magics.trace.facet import boot_trace
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.trace import Trace

HERE = Path(__file__).parent
SOURCES = images_dir() / "rumprun"
INCLUDES = ["-I", str(images_dir() / "rumpkit" / "include"), "-I", str(SOURCES)]
# (replaces functions of an object that is not here)
LEFT_OUT = {"trace_scheduler.c"}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    need("compiler")
    folder = tmp_path_factory.mktemp("baked")
    files = [*sorted(SOURCES.glob("trace*.c")), HERE / "rumprun_host.c", HERE / "rumprun_caller.c"]
    for path in files:
        if path.name not in LEFT_OUT:
            subprocess.run(["gcc", "-c", "-O2", "-g", "-Wall", "-fno-pie", "-fno-strict-aliasing",
                            *INCLUDES, "-o", folder / f"{path.stem}.o", path], check=True)
    objects = sorted(folder.glob("*.o"))
    table = subprocess.run(["nm", "--defined-only", *objects], check=True, capture_output=True,
                           text=True).stdout.split()
    wraps = [f"-Wl,--wrap={word.removeprefix('__wrap_')}" for word in table
             if word.startswith("__wrap_")]
    assert len(wraps) > 60
    subprocess.run(["gcc", "-no-pie", "-o", folder / "host", *objects, *wraps], check=True)
    return folder / "host"


def traced(program, command_line):
    data = subprocess.run([program, command_line], check=True, capture_output=True).stdout
    return Trace(bytearray(data), 0, alive=lambda: False)


def prefix(trace, **more):
    return trace_prefix(BootSpec(**boot_trace(trace, more.pop("records", 1024)), **more), 10**9)


def test_calls_come_with_arguments_results_and_texts(program):
    trace = traced(program, f"/image.elf {prefix('hypercalls')}{{}}")
    table = trace.df
    assert table["event"].astype(str).tolist() == [
        "rumpuser_malloc", "rumpuser_malloc", "rumpuser_getparam", "rumpuser_bio",
        "rumpuser_malloc", "rumpuser_dprintf", "rumpuser_getparam", "rumpuser_thread_exit"]
    assert table["result"].tolist()[:3] == [0, 12, 2]
    assert table["a0"].tolist()[:2] == [64, 8192]
    # The seventh argument came through, or the callback would not have called.
    assert table["a0"].iloc[4] == 104 and table["kind"].tolist() == ["call"] * 7 + ["enter"]
    told = trace.decoded().tolist()
    assert told[1].endswith("= 12 ENOMEM")
    assert 'name="?NAME that is longer than one pa' in told[2]
    assert told[5].startswith('rumpuser_dprintf(format="%d %s')
    assert trace.lost == 0 and trace.hypercalls.loc["rumpuser_malloc", "calls"] == 3


def test_only_what_is_asked_for_is_recorded_and_all_is_counted(program):
    trace = traced(program, f"image {prefix(['rumpuser_getp*', 'switch'])}{{\"rc\":[]}}")
    assert trace.enabled == ["switch", "rumpuser_getparam"]
    assert trace.df["event"].astype(str).tolist() == ["rumpuser_getparam", "switch",
                                                      "rumpuser_getparam"]
    assert trace.hypercalls.loc["rumpuser_malloc", "calls"] == 3


def test_a_switch_says_who_came(program):
    trace = traced(program, f"image {prefix(['switch', 'thread', 'rumpuser_getparam'])}{{}}")
    table = trace.df
    switch = table[table["event"] == "switch"].iloc[0]
    # From the first thread, which is blocked then, to the one that made the next call.
    assert [int(switch[name]) for name in ("a0", "a1", "a2", "thread")] == [1, 2, 2, 1]
    threads = table[table["event"] == "thread"]
    assert threads["a0"].tolist() == [1, 2]
    assert trace.recording.threads == {1: "main", 2: "other"}
    calls = table[table["event"] == "rumpuser_getparam"]
    assert calls["thread"].tolist() == [1, 2]
    assert calls["time_ns"].iloc[0] < switch["time_ns"] < calls["time_ns"].iloc[1]


def test_stacks_are_the_words_from_where_they_are_recorded(program):
    plan = TracePlan("rumpuser_getparam", stacks="rumpuser_getparam", stack_words=32)
    trace = traced(program, f"image {prefix(plan)}{{}}")
    stack = trace.recording.attached.stack(int(trace.df["sequence"].iloc[0]))
    rip, rsp, *_ = stack.registers
    assert len(stack.words) >= 32 and rip and rsp
    # The caller's return address is among them.
    assert int(trace.df["caller"].iloc[0]) in stack.words


@pytest.mark.parametrize("command_line", [
    "", "image", "image {}", "rumplab:", "image rumplab:trace=off {}", "image rumplab:tsc_hz=x {}",
    "image {\"env\":\"rumplab:trace=all,trace_records=4096 \"}",
    "image rumplab:trace_events=zz,trace_records=99999999999999999999 {}"])
def test_a_command_line_that_asks_for_nothing_records_nothing(program, command_line):
    trace = traced(program, command_line)
    assert len(trace.df) == 0 and trace.enabled == []
    assert trace.clock().tsc_hz > 10_000_000  # measured, where nobody has said it


def test_the_ring_is_never_more_than_a_part_of_the_memory(program):
    most = traced(program, f"image {prefix('all', records=1 << 30)}{{}}")
    assert most._header.ring_capacity == (16 << 20) // 8 // 64
    least = traced(program, f"image {prefix('all', records=1)}{{}}")
    assert least._header.ring_capacity == 256


def test_the_prefix_says_what_is_asked(program):
    text = trace_prefix(BootSpec(**boot_trace("all", None)), 0)
    assert text.startswith("rumplab:tsc_hz=0,trace=all,") and text.endswith(" ")
    assert "{" not in text and "trace_records=65536" in text
    assert "trace=" not in trace_prefix(BootSpec(**boot_trace("later", None)), 0)


def test_system_calls_come_as_events_of_linuxs_with_their_paths(program):
    table = (trace := traced(program, f"/image.elf {prefix('syscalls')}{{}}")).df
    assert table["event"].astype(str).tolist() == [
        "open", "lseek", "kqueue", "netbsd_call", "open", "mmap"]
    assert table["result"].tolist() == [7, 7, 7, 7, -2, -3979]
    assert [trace.recording.decoder.text(row) for row in table.itertuples()][:2] == [
        'open(pathname="/some/where", flags=O_RDONLY) = 7</some/where>',
        "lseek(fd=7</some/where>, offset=12, whence=SEEK_END) = 7"]
    assert table["a0"].iloc[3] == 4321
    # The sixth word of mmap is padding, and a call may have fewer words than are recorded.
    assert table[["a0", "a1", "a2", "a3"]].iloc[5].tolist() == [1, 2, 3, 4]
