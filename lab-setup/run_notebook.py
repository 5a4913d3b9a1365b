"""Execute a notebook and print the text of each cell's output; nothing is written to it."""

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

CELL_TIMEOUT_SECONDS = 600
START_TIMEOUT_SECONDS = 180
# What nbformat raises for text, for JSON of another shape, and for an invalid notebook.
NOT_A_NOTEBOOK = (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError)


def main(path: Path) -> int:
    """Return 0 if every cell ran to its end."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except NOT_A_NOTEBOOK as error:
        print(f"{path} is not a notebook: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    # Other users of this machine cannot listen to what notebook and kernel say.
    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    client = NotebookClient(
        notebook, config=encrypted, kernel_name="python3", timeout=CELL_TIMEOUT_SECONDS,
        startup_timeout=START_TIMEOUT_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda cell, cell_index, execute_reply: print_cell(cell))
    try:
        client.execute()
    except CellExecutionError:
        # The cell's own outputs, printed above, hold the error as its reader would see it.
        print(f"\n{path.name}: a cell failed", file=sys.stderr)
        return 1
    except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
        # The last is what a kernel that does not answer ends in.
        print(f"\n{path.name}: {error}", file=sys.stderr)
        return 1
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    print(f"\n{path.name}: {cells} cells ran")
    return 0


def print_cell(cell: nbformat.NotebookNode) -> None:
    """Print a cell's number, its first line and its outputs as text."""
    first = cell.source.strip().splitlines()[:1]
    print(f"\nIn [{cell.execution_count}]: {first[0] if first else ''}")
    for text in texts_of(cell.outputs):
        print(text.rstrip("\n"))
    sys.stdout.flush()


def texts_of(outputs: list[nbformat.NotebookNode]) -> Iterator[str]:
    """Yield the outputs' texts; one stream's pieces, which may be parts of a line, as one."""
    for stream, some in groupby(outputs, key=lambda output: output.get("name")):
        texts = [text for output in some if (text := text_of(output))]
        yield from ["".join(texts)] if stream and texts else texts


def text_of(output: nbformat.NotebookNode) -> str:
    """Return an output as plain text, without terminal colours."""
    if output.output_type == "stream":
        text = output.text
    elif output.output_type == "error":
        text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
    else:
        text = output.data.get("text/plain", "")
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
