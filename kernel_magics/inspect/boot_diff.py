"""The boots of two guests, phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BootDiff"]


class BootDiff:
    """How long each phase took in the boots of two guests.

    `before` and `after` are boot.Guests; their phases are taken when this is made.
    """

    def __init__(self, before: Any, after: Any) -> None:
        self.names = (before.name, after.name)
        self._phases = (dict(before.boot_phases), dict(after.boot_phases))

    @property
    def df(self) -> pd.DataFrame:
        """A row per phase (index): before_ns, after_ns, delta_ns; NA where one has no such
        phase."""
        import pandas as pd

        before, after = self._phases
        order = [*before, *(phase for phase in after if phase not in before)]
        table = pd.DataFrame({"before_ns": pd.array([before.get(one) for one in order], "Int64"),
                              "after_ns": pd.array([after.get(one) for one in order], "Int64")},
                             index=pd.Index(order, name="phase"))
        table["delta_ns"] = table["after_ns"] - table["before_ns"]
        return table

    def __repr__(self) -> str:
        table = self.df
        lines = [f"{self.names[0]} → {self.names[1]}: {_text(table['delta_ns'].sum(), True)}"]
        lines += [f"  {phase:<12}{_text(row.before_ns):>12} → {_text(row.after_ns):<12}"
                  f"{_text(row.delta_ns, True):>12}" for phase, row in table.iterrows()]
        return "\n".join(lines)


def _text(time_ns: Any, signed: bool = False) -> str:
    """Return a time in milliseconds, "–" for none."""
    import pandas as pd

    if pd.isna(time_ns):
        return "–"
    return f"{time_ns / 1e6:{'+' if signed else ''}.2f} ms"
