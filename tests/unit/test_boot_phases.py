"""Boot phases: pure arithmetic on made-up clocks."""

import random

import pytest

from kernel_magics.boot.abi import PHASES, Phase
from kernel_magics.boot.hypervisor.calibration import clock_hz
from kernel_magics.boot.phases import Sightings, boot_phases

HZ = 2_000_000_000  # two ticks a nanosecond
CALLED = 1_000_000_000


def stamps(**phases_ns: int) -> tuple[int, ...]:
    """Return phase_tsc for guest times in nanoseconds."""
    values = [0] * PHASES
    for name, ns in phases_ns.items():
        values[Phase[name]] = ns * 2
    return tuple(values)


GUEST = {"ENTRY": 3_000_000, "RUNTIME": 3_100_000, "DEVICES": 3_200_000, "KERNEL": 3_500_000,
         "LIBC": 3_900_000, "MAIN": 4_000_000, "EXIT": 9_000_000}
MARKS = {"called": CALLED, "spawned": CALLED + 1_000_000, "gone": CALLED + 60_000_000}


def watched(offset_ns: int, every_ns: int) -> Sightings:
    """Return what a watcher sees that looks `every_ns` at a guest whose time 0 is then."""
    seen = Sightings()
    for now in range(CALLED + 1_000_000, CALLED + 60_000_000, every_ns):
        passed = sum(1 << Phase[name] for name, ns in GUEST.items() if offset_ns + ns <= now)
        seen.note(passed, now, now)
    return seen


def test_phases_sum_to_the_wall_time_and_keep_their_order():
    phases = boot_phases(MARKS, stamps(**GUEST), HZ, watched(CALLED + 40_000_000, 1_000_000), 0)
    assert list(phases) == ["define", "exec", "entry", "runtime", "devices", "kernel", "libc",
                            "main", "exit"]
    assert sum(phases.values()) == phases.total_ns == 60_000_000
    assert phases["define"] == 1_000_000
    assert phases["runtime"] == 100_000 and phases["main"] == 5_000_000


@pytest.mark.parametrize("every_ns", [10_000, 500_000, 2_000_000])
def test_the_anchor_is_as_good_as_the_looks(every_ns):
    offset = CALLED + 40_000_000
    phases = boot_phases(MARKS, stamps(**GUEST), HZ, watched(offset, every_ns), 0)
    entry_ns = CALLED + phases["define"] + phases["exec"]
    assert abs(entry_ns - (offset + GUEST["ENTRY"])) <= phases.uncertainty_ns <= every_ns


def test_a_guest_nobody_watched_lies_between_exec_and_end():
    phases = boot_phases(MARKS, stamps(**GUEST), HZ, Sightings(), 0)
    assert phases.total_ns == 60_000_000 and phases["main"] == 5_000_000
    assert phases.uncertainty_ns > 10_000_000


def test_a_running_guest_is_in_main_until_now():
    marks = {name: mark for name, mark in MARKS.items() if name != "gone"}
    running = {name: ns for name, ns in GUEST.items() if name != "EXIT"}
    phases = boot_phases(marks, stamps(**running), HZ, watched(CALLED + 40_000_000, 100_000),
                         CALLED + 100_000_000)
    assert list(phases)[-1] == "main" and phases.total_ns == 100_000_000


def test_a_pause_before_the_start_and_the_firmware_are_shown():
    marks = {**MARKS, "created": CALLED + 5_000_000, "resumed": CALLED + 30_000_000}
    phases = boot_phases(marks, stamps(**GUEST), HZ, watched(CALLED + 40_000_000, 100_000), 0)
    assert phases["exec"] == 4_000_000 and phases["paused"] == 25_000_000
    assert "firmware" in phases and phases.total_ns == 60_000_000


def test_stamps_that_lie_are_left_out():
    mad = list(stamps(**GUEST))
    mad[Phase.KERNEL] = 1
    phases = boot_phases(MARKS, tuple(mad), HZ, Sightings(), 0)
    assert "kernel" not in phases and phases.total_ns == 60_000_000
    assert all(ns >= 0 for ns in phases.values())


def test_without_a_clock_or_a_header_only_the_host_is_known():
    assert list(boot_phases(MARKS, stamps(**GUEST), 0, Sightings(), 0)) == ["define", "exec"]
    assert list(boot_phases(MARKS, (0,) * PHASES, HZ, Sightings(), 0)) == ["define", "exec"]


def test_the_table_and_the_chart_say_the_same():
    phases = boot_phases(MARKS, stamps(**GUEST), HZ, Sightings(), 0)
    assert phases.df["duration_ns"].to_dict() == phases
    assert phases.df["start_ns"].iloc[-1] + phases.df["duration_ns"].iloc[-1] == 60_000_000
    lines = phases.chart().splitlines()
    assert [line.split()[0] for line in lines] == [*phases, "total"]
    assert repr(phases) == phases.chart() and "5.00 ms" in phases.chart()


def test_a_clock_is_measured_through_late_samples():
    chance = random.Random(7)
    samples = []
    for now in range(0, 60_000_000, 500_000):
        late = chance.choice((0, 0, 200, 3_000_000)) + chance.randrange(300)
        samples.append((now, max(now - late, 0) * 5 // 2 + 12345))
    assert abs(clock_hz(samples) - 2_500_000_000) < 2_500_000_000 // 10_000


def test_a_clock_that_stands_still_has_no_frequency():
    assert clock_hz([(0, 5), (10, 5), (20, 5)]) == 0
    assert clock_hz([(0, 5)]) == clock_hz([]) == 0
