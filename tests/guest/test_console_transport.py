"""The console between guest and lab: every byte, both ways, on every machine type."""

import re
import threading
import time
from pathlib import Path

import pytest
from main_thread import main_thread_is_in

from kernel_magics.boot.abi import ConsoleInput
from kernel_magics.errors import GuestError, GuestTimeout, UsageError

pytestmark = pytest.mark.guest

PROGRAMS = Path(__file__).parent / "console_programs"


def build(lab, name: str):
    return lab.build((PROGRAMS / f"{name}.c").read_text(), name=name)


def numbered(size_bytes: int) -> bytes:
    """Return what flood.c writes before its last line."""
    lines = b"".join(b"%015d\n" % number for number in range(size_bytes // 16 + 1))
    return lines[:size_bytes]


def fnv1a(data: bytes) -> str:
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 & (1 << 64) - 1
    return f"{value:016x}"


@pytest.mark.parametrize("machine", ["microvm", "q35", "pc"])
def test_a_flood_arrives_whole_at_every_reader(lab, driver, machine):
    size_bytes, pieces = 3_000_001, []
    guest = lab.boot(build(lab, "flood"), argv=["flood", str(size_bytes), "5000"],
                     machine=machine)
    guest.console.subscribe(pieces.append)
    assert guest.wait(timeout=60) == 0
    said = guest.console.bytes
    assert said[:size_bytes] == numbered(size_bytes)
    assert re.fullmatch(rb"\d+ ns\n", said[size_bytes:])
    assert b"".join(pieces) == said
    assert guest.console.lost_bytes == 0
    assert guest.header.console_input == ConsoleInput.VIRTIO


def test_a_program_that_says_little_keeps_to_the_serial_port(lab):
    guest = lab.boot(build(lab, "flood"), argv=["flood", "100", "100"])
    assert guest.wait(timeout=60) == 0
    assert guest.header.console_input == ConsoleInput.SERIAL


def test_without_a_place_for_it_there_is_the_serial_port_and_nothing_is_lost(lab, tmp_path):
    guest = lab.boot(build(lab, "flood"), argv=["flood", "100000", "3000"],
                     disks=[lab.disk(tmp_path / f"{n}.img", size_mib=1) for n in range(8)])
    assert guest.wait(timeout=60) == 0
    assert guest.console.bytes[:100_000] == numbered(100_000)
    assert guest.header.console_input == ConsoleInput.SERIAL


@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_input_of_any_bytes_arrives_whole_while_the_guest_changes_its_console(lab, machine):
    data = bytes(at * 7 % 256 for at in range(100_000))
    guest = lab.boot(build(lab, "swallow"), argv=["swallow", str(len(data))], machine=machine)
    guest.console.expect("ready", timeout=60)
    for at in range(0, len(data), 30_011):
        guest.console.send(data[at:at + 30_011])
    assert guest.wait(timeout=60) == 0
    assert fnv1a(data) in guest.console.text
    assert guest.header.console_input == ConsoleInput.VIRTIO


def test_two_senders_do_not_interleave(lab):
    guest = lab.boot(build(lab, "swallow"), argv=["swallow", "40000"])
    guest.console.expect("ready", timeout=60)
    senders = [threading.Thread(target=guest.console.send, args=(letter * 20_000,))
               for letter in "ab"]
    for sender in senders:
        sender.start()
    assert guest.wait(timeout=60) == 0
    for sender in senders:
        sender.join()
    possible = [fnv1a(one + other) for one, other in
                ((b"a" * 20_000, b"b" * 20_000), (b"b" * 20_000, b"a" * 20_000))]
    assert guest.console.text.split()[-1] in possible


def test_input_that_nobody_reads_is_said_to_be_that(lab):
    guest = lab.boot(build(lab, "keys"), argv=["keys", "compute"])
    guest.console.expect("begun", timeout=60)
    with pytest.raises(GuestTimeout, match="keys does not read its input: it left"):
        guest.console.send("x" * 200_000, timeout=0.3)
    guest.stop()


def test_a_guest_that_dies_while_it_is_given_input_is_an_error_of_the_sender(lab):
    guest = lab.boot(build(lab, "keys"), argv=["keys", "compute"])
    guest.console.expect("begun", timeout=60)
    threading.Thread(target=stop_once_it_is_given_input, args=(guest,)).start()
    with pytest.raises(GuestError, match="ended and did not read its input"):
        guest.console.send("x" * 200_000, timeout=60)


def stop_once_it_is_given_input(guest) -> None:
    while not main_thread_is_in("_send_to"):
        time.sleep(0.01)
    guest.stop()


# The window, and keys


def test_the_window_is_the_size_it_was_told_and_changes_are_signals(lab, driver):
    guest = lab.boot(build(lab, "keys"))
    assert guest.console.resize(40, 100) is True
    guest.console.expect(r"begun (40 100 0 0|24 80 0 0\nchanged 40 100 0 0)", timeout=60)
    guest.console.expect("ready", timeout=60)
    assert guest.console.resize(50, 120, 900, 700) is True
    guest.console.expect("changed 50 120 900 700", timeout=60)
    assert guest.console.resize(50, 120, 900, 700) is False
    assert (guest.console.window.rows, guest.console.window.columns) == (50, 120)
    guest.console.send("q")
    assert guest.wait(timeout=60) == 0
    assert guest.console.text.count("changed 50") == 1
    with pytest.raises(GuestError, match="has ended and has no window"):
        guest.console.resize(24, 80)


def test_a_guest_assumes_a_window_until_it_is_told_one(lab):
    guest = lab.boot(build(lab, "keys"))
    guest.console.expect("begun 24 80 0 0", timeout=60)
    assert guest.console.window is None
    guest.stop()


@pytest.mark.parametrize("size", [(0, 80), (24, 0), (24, 65536), (-1, 80), ("24", 80),
                                  (24.0, 80), (True, 80), (24, 80, -1), (24, 80, 0, 1 << 16)])
def test_a_size_that_no_window_has_is_refused(lab, size):
    guest = lab.boot(build(lab, "keys"), paused=True)
    with pytest.raises(UsageError, match=r"is not a whole number from [01] to 65535"):
        guest.console.resize(*size)
    guest.stop()


def test_every_key_reaches_a_program_that_wants_keys(lab):
    guest = lab.boot(build(lab, "keys"), terminal=True)
    guest.console.expect("TERM is xterm-256color\r\n", timeout=60)
    guest.console.expect("ready", timeout=60)
    guest.console.send(b"\x00\x03\x04\x11\x13\x1a\x1b[A\r\n\x7f\xc3\xa4\xff")
    guest.console.expect("00 03 04 11 13 1a 1b 5b 41 0d 0a 7f c3 a4 ff", timeout=60)
    guest.console.send("q")
    assert guest.wait(timeout=60) == 0


def test_control_c_ends_a_program_that_computes_as_it_ends_a_process(lab, driver):
    guest = lab.boot(build(lab, "keys"), argv=["keys", "compute"])
    guest.console.expect("begun", timeout=60)
    guest.console.send("typed before\x03")
    assert guest.wait(timeout=60) == 128 + 2
    assert guest.state == "exited"


def test_only_a_terminal_gets_a_cr_before_each_lf_and_an_echo_at_once(lab):
    image = build(lab, "keys")
    for terminal, text in ((False, b"begun 24 80 0 0\n"), (True, b"begun 24 80 0 0\r\nabc\r\n")):
        guest = lab.boot(image, argv=["keys", "compute"], terminal=terminal)
        guest.console.expect("begun.*\n", timeout=60)
        guest.console.send("abc\r")
        if terminal:
            guest.console.expect("abc\r\n", timeout=60)
        else:
            time.sleep(0.2)
        assert guest.console.bytes == text
        guest.stop()
