"""The life of a guest, the same through both drivers: start, console, end, RAM, phases."""

import re
import threading
import time

import pytest

from kernel_magics.boot import abi
from kernel_magics.boot.hypervisor.calibration import assemble
from kernel_magics.errors import GuestError, GuestPanic, GuestTimeout, TraceError, UsageError

pytestmark = pytest.mark.guest


def boot(lab, probe, command, **spec):
    """Boot the probe guest with a command of probe.S."""
    return lab.boot(probe, memory_mib=16, argv=["probe", command], **spec)


def test_a_guest_speaks_and_exits(driver, lab, probe):
    guest = boot(lab, probe, "@o")
    assert guest.wait(timeout=60) == 0
    assert guest.console.text == "hello\n" and guest.console.bytes == b"hello\n"
    assert (guest.state, guest.exit_status, guest.console.lost_bytes) == ("exited", 0, 0)
    assert repr(guest) == "guest probe: exited with status 0"
    assert guest.driver == driver and guest.owner == "this notebook"


@pytest.mark.parametrize("status", ["00", "01", "42", "99"])
def test_the_exit_status_reaches_the_host(lab, probe, status):
    assert boot(lab, probe, f"@x {status}").wait(timeout=60) == int(status)


def test_boot_phases_sum_to_the_wall_time(driver, lab, probe):
    before = time.monotonic_ns()
    guest = boot(lab, probe, "@o")
    guest.wait(timeout=60)
    after = time.monotonic_ns()
    phases = guest.boot_phases
    assert before <= guest.marks["called"] <= guest.marks["gone"] <= after
    assert sum(phases.values()) == guest.marks["gone"] - guest.marks["called"]
    assert list(phases)[:2] == ["define", "exec"]
    assert [name for name in phases if name in ("entry", "runtime", "main", "exit")] == [
        "entry", "runtime", "main", "exit"]
    stamps = guest.header.phase_tsc
    ticks = stamps[abi.Phase.MAIN] - stamps[abi.Phase.RUNTIME]
    hz = guest.header.tsc_hz or guest._tsc_hz
    assert abs(phases["runtime"] - ticks * 10**9 // hz) <= 2
    assert phases.chart() in repr(phases)
    assert phases.df["duration_ns"].sum() == phases.total_ns


def test_ram_is_read_while_it_runs_and_after_its_end(driver, lab, probe):
    guest = boot(lab, probe, "@e")
    guest.console.send("x")
    guest.console.expect("x", timeout=60)
    assert guest.header.state == abi.State.RUNNING and guest.header.console_written == 1
    address = guest.image.header_address
    assert guest.ram.read(address, 8) == b"RUMPLAB\1"
    guest.console.send("q")
    assert guest.wait(timeout=60) == 7
    assert guest.ram.read(address, 8) == b"RUMPLAB\1"
    assert guest.header.exit_status == 7


def test_what_is_sent_arrives_complete_and_in_order(driver, lab, probe):
    guest = boot(lab, probe, "@e")
    text = "".join(f"line {number} of the input\n" for number in range(40))
    guest.console.send(text)
    guest.console.expect("line 39 of the input\n", timeout=60)
    assert guest.console.text == text
    guest.stop()


def test_two_senders_do_not_interleave(lab, probe):
    guest = boot(lab, probe, "@e")
    lines = [f"{letter * 60}\n" for letter in "ABCD"]
    senders = [threading.Thread(target=guest.console.send, args=(line,)) for line in lines]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for _ in lines:
        guest.console.expect(r"([A-D])\1{59}\n", timeout=60)
    assert sorted(guest.console.text.splitlines(keepends=True)) == lines
    guest.stop()


def test_expect_goes_on_after_the_last_match(lab, probe):
    guest = boot(lab, probe, "@e")
    guest.console.send("one two one ü end")
    assert guest.console.expect("one", timeout=60).start() == 0
    assert guest.console.expect(r"one (.) end", timeout=60).group(1) == "ü"
    with pytest.raises(GuestTimeout, match="has not shown 'one' since the last match") as caught:
        guest.console.expect("one", timeout=0.1)
    assert "one two one ü end" in str(caught.value)
    with pytest.raises(UsageError, match="not a regular expression"):
        guest.console.expect("(", timeout=60)
    guest.console.send("q")
    with pytest.raises(GuestError, match="ended and its console has not shown"):
        guest.console.expect("never", timeout=60)
    assert guest.console.expect(re.compile("q|$"), timeout=60) is not None


def test_subscribers_get_every_byte_once_and_are_told_the_end(driver, lab, probe):
    guest = boot(lab, probe, "@l 02", paused=True)
    early, late = [], []
    guest.console.subscribe(early.append)
    guest.resume()
    guest.wait(timeout=60)
    assert early[-1] == b"" and b"".join(early) == guest.console.bytes
    assert len(guest.console.bytes) == 2 * 65536
    guest.console.subscribe(late.append)
    assert b"".join(late) == guest.console.bytes and late[-1] == b""


def test_who_subscribes_to_a_guest_that_fell_silent_gets_what_it_has_said(driver, lab, probe):
    guest = boot(lab, probe, "@e")
    first, second, third = [], [], []
    guest.console.subscribe(first.append)
    guest.console.send("said")
    deadline = time.monotonic() + 60
    while b"".join(first) != b"said" and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)  # whoever handed that over waits for the next output now
    guest.console.subscribe(second.append)
    guest.console.subscribe(third.append, from_start=False)
    assert (b"".join(second), b"".join(third)) == (b"said", b"")
    guest.console.send("q")
    guest.wait(timeout=60)
    assert b"".join(first) == b"".join(second) == guest.console.bytes
    assert b"".join(first) == b"said" + b"".join(third)


def test_a_paused_guest_does_nothing_until_it_is_resumed(driver, lab, probe):
    guest = boot(lab, probe, "@o", paused=True)
    assert guest.state == "paused"
    assert guest.header.state == abi.State.UNBORN
    time.sleep(0.1)
    assert guest.console.text == ""
    guest.resume()
    assert guest.wait(timeout=60) == 0
    phases = guest.boot_phases
    assert phases["paused"] >= 100_000_000 and "firmware" in phases


def test_a_running_guest_is_paused_and_resumed(driver, lab, probe):
    guest = boot(lab, probe, "@e")
    guest.console.send("a")
    guest.console.expect("a", timeout=60)
    guest.pause()
    assert guest.state == "paused"
    guest.resume()
    assert guest.state == "running"
    guest.console.send("q")
    assert guest.wait(timeout=60) == 7
    with pytest.raises(GuestError, match="has ended and cannot be paused"):
        guest.pause()
    with pytest.raises(GuestError, match="has ended and reads no input"):
        guest.console.send("x")


def test_a_guest_is_stopped(driver, lab, probe):
    guest = boot(lab, probe, "@h")
    pid = guest.pid
    guest.stop()
    assert guest.state == "stopped"
    guest.stop()
    with pytest.raises(GuestError, match="was stopped before it exited"):
        guest.wait(timeout=1)
    from kernel_magics.boot.process import ProcessId
    assert not ProcessId.of(pid).is_alive()


def test_a_guest_that_never_exits_is_still_there_after_the_wait(driver, lab, probe):
    guest = boot(lab, probe, "@s", timeout=0.2)
    with pytest.raises(GuestTimeout, match=r"still running after 0\.2 s") as caught:
        guest.wait()
    assert "guest.console.text" in caught.value.next_step
    assert guest.state == "running"
    guest.stop()


def test_a_panic_ends_the_wait_with_its_reason(driver, lab, probe):
    guest = boot(lab, probe, "@p")
    with pytest.raises(GuestPanic, match="the probe was asked to"):
        guest.wait(timeout=60)
    assert guest.state == "panicked" and guest.exit_status is None


def test_a_guest_that_stays_after_its_panic_ends_the_wait_too(lab, probe):
    guest = boot(lab, probe, "@P", on_panic="halt")
    with pytest.raises(GuestPanic, match="the probe was asked to"):
        guest.wait(timeout=60)
    assert guest.state == "panicked" and guest.pid is not None
    guest.stop()


def test_the_same_name_is_numbered_and_an_ended_guest_makes_way(driver, lab, probe):
    first, second = boot(lab, probe, "@h"), boot(lab, probe, "@h")
    assert (first.name, second.name) == ("probe", "probe-2")
    first.stop()
    third = boot(lab, probe, "@o")
    assert third.name == "probe" and third.wait(timeout=60) == 0
    assert [guest.name for guest in lab.guests()] == ["probe", "probe-2"]


def test_the_list_of_guests_is_a_table(lab, probe):
    assert repr(lab.guests()) == "no guests"
    boot(lab, probe, "@x 03").wait(timeout=60)
    boot(lab, probe, "@h", name="other")
    assert [line.split() for line in repr(lab.guests()).splitlines()] == [
        ["guest", "state", "status", "owner", "memory", "driver"],
        ["other", "running", "this", "notebook", "16", "MiB", "qemu"],
        ["probe", "exited", "3", "this", "notebook", "16", "MiB", "qemu"]]
    table = lab.guests().df.set_index("guest")
    assert table["memory_mib"].to_dict() == {"other": 16, "probe": 16}
    assert (table.status["probe"], table.status.isna()["other"]) == (3, True)
    assert table.pid["other"] == lab.guest("other").pid
    assert lab.guest("other").name == "other"
    lab.stop("other")


def test_a_flood_is_bounded_its_tail_kept_and_the_loss_counted(driver, lab, probe):
    guest = boot(lab, probe, "@f", paused=True)
    guest.console.retained_bytes = 64 << 10
    guest.resume()
    with pytest.raises(GuestTimeout):
        guest.console.expect("never", timeout=1)
    while guest.console.size_bytes < 300 << 10:
        time.sleep(0.05)
    guest.pause()
    while guest.header.console_consumed < guest.header.console_written:
        time.sleep(0.01)  # what QEMU had taken already
    data, lost = guest.console.bytes, guest.console.lost_bytes
    assert lost > 0 and lost + len(data) == guest.console.size_bytes
    assert 64 << 10 <= len(data) <= 160 << 10
    assert guest.host_files.console_log.stat().st_blocks * 512 <= len(data) + 65536
    assert re.fullmatch(rb"(?:(.)\1*\n)*", data[data.index(b"\n") + 1:data.rindex(b"\n") + 1])
    assert guest.header.console_consumed > lost
    guest.stop()


def test_a_guest_reads_no_input_and_the_sender_is_told(lab, probe):
    guest = boot(lab, probe, "@h")
    with pytest.raises(GuestTimeout, match="does not read its input"):
        guest.console.send("x" * 4096, timeout=0.3)
    assert guest.state == "running"
    guest.stop()


def test_a_kernel_without_lab_header_boots_and_its_exit_value_counts(lab, tmp_path, probe):
    source = tmp_path / "plain.S"
    source.write_text('.section .note.xen,"a",@note\n.balign 4\n.long 4,4,18\n.asciz "Xen"\n'
                      ".long start\n.text\n.code32\nstart: mov $0x501,%edx\nmov $5,%eax\n"
                      "out %eax,%dx\nhlt\n")
    guest = lab.boot(assemble(source), memory_mib=16)
    assert guest.image.header_address is None
    assert guest.wait(timeout=60) == 5 and guest.exit_status == 5
    with pytest.raises(GuestError, match="keeps no lab header"):
        guest.header  # noqa: B018
    assert list(guest.boot_phases) == ["define", "exec"]


def test_ram_above_the_hole_lies_where_qemu_says(lab, probe):
    from kernel_magics.boot.hypervisor.qmp import command
    from kernel_magics.boot.ram import HIGH_ADDRESS, LOW_BYTES

    guest = lab.boot(probe, memory_mib=3073, paused=True)
    said = command(guest.host_files.qmp_socket, "human-monitor-command",
                   **{"command-line": "info mtree -f"})
    lines = re.findall(r"([0-9a-f]{16})-([0-9a-f]{16}) \(prio \d+, ram\): ram(?: @([0-9a-f]+))?",
                       said)
    ranges = [(int(first, 16), int(last, 16) + 1, int(at or "0", 16)) for first, last, at in lines]
    assert max(end for _, end, _ in ranges) == HIGH_ADDRESS + (1 << 20)
    assert LOW_BYTES in {end for _, end, _ in ranges}
    for first, end, at in ranges:
        assert guest.ram.offset(first, end - first) == at
    guest.stop()


def test_a_trace_asked_for_at_boot_is_recorded_from_the_start(driver, lab):
    image = lab.build("#include <stdio.h>\nint main(void) { puts(\"x\"); }", name="traced")
    guest = lab.boot(image, trace="all")
    assert guest.wait(timeout=60) == 0
    assert len(guest.trace.df) > 0


def test_a_trace_of_a_guest_that_has_none_is_refused_and_nothing_stays(lab, tmp_path, probe):
    plain = tmp_path / "plain.S"
    plain.write_text('.section .note.xen,"a",@note\n.balign 4\n.long 4,4,18\n.asciz "Xen"\n'
                     ".long start\n.text\n.code32\nstart: hlt\njmp start\n")
    with pytest.raises(TraceError, match="records no trace"):
        lab.boot(assemble(plain), memory_mib=16, trace="all")
    assert [guest.state for guest in lab.guests()] == ["stopped"]
