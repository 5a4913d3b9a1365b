"""One JupyterLab for all browser tests of a run, and a Chromium for each module of them."""

import secrets
import shutil
from pathlib import Path

import pytest
from capabilities import need
from jupyter import PROJECT, NotebookPage, chromium, jupyterlab

NOTEBOOK = PROJECT / "notebooks" / "00_first_guest.ipynb"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A JupyterLab whose guests live in this test run's runtime folder."""
    need("browser", "qemu", "libvirt", "compiler")
    with jupyterlab(tmp_path_factory.mktemp("lab"), {}) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    """A headless Chromium.

    Not the whole run's: while Playwright drives it this thread has a running event loop, and
    tests elsewhere run shells, which start one of their own.
    """
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def first_guest(server) -> str:
    """A fresh copy of the first notebook in the server's folder; its name."""
    name = f"first_guest_{secrets.token_hex(3)}.ipynb"
    shutil.copy(NOTEBOOK, server.folder / name)
    return name


@pytest.fixture
def opened(server, browser):
    """A function that opens a notebook; the pages and their sessions end with the test."""
    pages: list[NotebookPage] = []

    def open_notebook(name: str, **options) -> NotebookPage:
        pages.append(NotebookPage(browser, server, name, **options))
        return pages[-1]

    yield open_notebook
    for page in pages:
        page.close()
    server.end_sessions()


@pytest.fixture
def written(server):
    """A function that writes a notebook of the given code cells; returns its name."""
    import nbformat

    def write(name: str, *cells: str) -> str:
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3",
                                    "language": "python"}
        nbformat.write(made, Path(server.folder) / f"{name}.ipynb")
        return f"{name}.ipynb"

    return write
