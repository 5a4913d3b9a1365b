"""Every notebook runs from top to bottom, and shows what is stored in it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from capabilities import need

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((PROJECT / "notebooks").rglob("*.ipynb"))

pytestmark = [pytest.mark.notebook, pytest.mark.guest, pytest.mark.slow]


def nbval(path: Path, **environment: str) -> subprocess.CompletedProcess:
    """Compare a notebook with its stored outputs, in a pytest of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env",
               "--nbval-sanitize-with", str(Path(__file__).parent / "sanitize.cfg"),
               "-p", "no:cacheprovider", "--timeout", "600", str(path)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(PROJECT), **environment})


def without_toolchain() -> dict[str, str]:
    """Return an environment in which no Rumprun toolchain is found."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep)
               if not (Path(folder) / "rumprun-bake").exists()]
    return {"RUMPRUN_PREFIX": "", "PATH": os.pathsep.join(folders)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_shows_what_is_stored_in_it(path):
    need("qemu", "libvirt", "compiler")
    if "--package" in path.read_text():
        need("debian")
    done = nbval(path)
    assert done.returncode == 0, done.stdout
    cells = sum(c.cell_type == "code" for c in nbformat.read(path, 4).cells)
    assert f"{cells} passed" in done.stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if "%%upstream" in path.read_text()],
                         ids=lambda p: str(p.relative_to(PROJECT / "notebooks")))
def test_what_needs_a_toolchain_is_shown_as_recorded_without_one(path):
    need("qemu", "libvirt", "compiler")
    done = nbval(path, **without_toolchain())
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(300)
def test_a_notebook_that_shows_something_else_would_be_noticed(tmp_path):
    need("qemu", "libvirt", "compiler")
    notebook = nbformat.read(PROJECT / "notebooks" / "00_first_guest.ipynb", 4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    notebook.cells = code[:3]
    notebook.cells[1].source = notebook.cells[1].source.replace("hello from ring 0", "hullo")
    path = tmp_path / "changed.ipynb"
    nbformat.write(notebook, path)
    done = nbval(path)
    assert done.returncode == 1
    assert "hullo" in done.stdout
    assert "1 failed" in done.stdout
