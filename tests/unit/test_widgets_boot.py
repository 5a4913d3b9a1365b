"""The boot chart's view: its rows, its traits, and what a cell shows of a guest's phases."""

import pytest

from kernel_magics.boot.phases import BootPhases
from kernel_magics.errors import UsageError
from kernel_magics.widgets.boot_chart.view import BootChartView
from kernel_magics.widgets.displays import _phases

PHASES = {"define": 3_000_000, "exec": 40_000_000, "entry": 1_000_000, "libc": 2_000_000,
          "main": 90_000_000, "exit": 500_000}


@pytest.fixture
def phases():
    found = BootPhases(PHASES)
    found.uncertainty_ns = 20_000
    return found


def test_each_phase_begins_where_the_one_before_ends(phases):
    view = BootChartView(phases, "Boot of hello")
    assert [row["name"] for row in view.rows] == list(PHASES)
    assert [row["start"] for row in view.rows] == view.df["start_ns"].tolist()
    assert {row["name"]: row["side"] for row in view.rows} == {
        "define": "host", "exec": "host", "entry": "guest", "libc": "guest", "main": "guest",
        "exit": "host"}
    assert view.rows[2]["text"] == "1 ms" and view.rows[1]["meaning"] == "QEMU starts"
    assert view.uncertainty_ns == 20_000 and view.title == "Boot of hello"


def test_its_text_is_the_phases_own(phases):
    assert BootChartView(phases).text() == repr(phases) == repr(BootChartView(phases))
    shown = _phases(phases)
    assert shown["text/plain"] == repr(phases) and "model_id" in str(shown)
    assert "<table" in shown["text/html"]  # for those who have no kernel


def test_a_phase_is_selected_by_name(phases):
    view = BootChartView(phases)
    assert view.row is None
    view.selected = "libc"
    assert view.row["duration_ns"] == 2_000_000
    with pytest.raises(UsageError, match="no phase 'lib'") as error:
        view.selected = "lib"
    assert "define, exec" in error.value.next_step and view.selected == "libc"


def test_a_boot_without_phases_has_no_rows():
    view = BootChartView(BootPhases())
    assert view.rows == [] and view.uncertainty_ns == 0
