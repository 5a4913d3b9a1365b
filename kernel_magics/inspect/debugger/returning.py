"""Leaving a function: where it returns to, and what it returned."""

from __future__ import annotations

from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.hits import Hits, value_text
from kernel_magics.inspect.debugger.looking import Looking
from kernel_magics.inspect.debugger.motions import Arrival, Motions
from kernel_magics.inspect.values.typed import TypedObject

__all__ = ["Returning"]


class Returning(Looking):
    """Goes on to the caller and tells the value; see Session."""

    hits: Hits
    motions: Motions
    _value: object = None  # what the last `finish` returned

    def finish(self) -> Arrival:
        """Go on until the function has returned."""
        kind = self._return_type()
        arrival = self.motions.finish()
        if arrival is None:
            raise UsageError("this is the outermost function: there is no caller to finish to",
                             next_step="go on with cont()")
        self.moved()
        if arrival.reason != "finished":
            return arrival
        return Arrival("finished", note=self._returned(kind))

    def _return_type(self) -> Any:
        found = self.code.place(self.processor.pc)
        try:
            return self._program.function(found.function).type_.type if found.function else None
        except LookupError:
            return None

    def _returned(self, kind: Any) -> str:
        """Keep the returned value and say it; nothing of a function without a known type."""
        import drgn

        self._value = None
        if kind is None or kind.kind == drgn.TypeKind.VOID:
            return ""
        raw = self.processor.registers["rax"]
        try:
            size = drgn.sizeof(kind)
            if size > 8 or kind.kind in (drgn.TypeKind.STRUCT, drgn.TypeKind.UNION,
                                         drgn.TypeKind.FLOAT):
                return ""
            self._value = TypedObject(drgn.Object.from_bytes_(
                kind.prog, kind, raw.to_bytes(8, "little")[:size]))
        except (TypeError, ValueError, LookupError):
            return ""
        return f"it returned {value_text(self._value)}"
