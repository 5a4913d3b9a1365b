"""Tracing from outside: the plug-in's file and sources, and the points of an image."""

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from capabilities import need

from kernel_magics.boot import abi
from kernel_magics.boot.call_counters import call_counters
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.spec import BootSpec
from kernel_magics.boot.thread_numbers import numbered_threads
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import HostError, TraceError, UsageError
from kernel_magics.places import images_dir
from kernel_magics.trace.calls.upstream import hypercalls_of, stubs_of
from kernel_magics.trace.kits.kits import check_plan
from kernel_magics.trace.outside import plugin, plugin_file
from kernel_magics.trace.outside.jumps import jumping_to
from kernel_magics.trace.outside.plugin_file import PointRow, Setup, write_plugin_file
from kernel_magics.trace.outside.points import Layout, Point, PointKind, layout_of, points_of
from kernel_magics.trace.plan import TracePlan
from kernel_magics.trace.records.events import event_number
from kernel_magics.trace.trace import Trace

INCLUDE = images_dir() / "qemu_plugin"
ABI = images_dir() / "rumpkit" / "include"

# A guest in small: hypercalls, two that share a stub, one reached by a jump, bmk's functions.
IMAGE = r"""
#include <errno.h>
static __thread long before = 1;
__thread void *bmk_current;
char mark[] = "rump kernel bare metal bootstrap";
__attribute__((noinline)) int rumpuser_malloc(long n, int a, void **m) { *m = mark; return n < a; }
__attribute__((noinline)) int rumpuser_open(const char *p, int m, int *f) { *f = m; return !p; }
int rumpuser_stub_enosys(void) { return ENOSYS; }
int rumpuser_kill(void) __attribute__((alias("rumpuser_stub_enosys")));
int rumpuser_iovread(void) __attribute__((alias("rumpuser_stub_enosys")));
#define FUNCTION __attribute__((noinline)) int
FUNCTION jumps(long n, int a, void **m) { return rumpuser_malloc(n + 1, a, m); }
FUNCTION jumps_too(long n, int a, void **m) { return jumps(n + 1, a, m); }
void bmk_cpu_sched_switch(void *a, void *b) { (void)a; (void)b; }
int main(void) { return jumps_too(before, 1, &bmk_current) + rumpuser_kill(); }
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    need("compiler")
    folder = tmp_path_factory.mktemp("points")
    (folder / "small.c").write_text(IMAGE)
    # (not laid out as a guest is: the points are found by the symbols alone)
    subprocess.run(["gcc", "-O2", "-fno-pie", "-no-pie", "-static", "-g", "-o", folder / "small",
                    folder / "small.c"], check=True)
    path = folder / "small"
    return GuestImage("small", path, path, "rumprun", (), 0, "", None)


def test_the_files_layout_equals_the_plug_ins(tmp_path):
    need("compiler")
    pairs = [("plugin_point", PointRow), ("plugin_setup", Setup)]
    asked = [f"sizeof(struct {name})" for name, _ in pairs]
    asked += [f"offsetof(struct {name}, {field})" for name, row in pairs
              for field, *_ in row._fields_]
    asked += [f"PLUGIN_{kind.name}" for kind in PointKind]
    asked += ["PLUGIN_SETUP_OFFSET", "PLUGIN_MAGIC"]
    expected = [ctypes.sizeof(row) for _, row in pairs]
    expected += [getattr(row, field).offset for _, row in pairs for field, *_ in row._fields_]
    expected += [*map(int, PointKind), plugin_file.SETUP_OFFSET, plugin_file.MAGIC]
    lines = "\n".join(f'printf("%llu\\n", (unsigned long long)({one}));' for one in asked)
    (tmp_path / "ask.c").write_text(f'#include <stdio.h>\n#include <stddef.h>\n'
                                    f'#include "trace_file.h"\nint main(void) {{ {lines} }}\n')
    subprocess.run(["gcc", "-I", INCLUDE, "-I", ABI, "-o", tmp_path / "ask", tmp_path / "ask.c"],
                   check=True)
    told = subprocess.run([tmp_path / "ask"], check=True, capture_output=True, text=True).stdout
    assert [int(line) for line in told.split()] == expected


def test_every_name_that_an_image_has_is_a_point_once(image):
    found = {one.address: one for one in points_of(image)}
    names = ("rumpuser_malloc", "rumpuser_open", "bmk_cpu_sched_switch", "rumpuser_stub_enosys")
    points = {name: found[image.symbols.find(name).address] for name in names}
    malloc = points["rumpuser_malloc"]
    assert (malloc.event, malloc.kind, malloc.arguments, malloc.text) == \
        (event_number("rumpuser_malloc"), PointKind.CALL, 3, 0)
    assert points["rumpuser_open"].text == 1  # a path
    assert points["bmk_cpu_sched_switch"].kind is PointKind.SWITCH
    # Several names of one address: the function that they are.
    assert points["rumpuser_stub_enosys"].event == event_number("rumpuser_stub_enosys")
    assert points["rumpuser_stub_enosys"].address == image.symbols.find("rumpuser_kill").address
    assert list(found) == sorted(found)


def test_stubs_share_a_function(image):
    assert stubs_of(image.symbols) == {"rumpuser_kill": "rumpuser_stub_enosys",
                                       "rumpuser_iovread": "rumpuser_stub_enosys"}
    assert hypercalls_of(image.symbols) == ["rumpuser_malloc", "rumpuser_open",
                                            "rumpuser_stub_enosys"]


def test_jumps_are_followed_back(image):
    symbols = image.symbols
    found = jumping_to(image, [symbols.find("rumpuser_malloc").address])
    assert {symbols.find("jumps").address, symbols.find("jumps_too").address} <= found
    kinds = {one.address: one.kind for one in points_of(image)}
    assert kinds[symbols.find("jumps_too").address] is PointKind.JUMPS


def test_where_the_running_thread_is(image):
    table = subprocess.run(["readelf", "-lsW", image.path], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    block = next(line.split() for line in table if line.split()[:1] == ["TLS"])
    size, alignment = int(block[5], 16), int(block[-1], 16)
    offset = next(int(line.split()[1], 16) for line in table if line.endswith(" bmk_current"))
    assert layout_of(image).current_offset == offset - -(-size // alignment) * alignment


def test_an_image_without_symbols_has_no_points(image, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run(["strip", "-o", bare, image.path], check=True)
    stripped = GuestImage("bare", bare, bare, "rumprun", (), 0, "", None)
    with pytest.raises(TraceError, match="no symbols of hypercalls"):
        points_of(stripped)
    with pytest.raises(TraceError, match="does not say where"):
        layout_of(stripped)


def test_the_file_is_read_as_a_guests_ram(tmp_path):
    points = [Point(0x1000, 64, PointKind.CALL, 2), Point(0x2000, 0, PointKind.SWITCH)]
    plan = TracePlan("rumpuser_malloc", data_bytes=7)
    path = tmp_path / "trace"
    write_plugin_file(path, points, Layout(current_offset=-24), 32 << 20, 1000, plan.fields())
    ram = bytearray(path.read_bytes())
    header = abi.Header.from_buffer(ram)
    assert header.ring_capacity == 1024 and header.ram_bytes == 32 << 20
    assert header.trace_data_bytes == 7
    setup = Setup.from_buffer(ram, plugin_file.SETUP_OFFSET)
    assert (setup.points, setup.current_offset, setup.file_bytes) == (2, -24, len(ram))
    rows = [PointRow.from_buffer(ram, plugin_file.SETUP_OFFSET + ctypes.sizeof(Setup)
                                 + index * ctypes.sizeof(PointRow)) for index in range(2)]
    assert [(row.address, row.event, row.kind, row.arguments) for row in rows] == \
        [(0x1000, 64, 0, 2), (0x2000, 0, 1, 0)]
    trace = Trace(ram, 0, alive=lambda: False)
    assert trace.enabled == ["rumpuser_malloc"] and len(trace.df) == 0
    counters = np.frombuffer(ram, "<u8", abi.EVENTS, header.counters_address)
    assert not counters.any() and not np.shares_memory(trace._ring.counters(), counters)
    with pytest.raises(FileExistsError):
        write_plugin_file(path, [], Layout(), 1, 1, {})


def test_kvm_and_other_machines_are_refused():
    with pytest.raises(UsageError, match="KVM"):
        plugin.plugin_tracer(None, BootSpec(accel="kvm"), TracePlan())
    with pytest.raises(UsageError, match="of this machine"):
        plugin.plugin_tracer(None, BootSpec(uri="qemu+ssh://far/system"), TracePlan())
    with pytest.raises(UsageError, match="recorded and traced"):
        plugin.plugin_tracer(None, BootSpec(record="somewhere"), TracePlan())
    spec, _ = plugin.plugin_tracer(None, BootSpec(), TracePlan())
    assert spec.accel == "tcg"


def test_the_plug_in_is_compiled_once(tmp_path, monkeypatch):
    need("compiler")
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path / "a, b"))
    first = plugin.find_plugin()
    made = first.stat().st_mtime_ns
    assert plugin.find_plugin() == first and first.stat().st_mtime_ns == made
    # What it takes of QEMU is what QEMU's documentation and its modules have.
    table = subprocess.run(["nm", "-D", "--undefined-only", first], check=True,
                           capture_output=True, text=True).stdout
    qemu = shutil.which("qemu-system-x86_64")
    if qemu:
        offered = subprocess.run(["nm", "-D", "--defined-only", qemu], check=True,
                                 capture_output=True, text=True).stdout.split()
        wanted = {word for word in table.split() if word.startswith(("qemu_", "tb_", "x86_"))}
        assert wanted and wanted <= set(offered)


def test_a_plug_in_that_does_not_compile_is_one_error(tmp_path, monkeypatch):
    need("compiler")
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(plugin, "FLAGS", (*plugin.FLAGS, "-DPLUGIN_MAGIC=(", "-Werror"))
    with pytest.raises(HostError, match="does not compile") as caught:
        plugin.find_plugin()
    assert caught.value.log and not list((tmp_path / "qemu-plugin").glob("*.so"))


def test_without_a_compiler_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("RUMPLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="no gcc"):
        plugin.find_plugin()


def test_the_file_of_a_folder_with_a_comma_reaches_qemu_whole(image, tmp_path, monkeypatch):
    need("compiler")
    folder = tmp_path / "one,two"
    folder.mkdir()
    tracer = plugin.PluginTracer(image, TracePlan(), 256)
    words = tracer.arguments(GuestFiles(folder), 64 << 20)
    assert words[0] == "-plugin" and words[1].endswith("one,,two/trace")
    assert Path(str(folder / "trace")).stat().st_size > 256 * 64


def test_events_that_a_kit_has_not_are_refused(image):
    for plan, match in ((TracePlan("packet"), "no packet"),
                        (TracePlan(["hypercalls", "mark"]), "no mark"),
                        (TracePlan("off", stacks="mark"), "no mark"),
                        (TracePlan(sample_hz=50), "no samples")):
        with pytest.raises(UsageError, match=match):
            check_plan(image, plan)
    for plan in (TracePlan("all"), TracePlan("off"), TracePlan(["runtime", "rumpuser_cv_*"]),
                 TracePlan("interrupt")):
        check_plan(image, plan)
    with pytest.raises(UsageError, match="no interrupt"):  # baked in there is no such point
        check_plan(replace(image, header_address=4096), TracePlan("interrupt"))
    check_plan(replace(image, kit="rumpkit"), TracePlan("syscalls", sample_hz=50))


def test_threads_that_were_numbered_are_read_from_a_file_that_may_lie(image, tmp_path):
    files = GuestFiles(tmp_path)
    guest = SimpleNamespace(image=image, host_files=files)
    assert numbered_threads(guest) == [] and call_counters(guest) is None
    write_plugin_file(files.trace, [], Layout(), 1 << 20, 256, {})
    data = bytearray(files.trace.read_bytes())
    header = abi.Header.from_buffer(data)
    row = abi.Thread.from_buffer(data, header.threads_address)
    row.number, row.name, row.stack_pointer, row.cpu_tsc = 7, b"seven", 0x5000, 3 * header.tsc_hz
    header_counters = np.frombuffer(data, "<u8", abi.EVENTS, header.counters_address)
    header_counters[64] = 5
    files.trace.write_bytes(data)
    assert numbered_threads(guest) == [(7, "seven", 0x5000, 3 * 10**9)]
    assert call_counters(guest)[64] == 5
    for field, value in (("threads_address", 1 << 62), ("threads_capacity", 1 << 30),
                         ("counters_address", 1 << 62), ("magic", 1)):
        lying = bytearray(data)
        setattr(abi.Header.from_buffer(lying), field, value)
        files.trace.write_bytes(lying)
        assert field == "counters_address" or numbered_threads(guest) == []
        assert field.startswith("threads") or call_counters(guest) is None
    files.trace.write_bytes(b"")
    assert numbered_threads(guest) == [] and call_counters(guest) is None
