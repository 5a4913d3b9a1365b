"""Execute notebooks and store their outputs: python tests/notebook/record.py NOTEBOOK ...

Run it after a change that alters what the notebooks show, look at the difference, and
commit it.  Widgets are stored as their text: JupyterLab shows no others in a notebook
that was not run by its reader.  What `%%upstream` cells put out goes to recordings/ as
well, which needs an installed Rumprun toolchain.
"""

import json
import os
import re
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import nbformat
from nbclient import NotebookClient

__all__ = ["record"]

PROJECT = Path(__file__).resolve().parents[2]
CELL_TIMEOUT_S = 300
WIDGET = "application/vnd.jupyter.widget-view+json"
MACHINE = re.compile(re.escape(str(PROJECT)) + "/?")


def record(path: Path) -> None:
    """Execute one notebook in a kernel of its own and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name="python3", timeout=CELL_TIMEOUT_S,
                            store_widget_state=False,
                            resources={"metadata": {"path": str(path.parent)}})
    os.environ["PYTHONPATH"] = str(PROJECT)
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
            cell.outputs = [without_prefix(output) for output in cell.outputs]
    record_upstream(path, notebook)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    text = nbformat.writes(notebook)
    if MACHINE.search(text):
        raise SystemExit(f"{path}: an output names a place on this machine")
    path.write_text(text + "\n", "utf-8")


def without_prefix(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Name the toolchain's folder by its variable: it is another on each machine."""
    prefix = os.environ.get("RUMPRUN_PREFIX")
    if not prefix:
        return output
    return nbformat.from_dict(json.loads(
        json.dumps(output).replace(prefix.rstrip("/"), "$RUMPRUN_PREFIX")))


def record_upstream(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Keep what the cells that need a Rumprun toolchain put out, for machines without one."""
    sys.path.insert(0, str(PROJECT / "notebooks"))
    recorded = import_module("recorded")
    steps = {found[1]: cell.outputs for cell in notebook.cells if cell.cell_type == "code"
             and (found := recorded.STEP_LINE.match(cell.source))}
    if not steps:
        return
    made = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "toolchain": recorded.toolchain_text(),
            "steps": steps}
    name = path.stem + ("_solutions" if path.parent.name == "solutions" else "")
    target = PROJECT / "notebooks" / "recordings" / f"{name}.json"
    target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")


def tidy(outputs: list) -> list:
    """Join what was written in pieces; leave out widgets and what a progress line left."""
    kept: list = []
    for output in outputs:
        last = kept[-1] if kept else None
        if output.output_type == "display_data" and not output.data:
            continue
        output.get("data", {}).pop(WIDGET, None)
        if last and output.output_type == last.output_type == "stream" \
                and output.name == last.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name).resolve())
