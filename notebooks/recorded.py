"""Cells that need an installed Rumprun toolchain: run where there is one, else shown as recorded.

A cell that begins with `%%upstream STEP` is, where a toolchain is installed, what stands below
that line.  Elsewhere it puts out what it did when the notebook was recorded, from the folder
`recordings`; tests/notebook/record.py writes that.  Views are pictures then, from `images`.
"""

import base64
import json
import re
import sys
from html import escape
from pathlib import Path

from IPython import get_ipython
from IPython.display import publish_display_data

from kernel_magics.build.rumprun import find_rumprun, rumprun_problem
from kernel_magics.errors import UsageError

__all__ = ["STEP_LINE", "Recorded", "begin", "replay", "toolchain_text"]

FOLDER = Path(__file__).resolve().parent
STEP_LINE = re.compile(r"%%upstream[ \t]+(\w+)\s*\n?")
WIDGET = "application/vnd.jupyter.widget-view+json"


def toolchain_text() -> str:
    """Return which toolchain is installed, without its place; raises HostError if none is."""
    found = find_rumprun()
    languages = "C and C++" if found.cxx else "C"
    return f"upstream Rumprun ({languages}), rumprun-bake {found.version}"


class Recorded:
    """How the cells of a notebook are shown: `problem` is None where they all run."""

    def __init__(self, notebook: str) -> None:
        self.notebook = notebook
        self.problem = rumprun_problem()
        self._made = json.loads((FOLDER / "recordings" / f"{notebook}.json").read_text("utf-8"))

    @property
    def steps(self) -> dict[str, list[dict]]:
        """Step → what its cell put out, as nbformat has outputs."""
        return self._made["steps"]

    def transform(self, lines: list[str]) -> list[str]:
        """Return a cell's lines as IPython is to run them."""
        found = STEP_LINE.fullmatch(lines[0]) if lines else None
        if found is None:
            return lines
        if self.problem is None:
            return lines[1:]
        return [f"__import__('recorded').replay({self.notebook!r}, {found[1]!r})\n"]

    def __repr__(self) -> str:
        if self.problem is None:
            return f"Every cell runs here: {toolchain_text()}."
        return (f"RECORDED: {self.problem[0]}. Cells that begin with %%upstream show what they did "
                f"on {self._made['date']} with {self._made['toolchain']}; all others run.\n"
                f"To run them: {self.problem[1]}.")

    def _repr_html_(self) -> str:
        colour = "success" if self.problem is None else "warn"
        text = escape(repr(self)).replace("\n", "<br>").replace("RECORDED", "<b>RECORDED</b>")
        return (f'<p style="border-left:4px solid var(--jp-{colour}-color1,#888);'
                f'padding:4px 10px">{text}</p>')


def begin(notebook: str) -> Recorded:
    """Have `%%upstream` cells of this session run, or replayed from that notebook's recording."""
    recorded = Recorded(notebook)
    cleanup = get_ipython().input_transformers_cleanup
    cleanup[:] = [one for one in cleanup if not isinstance(getattr(one, "__self__", None), Recorded)]
    cleanup.insert(0, recorded.transform)
    return recorded


def replay(notebook: str, step: str) -> None:
    """Put out what a step put out when it was recorded; UsageError if it was not."""
    steps = Recorded(notebook).steps
    if step not in steps:
        raise UsageError(f"the recording of {notebook} has no step {step!r}",
                         next_step=f"it has {', '.join(steps)}")
    for output in steps[step]:
        if output["output_type"] == "stream":
            print(output["text"], end="", file=getattr(sys, output["name"]))
        else:
            publish_display_data(_with_picture(notebook, step, output["data"]))


def _with_picture(notebook: str, step: str, data: dict) -> dict:
    """Return what to show; in place of a view, which needs a guest, its picture."""
    picture = FOLDER / "images" / f"{notebook[:2]}_{step}.png"
    if "text/html" in data or not picture.exists():
        return data
    return {**data, "image/png": base64.b64encode(picture.read_bytes()).decode()}
