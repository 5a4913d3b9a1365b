"""What a motion's conditions cost: how often a guest stood for nothing, and how long."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint
    from kernel_magics.inspect.debugger.processor import Processor

__all__ = ["Cost"]


class Cost:
    """Counts what one motion passes; read while it goes on, from another thread."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._passed: Counter[str] = Counter()

    def count(self, one: Breakpoint) -> None:
        """A breakpoint was reached, and is no reason to stop."""
        one.passed += 1
        self._passed[one.title] += 1

    @property
    def text(self) -> str:
        """What was passed, and how long the guest stood for each; "" if nothing was."""
        passed = self._passed.most_common()
        if not passed:
            return ""
        told = " and ".join(f"{title} {count} time{'s' if count != 1 else ''}"
                            for title, count in passed)
        each_ms = self._processor.stood_ns / sum(count for _, count in passed) / 1e6
        return f"it passed {told}, and stood there for {each_ms:.1f} ms each to be looked at"
