"""What stays of a live view in a saved notebook, where there is no kernel to draw it.

JupyterLab shows "model not found" where a widget was once its kernel has gone.  So a cell of a
notebook puts out two things: the view, and its text as HTML, which the style sheet hides as
long as the view is there, and which then stands in the place of that message.
"""

import os
from typing import Any

from IPython.display import publish_display_data

from kernel_magics.widgets.foundation.markup import escape, report

__all__ = ["shown"]

_WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(view: Any, text: str, html: str = "") -> dict[str, Any]:
    """Return what a cell's result that is a live view is shown as, by MIME type.

    view: the widget.  text: the result's own text.  html: what the twin has, by default that or
    the view's text, whichever tells more.  In a session of a Jupyter server, which a person may
    save, the view is put out here and its twin is returned.
    """
    reference = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    if "JPY_SESSION_NAME" not in os.environ:  # set by jupyter_server for a notebook's kernel
        found = {"text/plain": text, _WIDGET: reference}
        return found | {"text/html": report("in words and figures", html)} if html else found
    publish_display_data({_WIDGET: reference})
    told = escape(max(text, view.text(), key=len))
    return {"text/plain": text, "text/html": _twin(html or f"<pre>{told}</pre>")}


def _twin(html: str) -> str:
    return report("what a view showed", f"""<div class="rumplab-twin">{html}
<p class="soft">As it was when the cell ran; run the cell again for the live view.</p></div>""")
