"""The parts of the views that need no browser: texts, tails, leases, filters."""

import time

import numpy as np
import pandas as pd
import pytest

from kernel_magics.widgets.boot_chart.phases import boot_chart_html
from kernel_magics.widgets.foundation import view
from kernel_magics.widgets.foundation.markup import byte_text, duration_text, table
from kernel_magics.widgets.foundation.view import Pump
from kernel_magics.widgets.layers.view import boundary_calls
from kernel_magics.widgets.trace.view import calls_text


@pytest.mark.parametrize(("size_bytes", "text"), [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 20, "3.0 MiB")])
def test_sizes_in_the_unit_that_suits(size_bytes, text):
    assert byte_text(size_bytes) == text


@pytest.mark.parametrize(("time_ns", "text"), [
    (0, "0 ns"), (999, "999 ns"), (1500, "1.5 µs"), (2_340_000, "2.34 ms"),
    (1_230_000_000, "1.23 s")])
def test_times_in_the_unit_that_suits(time_ns, text):
    assert duration_text(time_ns) == text


def test_a_table_says_what_its_columns_are():
    made = table(("call", "n"), [("<b>x</b>", "1")], numeric=(1,), caption="a & b")
    assert "<caption>a &amp; b</caption>" in made
    assert '<td><b>x</b></td><td class="n">1</td>' in made


def test_a_boot_chart_folds_the_guests_phases_into_one_and_enlarges_them():
    html = boot_chart_html({"exec": 6_000_000, "entry": 1_000_000, "libc": 2_000_000,
                            "main": 1_000_000})
    outer, inner = html.split("<caption>")[1:]
    assert ">boot<" in outer and "3 ms" in outer and "10 ms" in outer
    assert "left:60.00%;width:30.00%" in outer
    assert "entry" in inner and "left:33.33%;width:66.67%" in inner
    assert "main <span" not in inner


def test_a_boot_chart_of_a_guest_that_tells_nothing_has_the_hosts_phases_only():
    assert boot_chart_html({"define": 1, "exec": 2}).count("<table") == 1


def test_a_pump_stops_when_the_lease_has_run_out_and_goes_on_when_renewed(monkeypatch):
    ticks = []
    pump = Pump(lambda: ticks.append(1) or True, "test", period_s=0.005)
    pump.start()
    await_true(lambda: ticks)
    monkeypatch.setattr(view, "LEASE_S", 0.05)
    pump.renew()
    await_true(lambda: not pump.active)
    await_true(lambda: not pump._renewed.is_set())  # it sleeps until it is renewed
    count = len(ticks)
    time.sleep(0.1)
    assert len(ticks) == count
    monkeypatch.undo()
    pump.renew()
    await_true(lambda: len(ticks) > count)
    pump.close()
    await_true(lambda: not pump._thread.is_alive())


def test_a_pump_ends_when_there_will_be_nothing_more():
    pump = Pump(lambda: False, "test")
    pump.start()
    await_true(lambda: not pump._thread.is_alive())
    assert not pump.active


def await_true(condition, within_s: float = 60.0) -> None:
    """Wait until `condition()` holds."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_calls_are_sorted_to_the_boundary_they_cross():
    counters = np.zeros(1024, np.uint64)
    counters[64 + 1], counters[512 + 1], counters[6] = 3, 2, 1
    assert boundary_calls(counters) == {
        "syscalls": {"write": 2}, "hypercalls": {"rumpuser_malloc": 3},
        "exits": {"host_exit": 1}}


EVENTS = pd.DataFrame({
    "event": pd.Categorical(["write", "rumpuser_free", "rumpuser_malloc", "write"]),
    "group": pd.Categorical(["syscall", "hypercall", "hypercall", "syscall"]),
    "thread": [1, 1, 2, 2]})


def test_the_text_of_a_trace_counts_the_most_frequent_first():
    assert calls_text(EVENTS).splitlines() == [
        "  2  write", "  1  rumpuser_free", "  1  rumpuser_malloc"]
