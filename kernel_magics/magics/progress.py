"""A line that says what is being waited for, shown only when the wait is noticeable."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.getipython import get_ipython

from kernel_magics.magics.failure import WaitInterrupted, WorkInterrupted

__all__ = ["progress"]

NOTICEABLE_S = 1.0
PERIOD_S = 0.5

_WIDGET = "application/vnd.jupyter.widget-view+json"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show `what` and the seconds so far while the block runs; nothing if it is quick.

    The line is a widget without a text, so a notebook's saved output does not depend on
    how long something took.  Raises WorkInterrupted where the user interrupts the block.
    """
    line = _Line(what)
    line.start()
    try:
        yield
    except WaitInterrupted:
        raise
    except KeyboardInterrupt:
        raise WorkInterrupted(f"{what} was interrupted, and left nothing half done\n"
                              "→ run the cell again") from None
    finally:
        line.stop()


class _Line:
    """The thread that shows the line, keeps it up to date and takes it away."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        if getattr(get_ipython(), "kernel", None) is not None:
            self._thread.start()

    def stop(self) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        started_s = time.monotonic()
        if self._done.wait(NOTICEABLE_S):
            return
        from IPython.display import display
        from ipywidgets import Label
        label = Label()
        handle = display({_WIDGET: {"model_id": label.model_id, "version_major": 2,
                                    "version_minor": 0}}, raw=True, display_id=True)
        while True:
            label.value = f"{self._what} … {time.monotonic() - started_s:.0f} s"
            if self._done.wait(PERIOD_S):
                break
        handle.update({}, raw=True)
        label.close()
