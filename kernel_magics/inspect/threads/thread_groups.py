"""All backtraces of a guest, with threads that do the same together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.stacks.stack import Backtrace

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.inspect.threads.thread import Thread

__all__ = ["ThreadGroups"]

SHOWN_NUMBERS = 12


class ThreadGroups(Sequence[tuple["Thread", Backtrace]]):
    """Threads and their backtraces; the text shows those that are alike once.

    `groups` are lists of threads that have the same functions, lines and wait, largest
    first.
    """

    def __init__(self, pairs: Sequence[tuple[Thread, Backtrace]],
                 problems: Sequence[str] = ()) -> None:
        self._pairs = list(pairs)
        self.problems = list(problems)

    @property
    def groups(self) -> list[tuple[list[Thread], Backtrace]]:
        """Threads that are alike, and the backtrace of the first of them."""
        found: dict[object, tuple[list[Thread], Backtrace]] = {}
        for thread, trace in self._pairs:
            key = (thread.state, tuple((one.function, one.file, one.line) for one in trace)
                   or thread.number)
            found.setdefault(key, ([], trace))[0].append(thread)
        return sorted(found.values(), key=lambda group: (-len(group[0]), group[0][0].number))

    @property
    def df(self) -> pd.DataFrame:
        """A row per frame of every thread: thread and frame (the index), and see
        Backtrace.df."""
        import pandas as pd

        tables = {thread.number: trace.df for thread, trace in self._pairs}
        return pd.concat(tables, names=["thread", "frame"]) if tables else Backtrace([]).df

    def text(self, full: bool = False) -> str:
        """Return it as text; `full`: every thread with its variables."""
        if full:
            parts = [f"{thread!r}\n{trace.text(full=True)}" for thread, trace in self._pairs]
        else:
            parts = [_group_text(threads, trace) for threads, trace in self.groups]
        return "\n\n".join([*parts, *(f"({text})" for text in self.problems)])

    def __getitem__(self, index: Any) -> Any:
        return self._pairs[index]

    def __iter__(self) -> Iterator[tuple[Thread, Backtrace]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return self.text() or "no threads"


def _group_text(threads: list[Thread], trace: Backtrace) -> str:
    first = threads[0]
    body = Backtrace(trace.frames, trace.notes).text()
    if len(threads) == 1:
        waits = f", waits for {first.wait.text}" if first.wait else ""
        return f"{first.title()}{waits}\n{body}"
    numbers = ", ".join(str(one.number) for one in threads[:SHOWN_NUMBERS])
    more = f" and {len(threads) - SHOWN_NUMBERS} more" if len(threads) > SHOWN_NUMBERS else ""
    texts = {one.wait.text for one in threads if one.wait}
    said = f", wait for {texts.pop()}" if len(texts) == 1 else ""
    return f"{len(threads)} threads ({numbers}{more}): {first.state}{said}\n{body}"
