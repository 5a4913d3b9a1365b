"""What the traces of real guests tell: arguments, stacks, samples, locks, packets, conditions."""

import io
import time

import dpkt
import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import TraceError, UsageError
from kernel_magics.places import images_dir
from kernel_magics.trace import Recording, TracePlan

pytestmark = pytest.mark.guest

# Its files, threads, locks and times are known: what it does is written here.
KNOWN = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long sum;
static volatile int held, asked;

static void *
holder(void *unused)
{
	pthread_mutex_lock(&gate);
	held = 1;
	while (!asked)
		usleep(1000);
	usleep(200000);	/* the one who asks has a few instructions to go */
	pthread_mutex_unlock(&gate);
	return unused;
}

__attribute__((noinline)) void
inner(void)
{
	char text[64];
	int file = open("/etc/hostname", O_RDONLY);

	read(file, text, sizeof(text));
	close(file);
	open("/no/such/file", O_RDONLY);
}

__attribute__((noinline)) void
outer(void)
{
	inner();
	__asm__ volatile("");
}

__attribute__((noinline)) void
busy(void)
{
	for (long i = 0; i < 150000000; i++)
		sum += i;
}

int
main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, holder, NULL);
	while (!held)
		usleep(1000);
	asked = 1;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	pthread_join(thread, NULL);
	outer();
	busy();
	puts("the end");
	return 0;
}
"""
FOREVER = r"""
#include <unistd.h>

int
main(void)
{
	write(1, "ready\n", 6);
	for (int i = 1;; i++) {
		usleep(500);
		if (i % 400 == 0)
			write(77, "x", 1);
	}
}
"""


@pytest.fixture(scope="module")
def open_lab():
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def told(open_lab) -> Recording:
    image = open_lab.build(KNOWN, name="known")
    plan = TracePlan("all", stacks=["open", "switch"], sample_hz=200)
    guest = open_lab.boot(image, trace=plan, hostname="tracehost", memory_mib=48)
    assert guest.wait(timeout=60) == 0
    assert guest.trace.lost == 0
    return guest.trace.recording


def lines(told: Recording, words: str) -> list[str]:
    return told.decoded(told.choose(words)).tolist()


def test_files_are_told_by_name(told):
    opened = lines(told, "event:open thread:main")
    assert [text.replace("|O_LARGEFILE", "") for text in opened] == [
        'open(pathname="/etc/hostname", flags=O_RDONLY) = 3</etc/hostname>',
        'open(pathname="/no/such/file", flags=O_RDONLY) = -1 ENOENT']
    assert lines(told, "event:read") == [
        'read(fd=3</etc/hostname>, buf="tracehost\\n", count=64) = 10']
    assert told.console["text"].tolist() == ["the end"]


def test_a_stack_leads_from_the_runtime_to_main(told):
    sequence = int(told.choose("event:open").iloc[0]["sequence"])
    functions = [frame.function for frame in told.stack(sequence)]
    places = [functions.index(name) for name in ("bmk_syscall", "open", "inner", "outer", "main")]
    assert places == sorted(places)


def test_samples_find_the_function_that_takes_the_time(told):
    graph = told.flame("samples")
    assert graph.total > 20
    found = [stack for stack in graph.stacks if "busy" in stack]
    assert sum(graph.stacks[stack] for stack in found) > 0.6 * graph.total
    assert all(stack.index("main") < stack.index("busy") for stack in found)
    assert graph.layers["busy"] == "app"


def test_who_waits_for_the_mutex_and_who_lets_it_go(told):
    waits = told.lock_waits
    waits = waits[(waits["kind"] == "mutex") & (waits["name"] == "gate")]
    assert waits["thread_name"].tolist() == ["main"]
    assert 10_000_000 < waits["waited_ns"].iloc[0] < 60_000_000_000
    assert waits["woken_by_name"].iloc[0] not in ("", "main", "interrupt")
    waiting = told.flame("waits")
    assert any("pthread_mutex_lock" in "".join(stack) or "pthread_mutex_timedlock" in stack
               for stack in waiting.stacks)


def test_the_processors_time_adds_up(told):
    cpu = told.cpu
    whole_ns = int(told.df["time_ns"].max() - told.df["time_ns"].iloc[0])
    assert int(cpu["cpu_ns"].sum()) == whole_ns
    assert cpu.loc[0, "cpu_ns"] > 20_000_000  # holder sleeps, main waits for it
    assert cpu["name"].iloc[0] == "main"


def test_exits_lie_in_hypercalls_and_these_in_system_calls(told):
    table = told.nested.set_index("sequence")
    written = table[table["event"] == "host_exit"].iloc[-1]
    hypercall = table.loc[written["parent"]]
    call = table.loc[hypercall["parent"]]
    assert (hypercall["event"], call["event"]) == ("rumpcomp_console_write", "writev")
    assert call["depth"] == 0 and written["depth"] == 2


def test_hypercalls_that_were_called_are_used(told):
    table = told.hypercalls
    assert table.loc["rumpuser_malloc", "status"] == "used"
    assert table.loc["rumpuser_daemonize_done", "status"] == "stubbed"
    assert set(table["status"]) <= {"used", "unused", "stubbed", "absent"}


def test_it_is_the_same_when_opened_without_the_guest(told, open_lab, tmp_path):
    again = open_lab.open_trace(told.export(tmp_path / "known.trace"))
    assert again.decoded(again.choose("layer:sys")).tolist() == lines(told, "layer:sys")
    assert again.flame("samples").stacks == told.flame("samples").stacks
    with pytest.raises(TraceError, match="not a trace"):
        open_lab.open_trace(__file__)


@pytest.mark.parametrize("driver", ["qemu", "libvirt"], indirect=True)
def test_it_stops_when_something_happens_and_keeps_what_led_to_it(lab, driver):
    need("compiler")
    guest = lab.boot(lab.build(FOREVER, name="forever"), trace_records=32768)
    guest.console.expect("ready\n", timeout=60)
    guest.trace.start(["syscalls", "switch"]).keep(0.1)
    watch = guest.trace.stop_when("event:write error:EBADF")
    assert watch.wait(60) and watch.event["a0"] == 77
    assert guest.state == "running" and guest.trace.enabled == []
    table = guest.trace.df
    assert int(table["time_ns"].max() - table["time_ns"].min()) <= 101_000_000
    assert guest.trace.lost == 0
    with pytest.raises(UsageError, match="chooses nothing"):
        guest.trace.stop_when("evnt:write")
    guest.stop()


def test_a_condition_nobody_meets_ends_with_the_time(open_lab):
    guest = open_lab.boot(open_lab.build(FOREVER, name="forever"))
    guest.console.expect("ready\n", timeout=60)
    guest.trace.start("nanosleep")
    watch = guest.trace.stop_when(lambda table: table["event"] == "getpid")
    with pytest.raises(TraceError, match=r"within 0\.2 s"):
        watch.wait(0.2)
    watch.cancel()
    guest.trace.start("off", sample_hz=1000)
    deadline = time.monotonic() + 60
    while not (guest.trace.df["event"] == "sample").any():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(UsageError, match="last 0 seconds"):
        guest.trace.keep(0)
    guest.stop()


def test_packets_and_requests_of_a_server(open_lab):
    source = (images_dir() / "guests" / "http" / "http.c").read_text()
    plan = TracePlan(["packet", "request", "request_done", "syscalls"], packet_bytes=2048)
    guest = open_lab.boot(open_lab.build(source, name="http"), ports=[80], trace=plan,
                          memory_mib=48)
    assert guest.http("/", timeout=60).status == 200
    guest.stop()
    packets = guest.trace.packets
    assert {"DHCP", "ARP", "TCP"} <= set(packets["protocol"])
    asked = packets[(packets["direction"] == "received") & packets["info"].str.contains("GET /")]
    assert len(asked) >= 1  # more where the host's side was late and repeated itself
    requests = guest.trace.requests
    sent = requests[requests["device"] == "net send"]
    assert len(sent) == (packets["direction"] == "sent").sum()
    assert sent["latency_ns"].dropna().gt(0).all()
    assert any("GET / HTTP" in text for text in lines(guest.trace.recording, "syscall"))


def test_its_frames_are_a_pcap(open_lab, tmp_path):
    source = (images_dir() / "guests" / "http" / "http.c").read_text()
    guest = open_lab.boot(open_lab.build(source, name="http"), ports=[80], capture=True,
                          trace=TracePlan("packet", packet_bytes=2048), memory_mib=48)
    assert guest.http("/", timeout=60).status == 200
    guest.stop()
    data = guest.trace.export(tmp_path / "x.pcap").read_bytes()
    ours = [(float(when), bytes(frame)) for when, frame in dpkt.pcap.Reader(io.BytesIO(data))]
    captured = [(time_ns / 1e9, frame) for time_ns, _, frame in guest.pcap.packets()]
    begun = {frame: when for when, frame in captured}
    arp = [frame for _, frame in ours if frame[12:14] == b"\x08\x06"]
    assert arp and set(arp) <= set(begun)
    apart = [abs(when - begun[frame]) for when, frame in ours if frame in begun]
    assert min(apart) < 60  # both count from 1970; a busy machine is late
