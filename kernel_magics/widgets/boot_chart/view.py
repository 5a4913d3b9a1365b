"""The boot chart as a view: phases on one axis, to be zoomed, measured, read one by one."""

from typing import Any

import pandas as pd
import traitlets

from kernel_magics.errors import UsageError
from kernel_magics.widgets.boot_chart.phases import GUEST_PHASES, MEANINGS
from kernel_magics.widgets.foundation.markup import duration_text
from kernel_magics.widgets.foundation.view import View, bundle

__all__ = ["BootChartView"]

_IN_GUEST = (*GUEST_PHASES, "main")


class BootChartView(View):
    """The phases of a boot: `phases`, a guest's boot_phases.

    `df` is the table; `selected` a phase's name, "" for none; `shown` and `measured` the stretch
    [begin, end] in nanoseconds since the request, [] for all and for none.  Each may be set.
    """

    title = traitlets.Unicode().tag(sync=True)
    rows: traitlets.List = traitlets.List().tag(sync=True)
    uncertainty_ns = traitlets.Int().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    shown: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)
    measured: traitlets.List = traitlets.List(traitlets.Float()).tag(sync=True)

    def __init__(self, phases: Any, title: str = "Boot") -> None:
        self._esm, self._css = bundle("boot.js"), bundle("boot.css")
        self.phases = phases
        super().__init__(title=title, rows=_rows(phases),
                         uncertainty_ns=int(getattr(phases, "uncertainty_ns", 0)))
        self.listen()

    @property
    def df(self) -> pd.DataFrame:
        """The phases by name: start_ns, duration_ns."""
        table: pd.DataFrame = self.phases.df
        return table

    @property
    def row(self) -> pd.Series | None:
        """The selected phase's row of `df`, or None."""
        return self.df.loc[self.selected] if self.selected in self.phases else None

    @traitlets.validate("selected")
    def _known(self, proposal: Any) -> str:
        if proposal["value"] and proposal["value"] not in self.phases:
            raise UsageError(f"this boot has no phase {proposal['value']!r}",
                             next_step=f"there are {', '.join(self.phases)}")
        return str(proposal["value"])

    def text(self) -> str:
        return repr(self.phases)


def _rows(phases: Any) -> list[dict[str, Any]]:
    """Return a row a phase for the browser, in order."""
    rows, start = [], 0
    for name, took in phases.items():
        rows.append({"name": str(name), "start": int(start), "took": int(took),
                     "text": duration_text(took), "meaning": MEANINGS.get(name, ""),
                     "side": "guest" if name in _IN_GUEST else "host"})
        start += took
    return rows
