"""Views that a cell put out: closed when it is run again, for its outputs are gone then.

JupyterLab says nothing when an output is cleared.  Without this each run of a cell would leave a
view behind, with its channel to the browser, its table and its thread.
"""

from typing import Any

from IPython import get_ipython

__all__ = ["close_with_cell"]

_put_out: dict[str, tuple[str, list[Any]]] = {}  # cell → its latest run, and the views of that


def close_with_cell(view: Any) -> None:
    """Close a view, which nobody else holds, when the cell that is running now is run again."""
    cell, run = _running_cell()
    if not cell:
        return
    last, views = _put_out.get(cell, (run, []))
    if last != run:
        for old in views:
            old.close()
        views = []
    _put_out[cell] = run, [*views, view]


def _running_cell() -> tuple[str, str]:
    """Return which cell of which run this is, as JupyterLab names it; "" where it does not."""
    parent: dict = getattr(get_ipython(), "get_parent", dict)()
    return (str(parent.get("metadata", {}).get("cellId", "")),
            str(parent.get("header", {}).get("msg_id", "")))
