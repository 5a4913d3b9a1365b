"""Traces of upstream Rumprun's guests: baked in, and from outside, with a real toolchain."""

import shutil
import subprocess
import sys
import time
import urllib.request

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.boot.thread_numbers import numbered_threads
from kernel_magics.errors import HostError, TraceError, UsageError
from kernel_magics.trace.outside import plugin
from kernel_magics.trace.plan import TracePlan

pytestmark = pytest.mark.guest

# Two threads that hand a token to each other, now and then.
PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn, rounds;
static void *player(void *argument)
{
	int mine = argument != NULL;

	pthread_mutex_lock(&lock);
	while (turn < rounds) {
		while (turn % 2 != mine && turn < rounds)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
		if (!mine) {
			pthread_mutex_unlock(&lock);
			usleep(1000);
			pthread_mutex_lock(&lock);
		}
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t other;

	(void)argv;
	rounds = argc > 1 ? 1000000 : 20;
	puts("playing");
	fflush(stdout);
	pthread_create(&other, NULL, player, &other);
	player(NULL);
	pthread_join(other, NULL);
	return 3;
}
"""
SERVER = r"""
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(80) };
	const char *answer = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nserved";
	char request[1024];
	int listener = socket(AF_INET, SOCK_STREAM, 0), one;

	bind(listener, (struct sockaddr *)&here, sizeof(here));
	listen(listener, 8);
	puts("listening");
	fflush(stdout);
	while ((one = accept(listener, NULL, NULL)) >= 0) {
		read(one, request, sizeof(request));
		write(one, answer, strlen(answer));
		close(one);
	}
	return 1;
}
"""
# Those do not come back, or had not when the guest was stopped.
UNFINISHED = {"rumpuser_thread_exit", "rumpuser_exit", "rumpuser_cv_wait", "rumpuser_cv_timedwait",
              "rumpuser_clock_sleep", "rumpuser_cv_wait_nowrap"}
KERNEL_THREADS = {"main", "isrthr", "rumpclk0", "ioflush", "pdaemon"}


@pytest.fixture(scope="module")
def lab():
    need("qemu", "rumprun", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def images(lab):
    return {"baked": lab.build(PROGRAM, "traced_game", kit="rumprun", trace=True),
            "outside": lab.build(PROGRAM, "game", kit="rumprun")}


@pytest.fixture(scope="module", params=["baked", "outside"])
def ended(request, lab, images):
    plan = TracePlan(["hypercalls", "switch", "thread", "wakeup"], stacks="rumpuser_thread_create",
                     stack_words=512)
    guest = lab.boot(images[request.param], memory_mib=64, trace=plan)
    assert guest.wait(60) == 3
    return guest


def test_a_boot_is_recorded_whole(ended):
    trace = ended.trace
    table = trace.df
    assert trace.lost == 0 and len(table) > 20_000
    counts = table["event"].value_counts()
    assert counts["rumpuser_init"] == 1 and counts["rumpuser_mutex_enter"] > 4000
    assert counts["rumpcomp_pci_confread"] > 50
    open_ = table[table["kind"] == "enter"]
    assert set(open_["event"].astype(str)) <= UNFINISHED and len(open_) < 40
    assert not (table["kind"] == "exit").any()
    assert (table["duration_ns"].dropna() >= 0).all() and table["time_ns"].is_monotonic_increasing


def test_the_time_of_each_thread_is_counted(ended):
    counted = {one.number: one.cpu_ns for one in numbered_threads(ended)}
    switched = ended.trace.cpu
    ran = switched.index[(switched["slices"] > 1) & (switched.index > 0)]
    assert len(ran) > 5 and all(counted[number] > 0 for number in ran)
    # Slices do not overlap: all of them are at most the time from the first event to the last.
    times = ended.trace.df["time_ns"]
    assert sum(counted.values()) <= times.iloc[-1] - times.iloc[0] + 10**9


def test_both_ways_tell_of_the_same_calls(lab, images):
    counts = {}
    for way, image in images.items():
        guest = lab.boot(image, memory_mib=64, trace="hypercalls")
        guest.wait(60)
        counts[way] = guest.trace.df["event"].value_counts()
    for name in ("rumpuser_init", "rumpuser_thread_create", "rumpuser_getparam",
                 "rumpcomp_pci_confwrite", "rumpuser_rw_init", "rumpuser_sp_fini"):
        assert counts["baked"][name] == counts["outside"][name] > 0, name
    for name in ("rumpuser_mutex_enter", "rumpuser_malloc", "rumpuser_curlwpop"):
        assert counts["baked"][name] == pytest.approx(counts["outside"][name], rel=0.05), name


def test_arguments_and_results_are_decoded(ended):
    trace = ended.trace
    table = trace.df
    made = trace.decoded(table[table["event"] == "rumpuser_thread_create"]).tolist()
    assert any('name="ioflush"' in text and text.endswith("= 0") for text in made), made
    asked = trace.decoded(table[table["event"] == "rumpuser_getparam"]).tolist()
    assert any('name="_RUMPUSER_NCPU"' in text for text in asked)
    assert any(text.endswith("= 2 ENOENT") for text in asked)
    assert trace.decoded(table[table["event"] == "rumpuser_init"]).iloc[0].startswith(
        "rumpuser_init(version=17, ")


def test_threads_have_names_and_take_turns(ended):
    trace = ended.trace
    assert set(trace.thread_names.values()) >= KERNEL_THREADS
    told = trace.df[trace.df["event"] == "thread"]
    assert len(told) >= len(KERNEL_THREADS)
    switches = trace.df[trace.df["event"] == "switch"]
    assert len(switches) > 40
    # Who comes is who goes next; in between nobody may run, which is thread 0.
    assert (switches["a1"].to_numpy()[:-1] == switches["a0"].to_numpy()[1:]).all()
    assert (switches["a1"] == 0).sum() > 5 and trace.cpu.loc[0, "cpu_ns"] > 0
    assert "main" in set(trace.cpu["name"])
    wakeups = trace.wakeups
    assert {"rumpclk0", "rsi0/1"} <= set(wakeups["waker_name"]) | set(wakeups["name"])
    assert (wakeups["latency_ns"].dropna() > 0).all()


def test_stacks_go_down_to_the_main_thread(ended):
    trace = ended.trace
    created = trace.df[trace.df["event"] == "rumpuser_thread_create"]
    names = [frame.function for frame in trace.stack(int(created["sequence"].iloc[3]))]
    assert names[0] == "rumpns_kthread_create" and "rumprun_boot" in names, names
    assert "bmk_mainthread" in names


def test_each_hypercall_of_upstream_has_a_state(ended):
    table = ended.trace.hypercalls
    assert table.loc["rumpuser_mutex_enter", "status"] == "used"
    assert table.loc["rumpuser_iovread", ["status", "stub"]].tolist() == \
        ["stubbed", "rumpuser_stub_enosys"]
    assert table.loc["rumpuser_open", ["status", "stub"]].tolist() == ["stubbed", "undefs.c"]
    assert table.loc["rumpuser_mutex_spin_p", "status"] == "absent"
    # Those with one function cannot be told apart by one who looks at addresses.
    shared = table[table["stub"] == "rumpuser_stub_nothing"]["calls"]
    assert shared.sum() == 1
    assert shared["rumpuser_dl_bootstrap" if ended.image.header_address else
                  "rumpuser_stub_nothing"] == 1
    assert table.loc["rumpcomp_pci_confread", "calls"] == \
        (ended.trace.df["event"] == "rumpcomp_pci_confread").sum()


def test_a_recording_outlives_the_guest(ended, tmp_path, lab):
    ended.trace.export(tmp_path / "game.trace")
    again = lab.open_trace(tmp_path / "game.trace")
    assert len(again.df) == len(ended.trace.df) and again.threads == ended.trace.thread_names
    ended.trace.export(tmp_path / "game.pftrace")
    assert (tmp_path / "game.pftrace").stat().st_size > 100_000


@pytest.fixture(scope="module", params=["baked", "outside"])
def running(request, lab, images):
    guest = lab.boot(images[request.param], memory_mib=64, argv=["game", "long"], trace="later")
    guest.console.expect("playing", timeout=60)
    yield guest
    guest.stop()


def test_recording_begins_and_ends_while_a_guest_runs(running):
    trace = running.trace
    assert len(trace.df) == 0
    trace.start("rumpuser_cv_*")
    seen = []
    following = trace.follow(seen.append, interval_ms=20)
    _wait(lambda: sum(map(len, seen)) > 50)
    following.stop()
    trace.stop()
    count = len(trace.df)
    assert count > 50 and set(trace.df["event"].astype(str)) <= {
        name for name in trace.df["event"].cat.categories if name.startswith("rumpuser_cv_")}
    assert trace.enabled == [] and len(trace.df) == count


def test_a_flight_recorder_keeps_the_last_moments(running):
    trace = running.trace
    trace.clear()
    trace.start(["hypercalls", "switch"]).keep(0.2)
    watch = trace.stop_when("rumpuser_cv_wait >100us")
    watch.wait(60)
    table = trace.df
    span_ns = int(table["time_ns"].max() - table["time_ns"].min())
    assert len(table) and span_ns < 2_000_000_000
    trace.stop()
    trace.keep(None)
    trace.clear()


def test_live_counts_go_up(running):
    before = running.trace.hypercalls["calls"].sum()
    _wait(lambda: running.trace.hypercalls["calls"].sum() > before)


def _wait(reached, most_s=20.0):
    end = time.monotonic() + most_s
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_small_ring_says_what_it_lost(lab, images):
    guest = lab.boot(images["baked"], memory_mib=64, trace="hypercalls", trace_records=256)
    guest.wait(60)
    trace = guest.trace
    written = int(trace._header.ring_write_index)
    assert trace.lost + 2 * (trace.df["kind"] == "call").sum() <= written
    assert trace.df["sequence"].is_unique


def test_a_server_is_followed_through_its_interrupts(lab):
    image = lab.build(SERVER, "served", kit="rumprun")
    guest = lab.boot(image, memory_mib=64, ports=[80], trace="later")
    guest.console.expect("listening", timeout=60)
    trace = guest.trace.start(["hypercalls", "interrupt", "switch", "wakeup"])
    for _ in range(5):
        with urllib.request.urlopen(f"http://127.0.0.1:{guest.ports[80]}/", timeout=60) as answer:
            assert answer.read() == b"served"
    trace.stop()
    table = trace.df
    assert trace.lost == 0 and set(
        table[table["kind"] == "enter"]["event"].astype(str)) <= UNFINISHED
    handled = table[table["event"] == "interrupt"]
    assert len(handled) >= 5 and handled["in_interrupt"].all() and (handled["a0"] < 16).all()
    assert (table["event"] == "wakeup").sum() > 5
    # What the network's thread does is told apart from what the program does.
    assert {"served", "isrthr"} <= set(trace.cpu["name"])
    guest.stop()


def test_another_process_reads_the_trace_of_a_guest(lab, images):
    guest = lab.boot(images["outside"], memory_mib=64, argv=["game", "long"], name="elsewhere",
                     trace="rumpuser_cv_*")
    guest.console.expect("playing", timeout=60)
    program = ("from kernel_magics import Lab\n"
               "trace = Lab(driver='qemu').guest('elsewhere').trace\n"
               "print(len(trace.df), trace.thread_names[1], trace.note[:19])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    count, name, note = done.stdout.split(maxsplit=2)
    assert int(count) > 10 and name == "main" and note.strip() == "traced from outside", done
    assert guest.state == "running"
    guest.stop()


def test_a_plug_in_that_qemu_refuses_is_one_error(lab, images, tmp_path, monkeypatch):
    empty = tmp_path / "empty.so"
    empty.touch()
    monkeypatch.setattr(plugin, "find_plugin", lambda: empty)
    with pytest.raises(HostError, match="cannot trace a guest from outside"):
        lab.boot(images["outside"], memory_mib=64, name="refused", trace="hypercalls")
    assert "refused" not in {one.name for one in lab.guests()}


def test_through_libvirt(images):
    need("libvirt")
    with Lab() as lab:
        guest = lab.boot(images["outside"], memory_mib=64, trace="rumpuser_getparam")
        assert guest.wait(60) == 3
        assert (guest.trace.df["event"] == "rumpuser_getparam").sum() > 5


def test_what_cannot_be_traced_is_one_error(lab, images, tmp_path):
    with pytest.raises(UsageError, match="records no packet"):
        lab.boot(images["outside"], memory_mib=64, trace="packet")
    with pytest.raises(UsageError, match="no samples"):
        lab.boot(images["baked"], memory_mib=64, trace=TracePlan(sample_hz=100))
    guest = lab.boot(images["outside"], memory_mib=64)
    with pytest.raises(TraceError, match="booted without one"):
        _ = guest.trace
    guest.stop()
    bare = tmp_path / "bare.elf"
    shutil.copyfile(images["outside"].stripped_path, bare)
    with pytest.raises(TraceError, match="no symbols of hypercalls"):
        lab.boot(bare, memory_mib=64, trace="hypercalls")
    assert "bare" not in {one.name for one in lab.guests()}


def test_a_traced_program_may_have_any_names(lab):
    source = """
        int lab_header = 3, lab_counters, lab_own_number, isr = 2;
        void lab_record(void) { }
        int main(void) { lab_record(); return lab_header + isr; }
    """
    guest = lab.boot(lab.build(source, "names", kit="rumprun", trace=True), memory_mib=64,
                     trace="hypercalls")
    assert guest.wait(60) == 5 and len(guest.trace.df) > 20_000
