"""A notebook in a real JupyterLab and Chromium, for what a browser's share is measured in."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernel_magics.errors import HostError
from kernel_magics.places import project_dir

__all__ = ["notebook_page", "task_seconds"]


@contextmanager
def notebook_page(*cells: str) -> Iterator[Any]:
    """Open a notebook of these code cells; yield the browser tests' NotebookPage.

    Raises HostError where there is no Chromium, JupyterLab or Playwright.
    """
    folder = str(project_dir() / "tests" / "browser")
    sys.path.insert(0, folder)
    try:
        import nbformat
        from jupyter import NotebookPage, chromium, jupyterlab
    except ImportError as error:
        raise HostError(f"a browser cannot be driven: {error}",
                        next_step="./lab-setup/test fetches what is needed") from error
    finally:
        sys.path.remove(folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3",
                                    "language": "python"}
    with tempfile.TemporaryDirectory(prefix="rl-page-") as place, \
            jupyterlab(Path(place), {}) as server, chromium(Path(place)) as browser:
        nbformat.write(notebook, server.folder / "measured.ipynb")
        page = NotebookPage(browser, server, "measured.ipynb")
        yield page
        page.close()


def task_seconds(page: Any) -> float:
    """Return how long the page's main thread has worked since it was opened."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))
