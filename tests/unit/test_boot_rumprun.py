"""Upstream Rumprun's configuration, and the ends its consoles tell of."""

import json

import pytest

from kernel_magics.boot.devices import Devices
from kernel_magics.boot.network import parse_network
from kernel_magics.boot.rumprun import read_end, rumprun_configuration
from kernel_magics.boot.shares import parse_shares
from kernel_magics.boot.spec import render
from kernel_magics.errors import UsageError

HALTED = "rump kernel halting...\nsyncing disks... done\nhalted\n"
PROGRAM = [{"bin": "hello", "argv": ["hello", "a b"]}]


@pytest.mark.parametrize(("text", "status"), [
    ('\n=== main() of "hello" returned 3 ===\n\n=== ERROR: _exit(3) called ===\n' + HALTED, 3),
    ("\n=== _exit(0) called ===\n" + HALTED, 0),
    ("\r\n=== _exit(0) called ===\r\nhalted\r\n", 0),
    ('\n=== main() of "a" returned 1 ===\n=== main() of "b" returned 0 ===\n' + HALTED, 0),
    ("\n=== ERROR: _exit(-1) called ===\n" + HALTED, 255),
])
def test_exit_statuses(text, status):
    end = read_end(text)
    assert end and (end.status, end.reason) == (status, "")


@pytest.mark.parametrize("text", [
    "", "rump kernel bare metal bootstrap\n", '\n=== main() of "hello" returned 3 ===\n',
    "a line that says halted in the middle\n"])
def test_a_guest_that_goes_on(text):
    assert read_end(text) is None


def test_crashes():
    trap = read_end("hello\nFATAL TRAP: page fault at 0x2e9dd0 (0x8)\n")
    assert trap and trap.status is None and trap.reason == "page fault at 0x2e9dd0, address 0x8"
    short = read_end("cannot handle page request order 5/0x1000!\nPANIC: out of it\nhalted\n")
    assert short and short.status is None
    assert short.reason == ("out of it; before, 128 KiB in one piece could not be had: "
                            "it needs more memory")
    silent = read_end("halted\n")
    assert silent and silent.status is None and "no program had ended" in silent.reason


def test_only_the_end_of_a_long_console_counts():
    assert read_end("x" * 200_000 + "\n=== _exit(4) called ===\nhalted\n").status == 4


def test_the_documented_configuration():
    network = parse_network("user", [80], "10.0.2.15/24", False)
    pairs = rumprun_configuration(PROGRAM, {"A": "1", "B": "x y"}, "host", Devices("pc", network))
    text = render(pairs)
    assert text.count('"env":') == 2  # repeated, as upstream wants it
    found = json.loads(text)
    assert found["rc"] == [{"bin": "hello", "argv": ["a b"]}]
    assert found["hostname"] == "host" and "lab" not in found
    assert found["net"]["if"] == "vioif0" and found["net"]["addr"] == "10.0.2.15"
    assert "dns" not in found["net"]  # it refuses keys it does not know


def test_what_such_guests_cannot_have(tmp_path):
    shares = parse_shares({"/work": tmp_path})
    with pytest.raises(UsageError, match="no file system for host folders"):
        rumprun_configuration(PROGRAM, {}, "", Devices("pc", None, (), shares))
    with pytest.raises(UsageError, match="programs start in /"):
        rumprun_configuration([{**PROGRAM[0], "workdir": "/tmp"}], {}, "", Devices("pc"))
