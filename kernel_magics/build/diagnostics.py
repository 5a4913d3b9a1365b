"""What the compiler and the linker said, as records under the user's own lines.

The compiler is asked for JSON (gcc 9 to 14: -fdiagnostics-format=json); the linker only
writes sentences, which are recognised one by one and put in plain words.  Whatever is
not recognised stays in the log.
"""

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_magics.build.kits import Source

__all__ = ["Diagnostic", "FixIt", "SourceLines", "parse_compiler", "summary"]

EXCERPT_COLUMNS = 100
SHOWN = {"error": 10, "warning": 5}


@dataclass(frozen=True, slots=True)
class FixIt:
    """A replacement the compiler proposes: columns [column, end_column) become `text`."""

    column: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message about one place.

    `line` and `column` count from 1 (0: unknown), columns in characters of
    `source_line`; each of `spans` is a range [first, end) of columns that the message is
    about.  `severity` is "error", "warning" or "note"; `option` the flag that turns a
    warning on; `notes` further places that belong to it.
    """

    file: str
    line: int
    column: int
    severity: str
    message: str
    source_line: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    option: str = ""
    fixits: tuple[FixIt, ...] = ()
    notes: tuple["Diagnostic", ...] = ()

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Diagnostic":
        """Return the diagnostic that `dataclasses.asdict` made the record of."""
        return cls(**{**record, "spans": tuple(map(tuple, record["spans"])),
                      "fixits": tuple(FixIt(**fixit) for fixit in record["fixits"]),
                      "notes": tuple(map(cls.from_record, record["notes"]))})

    def text(self, show_line: bool = True) -> str:
        """Return it as the compiler would print it: place, message, line, caret, fix-it.

        `show_line` is whether the line's text is shown; a note about the very same place
        as its error never repeats it.
        """
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        option = f" [{self.option}]" if self.option else ""
        head = f"{place}: " if place else ""
        parts = [f"{head}{self.severity}: {self.message}{option}"]
        if show_line and self.source_line.strip() and self.line:
            parts += self._excerpt()
        here = (self.file, self.line, self.column)
        parts += [note.text(show_line=(note.file, note.line, note.column) != here)
                  for note in self.notes]
        return "\n".join(parts)

    def _excerpt(self) -> list[str]:
        fits = len(self.source_line) <= EXCERPT_COLUMNS
        start = 0 if fits else max(0, self.column - EXCERPT_COLUMNS * 3 // 4)
        line = self.source_line[start:start + EXCERPT_COLUMNS]
        lines = [f"{self.line:5} | {line.expandtabs(8).rstrip()}"]
        if self.column:
            lines.append(f"      | {self._marks(line, start)}")
        for fixit in self.fixits:
            shown = fixit.text.strip("\n") or "-" * (fixit.end_column - fixit.column)
            if fixit.column > start and "\n" not in shown:
                indent = _screen_columns(line[:fixit.column - start - 1])
                lines.append(f"      | {' ' * indent}{shown}")
        return lines

    def _marks(self, line: str, start: int) -> str:
        """Return the line of `~` under what the message is about, `^` at its column."""
        caret = _screen_columns(line[:self.column - start - 1])
        marks = [" "] * (caret + 1)
        for span in self.spans:
            first, end = (_screen_columns(line[:max(0, one - start - 1)]) for one in span)
            marks += " " * (end - len(marks))
            marks[first:end] = "~" * (end - first)
        marks[caret] = "^"
        return "".join(marks)


def _screen_columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else
               0 if unicodedata.combining(character) else 1
               for character in text.expandtabs(8))


class SourceLines:
    """Finds the text of a line: in the sources of a build, else in the file itself."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {source.filename: source for source in sources}
        self._files: dict[str, list[str]] = {}

    @property
    def sources(self) -> list[Source]:
        """The sources of the build."""
        return list(self._sources.values())

    def own(self, file: str) -> Source | None:
        """Return the build's source of this name, or None."""
        return self._sources.get(file)

    def line(self, file: str, number: int) -> str:
        """Return the text of line `number` of `file`, or "" if there is none."""
        if file in self._sources:
            return self._sources[file].line(number)
        if file not in self._files:
            try:
                self._files[file] = Path(file).read_text("utf-8", "replace").splitlines()
            except OSError:
                self._files[file] = []
        lines = self._files[file]
        return lines[number - 1] if 0 < number <= len(lines) else ""


def parse_compiler(output: str, lines: SourceLines) -> tuple[list[Diagnostic], str]:
    """Split a gcc run's standard error into diagnostics and the rest.

    `output` is what `gcc -fdiagnostics-format=json` wrote; `lines` finds source text.
    The rest is what others said: the driver, the assembler, the linker.
    """
    found: list[Diagnostic] = []
    rest: list[str] = []
    for text in output.splitlines():
        records = _records(text)
        if records is None:
            rest.append(text)
        else:
            found += [_diagnostic(record, lines) for record in records]
    return found, "\n".join(rest)


def _records(text: str) -> list[dict[str, Any]] | None:
    if not text.startswith("["):
        return None
    try:
        records = json.loads(text)
    except ValueError:
        return None
    return [record for record in records if isinstance(record, dict)]


def _diagnostic(record: dict[str, Any], lines: SourceLines) -> Diagnostic:
    location = (record.get("locations") or [{}])[0]
    caret = location.get("caret", {})
    file, number = _plain_file(caret.get("file", "")), caret.get("line", 0)
    text = lines.line(file, number)
    return Diagnostic(
        file=file, line=number, column=_character_column(text, caret),
        severity={"fatal error": "error"}.get(record["kind"], record["kind"]),
        message=record["message"], source_line=text, spans=_spans(record, text, number),
        option=record.get("option", ""), fixits=_fixits(record, text, number),
        notes=tuple(_diagnostic(child, lines) for child in record.get("children", ())))


def _spans(record: dict[str, Any], text: str, number: int) -> tuple[tuple[int, int], ...]:
    """Return the ranges of columns of a record's locations that are on its line."""
    spans = []
    for location in record.get("locations", ()):
        caret = location.get("caret", {})
        start, finish = location.get("start", caret), location.get("finish", caret)
        if start.get("line") == finish.get("line") == number:
            first, last = _character_column(text, start), _character_column(text, finish)
            spans.append((first, last + 1))
    return tuple(spans)


def _plain_file(file: str) -> str:
    return file.removeprefix("./")


def _character_column(text: str, place: dict[str, Any]) -> int:
    """Return gcc's byte column as a column in characters."""
    column = place.get("byte-column", place.get("column", 0))
    return len(text.encode()[:column - 1].decode("utf-8", "ignore")) + 1 if column else 0


def _fixits(record: dict[str, Any], text: str, number: int) -> tuple[FixIt, ...]:
    return tuple(
        FixIt(_character_column(text, fixit["start"]), _character_column(text, fixit["next"]),
              fixit["string"])
        for fixit in record.get("fixits", ()) if fixit["start"].get("line") == number)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the diagnostics as one text: what the user reads after a failed build."""
    diagnostics = list(diagnostics)
    parts = []
    for severity, shown in SHOWN.items():
        chosen = [one for one in diagnostics if one.severity == severity]
        parts += [(diagnostics.index(one), one.text()) for one in chosen[:shown]]
        if len(chosen) > shown:
            parts.append((len(diagnostics), f"… and {len(chosen) - shown} more {severity}s"))
    parts += [(diagnostics.index(one), one.text()) for one in diagnostics
              if one.severity not in SHOWN]
    return "\n".join(text for _, text in sorted(parts, key=lambda part: part[0]))
