"""What all probes share: a fresh look at each access, a table, and honest problems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.program import has_types, program_of

if TYPE_CHECKING:
    import drgn
    import pandas as pd

__all__ = ["Probe"]

Row = TypeVar("Row")
MOST_SHOWN_ROWS = 40
MOST_CELL_COLUMNS = 48


class Probe(ABC, Generic[Row]):
    """A table of one subsystem of a guest, read from its RAM without its help.

    Iteration, indexing, `len()` and `.df` look again each time; `.problems` says what was
    wrong at the last look: a list that is a cycle, a pointer into nothing.  What could be
    read is there all the same.  `subject` is a Guest or a dump.
    """

    title: ClassVar[str]
    row: ClassVar[type]
    index: ClassVar[str] = ""
    hidden: ClassVar[tuple[str, ...]] = ("address", "page_table")
    """Columns that `.df` has and the text leaves out."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self.problems: list[str] = []

    @abstractmethod
    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Row]:
        """Yield the rows; add what is wrong to `problems`."""

    def rows(self) -> list[Row]:
        """Return what is there now.

        Raises UsageError if the image has no debugging information, GuestError if the guest
        has not begun to run.
        """
        import drgn

        problems: list[str] = []
        found: list[Row] = []
        program = self._program()
        try:
            for row in self._look(program, problems):
                found.append(row)
        except drgn.FaultError as error:
            problems.append(f"{self.title}: {error.address:#x} is not mapped; what would have "
                            "come after it is missing")
        self.problems = problems
        return found

    def _program(self) -> drgn.Program:
        if not has_types(self._subject):
            raise UsageError(
                f"{self._subject.image.name} has no debugging information of the runtime: its "
                f"{self.title} cannot be read", next_step="guest.threads, guest.memory and "
                "guest.console need none; open the image from before stripping for the rest")
        header = self._subject.header
        if not header.page_table_address:
            raise GuestError(f"{self._subject.name} has not begun to run: it has no "
                             f"{self.title} yet", name=self._subject.name,
                             next_step="let it go on: guest.resume()")
        return program_of(self._subject)

    @property
    def df(self) -> pd.DataFrame:
        """A row each, its fields as columns."""
        return self._table(self.rows())

    def _table(self, rows: list[Row]) -> pd.DataFrame:
        import pandas as pd

        names = [field.name for field in fields(self.row)]
        table = pd.DataFrame([[getattr(row, name) for name in names] for row in rows],
                             columns=names)
        return table.set_index(self.index) if self.index else table

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

    def __len__(self) -> int:
        return len(self.rows())

    def __getitem__(self, position: int) -> Row:
        return self.rows()[position]

    def __repr__(self) -> str:
        rows = self.rows()
        lines = [f"{self._subject.name}: {len(rows)} {self.title}"]
        if rows:
            table = self._table(rows[:MOST_SHOWN_ROWS]).drop(
                columns=list(self.hidden), errors="ignore")
            text = table.map(_cell).to_string(index=bool(self.index))
            lines += [f"  {line}".rstrip() for line in text.splitlines()]
        if len(rows) > MOST_SHOWN_ROWS:
            lines.append(f"  … {len(rows) - MOST_SHOWN_ROWS} more: .df")
        return "\n".join([*lines, *(f"  problem: {problem}" for problem in self.problems)])


def _cell(value: object) -> str:
    text = str(value)
    return text if len(text) <= MOST_CELL_COLUMNS else f"{text[:MOST_CELL_COLUMNS - 1]}…"
