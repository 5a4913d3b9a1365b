"""./lab-setup/start --run: a notebook without a browser, and a set-up that is done already."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

PROJECT = Path(__file__).resolve().parents[2]
RUN_NOTEBOOK = PROJECT / "lab-setup" / "run_notebook.py"

pytestmark = pytest.mark.notebook


def write_notebook(path: Path, *sources: str) -> Path:
    """Write a notebook with one code cell for each source."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)
    return path


def run(path: Path) -> subprocess.CompletedProcess[str]:
    """Execute a notebook as start --run does."""
    return subprocess.run([sys.executable, str(RUN_NOTEBOOK), str(path)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def test_each_cell_is_printed_with_its_text_and_the_notebook_is_left_alone(tmp_path):
    # The line comes in two messages.
    path = write_notebook(tmp_path / "sum.ipynb", "print('str', end='', flush=True)\n"
                          "print('eamed', flush=True)\n1 + 1",
                          "import os; os.getcwd()")
    before = path.read_bytes()
    said = run(path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.split("\n\n")[0].strip().splitlines() == [
        "In [1]: print('str', end='', flush=True)", "streamed", "2"]
    assert f"In [2]: import os; os.getcwd()\n'{tmp_path}'" in said.stdout
    assert "sum.ipynb: 2 cells ran" in said.stdout
    assert path.read_bytes() == before


def test_a_cell_that_fails_ends_it_with_what_its_reader_would_see(tmp_path):
    said = run(write_notebook(tmp_path / "bad.ipynb", "print('first')", "1 / 0", "print('never')"))
    assert said.returncode == 1
    assert "first" in said.stdout
    assert "ZeroDivisionError: division by zero" in said.stdout
    assert "never" not in said.stdout
    assert "bad.ipynb: a cell failed" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_kernel_that_dies_is_said(tmp_path):
    said = run(write_notebook(tmp_path / "dead.ipynb", "import os; os._exit(3)"))
    assert said.returncode == 1
    assert "died" in said.stderr.lower()
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("text", ["", "not JSON", "[1, 2]", '{"cells": 3, "nbformat": 4}'])
def test_what_is_no_notebook_is_said(tmp_path, text):
    path = tmp_path / "text.ipynb"
    path.write_text(text)
    said = run(path)
    assert said.returncode == 1
    assert "is not a notebook" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.slow
@pytest.mark.guest
@pytest.mark.timeout(1200)  # what was edited since the set-up is installed and built anew
def test_start_changes_nothing_when_all_is_there_and_boots_a_guest(tmp_path):
    path = write_notebook(tmp_path / "seven.ipynb", "import kernel_magics\n7")
    # The first may build what was edited since the set-up.
    for _ in range(2):
        said = subprocess.run(
            [str(PROJECT / "lab-setup" / "start"), "--run", path.name], cwd=tmp_path,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=500)
        assert said.returncode == 0, said.stdout + said.stderr
    lines = {line[:22].strip(): line[22:] for line in said.stdout.splitlines()
             if line.startswith("  ") and not line.startswith("   ")}
    assert list(lines) == ["system packages", "Python environment", "guest runtime",
                           "widget bundles", "self-test"]
    assert "up to date" in lines["Python environment"]
    assert "up to date" in lines["widget bundles"]
    assert "self-test has booted" in said.stdout
    chart = said.stdout.partition("self-test has booted")[2]
    phases = [line.split() for line in chart.splitlines() if " ms" in line and "(" not in line]
    *parts, whole = [float(words[1]) for words in phases]
    assert whole == pytest.approx(sum(parts), abs=0.01)
    assert said.stdout.rstrip().endswith("seven.ipynb: 1 cells ran")
