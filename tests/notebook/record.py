"""Execute notebooks and store their outputs: python tests/notebook/record.py NOTEBOOK ...

Run it after a change that alters what the notebooks show, look at the difference, and
commit it.  The widgets' state is stored too, so that a notebook that was not run yet
shows its pictures.
"""

import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

__all__ = ["record"]

PROJECT = Path(__file__).resolve().parents[2]
CELL_TIMEOUT_S = 300
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
MACHINE = re.compile(re.escape(str(PROJECT)) + "/?")


def record(path: Path) -> None:
    """Execute one notebook in a kernel of its own and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, kernel_name="python3", timeout=CELL_TIMEOUT_S,
                            resources={"metadata": {"path": str(path.parent)}})
    os.environ["PYTHONPATH"] = str(PROJECT)
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
    keep_shown_widgets(notebook)
    notebook.metadata.language_info = {"name": "python"}
    text = nbformat.writes(notebook)
    if MACHINE.search(text):
        raise SystemExit(f"{path}: an output names a place on this machine")
    path.write_text(text + "\n", "utf-8")


def tidy(outputs: list) -> list:
    """Join what was written in pieces, and leave out what a progress line left."""
    kept: list = []
    for output in outputs:
        last = kept[-1] if kept else None
        if output.output_type == "display_data" and not output.data:
            continue
        if last and output.output_type == last.output_type == "stream" \
                and output.name == last.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


def keep_shown_widgets(notebook: nbformat.NotebookNode) -> None:
    """Drop the state of widgets that no output shows."""
    shown = {output.data[WIDGET].model_id for cell in notebook.cells
             for output in cell.get("outputs", []) if WIDGET in output.get("data", {})}
    states = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    layouts = {states[model].state.layout.removeprefix("IPY_MODEL_") for model in shown}
    for model in set(states) - shown - layouts:
        del states[model]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name).resolve())
