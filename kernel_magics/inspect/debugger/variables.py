"""What a debugger shows as text: the variables of a frame, one a line, and plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Text", "Variables"]

SHOWN_COLUMNS = 100


class Text(str):
    """Text that is shown as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


class Variables(dict[str, TypedObject]):
    """Variables by name, as typed objects over the guest's memory and registers."""

    @property
    def df(self) -> pd.DataFrame:
        """A row each: name (index), type, value as text."""
        import pandas as pd

        return pd.DataFrame({
            "type": [one.object_.type_.type_name() for one in self.values()],
            "value": [_line(one) for one in self.values()],
        }, index=pd.Index(list(self), name="name"))

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {_line(value)}" for name, value in self.items()) \
            or "no variables are known here"


def _line(value: TypedObject) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN_COLUMNS else f"{text[:SHOWN_COLUMNS - 1]}…"
