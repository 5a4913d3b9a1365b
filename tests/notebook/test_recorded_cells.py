"""Cells that need a Rumprun toolchain: shown as recorded where there is none."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
WITH_STEPS = [path for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
              if "%%upstream" in path.read_text("utf-8")]
NOTEBOOK = "10_upstream_rumprun"


def steps_of(path: Path) -> list[str]:
    """Return the steps of a notebook's cells."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [found[1] for cell in cells if (found := re.match(r"%%upstream (\w+)\n", cell))]


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """The module beside the notebooks, where no toolchain is found."""
    monkeypatch.setenv("RUMPRUN_PREFIX", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    yield import_module("recorded")
    sys.modules.pop("recorded")


@pytest.fixture
def shell():
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("path", WITH_STEPS, ids=lambda p: str(p.relative_to(NOTEBOOKS)))
def test_each_step_is_recorded_and_shows_what_the_notebook_has_stored(path):
    name = path.stem + ("_solutions" if path.parent.name == "solutions" else "")
    made = json.loads((NOTEBOOKS / "recordings" / f"{name}.json").read_text("utf-8"))
    steps = steps_of(path)
    assert steps and len(set(steps)) == len(steps)
    assert list(made["steps"]) == steps
    cells = [cell for cell in nbformat.read(path, 4).cells
             if cell.source.startswith("%%upstream")]
    assert [cell.outputs for cell in cells] == list(made["steps"].values())
    assert made["toolchain"].startswith("upstream Rumprun") and made["date"]


def test_pictures_belong_to_steps():
    known = {step for path in WITH_STEPS for step in steps_of(path)}
    pictures = {path.stem[3:] for path in (NOTEBOOKS / "images").glob("10_*.png")}
    assert pictures and pictures <= known


def test_a_step_is_shown_as_recorded(recorded, shell):
    shown = repr(recorded.begin(NOTEBOOK))
    assert shown.startswith("RECORDED: upstream Rumprun is not installed here.")
    with capture_output() as captured:
        result = shell.run_cell("%%upstream boot\nraise SystemExit('this needs a toolchain')")
    assert result.success
    assert 'main() of "hello" returned 7' in captured.stdout
    assert any("('exited', 7)" in output.data.get("text/plain", "") for output in captured.outputs)


def test_a_view_is_a_picture(recorded, shell):
    recorded.begin(NOTEBOOK)
    with capture_output() as captured:
        shell.run_cell("%%upstream layers\n%rumplayers note")
    assert {"text/plain", "image/png"} <= set(captured.outputs[0].data)


def test_other_cells_run_and_a_second_beginning_changes_nothing(recorded, shell):
    recorded.begin(NOTEBOOK)
    recorded.begin(NOTEBOOK)
    assert shell.run_cell("x = 6 * 7").success and shell.user_ns["x"] == 42
    with capture_output() as captured:
        shell.run_cell("%%upstream components\nnothing")
    assert len(captured.outputs) == 1


def test_a_step_that_was_not_recorded_is_said(recorded, shell):
    recorded.begin(NOTEBOOK)
    with capture_output():
        result = shell.run_cell("%%upstream nothing\n1")
    assert "no step 'nothing'" in str(result.error_in_exec)
    assert "bakes" in result.error_in_exec.next_step
