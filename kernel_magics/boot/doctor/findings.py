"""One finding of the doctor."""

from dataclasses import dataclass

__all__ = ["Finding"]

MARKS = {"ok": "✓", "note": "–", "problem": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.  `level` is "ok", "note" (the lab works without) or "problem"."""

    subject: str
    level: str
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{MARKS[self.level]} {self.subject:<13} {self.detail}"
        return f"{line}\n  {'':<13} → {self.fix}" if self.fix else line
