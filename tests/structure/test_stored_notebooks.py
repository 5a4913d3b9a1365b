"""The courseware as it is stored: readable, small, and from no particular machine."""

import json
import re

import nbformat
import pytest
from project_files import PROJECT, project_files

NOTEBOOKS = [name for name in project_files() if name.suffix == ".ipynb"]
LONGEST_CELL_LINES = 40
FROM_A_MACHINE = re.compile(r"/(?:root|home|work|tmp|dev/shm|var)/[\w.-]+")


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS, ids=str)
def test_a_notebook_is_valid_and_uses_the_environments_kernel(name):
    notebook = nbformat.read(PROJECT / name, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", NOTEBOOKS, ids=str)
def test_stored_outputs_name_no_place_on_a_machine(name):
    notebook = nbformat.read(PROJECT / name, as_version=4)
    outputs = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert not FROM_A_MACHINE.findall(outputs)


@pytest.mark.parametrize("name", NOTEBOOKS, ids=str)
def test_cells_are_short(name):
    notebook = nbformat.read(PROJECT / name, as_version=4)
    long = [index for index, cell in enumerate(notebook.cells)
            if cell.cell_type == "code" and cell.source.count("\n") >= LONGEST_CELL_LINES]
    assert not long
