"""What another image has more, less or otherwise than one: by layer, object and symbol."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from kernel_magics.errors import UsageError
from kernel_magics.inspect.images.layers import LAYERS, OTHER
from kernel_magics.inspect.images.patterns import check_choice
from kernel_magics.inspect.images.size_tree import bytes_text

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["CodeDiff", "ImageDiff", "SizeChange", "diff_of"]

LEVELS = ("layer", "object", "symbol")
SHOWN_ROWS = 20
_HEX = re.compile(r"\b0x[0-9a-f]+\b")


class SizeChange(NamedTuple):
    """One thing in either image: `status` is "added", "removed", "grown", "shrunk", "moved"
    (into another object) or "same"; the sizes are bytes, `delta_bytes` what there is more."""

    layer: str
    object: str
    symbol: str
    status: str
    before_bytes: int
    after_bytes: int
    delta_bytes: int


class ImageDiff:
    """The way from image `before` to image `after`.

    `level` and `rows` say what its text shows: "layer", "object" or "symbol" (by default the
    layers and then the symbols), and how many of them.
    """

    def __init__(self, before: GuestImage, after: GuestImage, *, level: str = "",
                 rows: int = SHOWN_ROWS) -> None:
        self.before, self.after = before, after
        self.level, self.rows = level, rows

    @property
    def delta_bytes(self) -> int:
        """How many bytes of RAM `after` takes more before its first allocation."""
        return int(self.after.sizes.total_bytes - self.before.sizes.total_bytes)

    @property
    def is_same(self) -> bool:
        """Whether both would boot the same bytes."""
        return self.before.content_hash == self.after.content_hash

    @cached_property
    def _totals(self) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
        """Bytes by layer, object and symbol on either side; the program's source may have
        another name in each."""
        old = [source.filename for source in self.before.sources]
        new = [source.filename for source in self.after.sources]
        names = dict(zip(old, new, strict=True)) if len(old) == len(new) else {}
        return _totals(self.before, names), _totals(self.after, {})

    @cached_property
    def changes(self) -> list[SizeChange]:
        """Every symbol whose size or place differs, the largest difference first."""
        old, new = self._totals
        found = [_change(key, old[key], new[key])
                 for key in {*old, *new} if old[key] != new[key]]
        found = _join_moved(found)
        return sorted(found, key=lambda one: (-abs(one.delta_bytes), one.layer, one.object,
                                              one.symbol))

    def by(self, level: str) -> list[SizeChange]:
        """Return what differs summed by "layer", "object" or "symbol"; UsageError for others."""
        check_choice("level", level, LEVELS)
        if level == "symbol":
            return self.changes
        kept = 1 if level == "layer" else 2
        old, new = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
        for whole, totals in zip(self._totals, (old, new), strict=True):
            for key, size in whole.items():
                totals[key[:kept]] += size
        found = [_change((*key, "", "")[:3], old[key], new[key])
                 for key in {*old, *new} if old[key] != new[key]]
        order = {name: row for row, name in enumerate([*(one.name for one in LAYERS), OTHER])}
        if level == "layer":
            return sorted(found, key=lambda one: order[one.layer])
        return sorted(found, key=lambda one: (-abs(one.delta_bytes), one.layer, one.object))

    @property
    def df(self) -> pd.DataFrame:
        """A row per symbol that differs: layer, object, symbol, status, before_bytes,
        after_bytes, delta_bytes."""
        return self.table("symbol")

    def table(self, level: str = "symbol") -> pd.DataFrame:
        """Return `by(level)` as a table; the columns that a level does not have are left out."""
        import pandas as pd

        table = pd.DataFrame(self.by(level), columns=list(SizeChange._fields))
        return table.drop(columns=list(LEVELS[LEVELS.index(level) + 1:]))

    @cached_property
    def rewritten(self) -> list[str]:
        """The functions in both images whose instructions differ, addresses aside, by name."""
        old, new = _functions(self.before), _functions(self.after)
        return sorted(name for name in {*old} & {*new} if self._differ(old[name], new[name]))

    def _differ(self, old: tuple[int, int], new: tuple[int, int]) -> bool:
        if old[1] != new[1]:
            return True
        if self.before.code.read(*old) == self.after.code.read(*new):
            return False
        return _shape(self.before, old) != _shape(self.after, new)

    def code(self, name: str) -> CodeDiff:
        """Return a function's instructions in both images, what differs marked.

        Raises UsageError if either image has no such function.
        """
        return CodeDiff(name, _listing(self.before, name), _listing(self.after, name))

    def text(self, level: str = "symbol", rows: int | None = None) -> str:
        """Return the whole as text: the totals, then the largest changes of a level."""
        found, rows = self.by(level), self.rows if rows is None else rows
        head = (f"{self.before.name} → {self.after.name}: {_signed(self.delta_bytes)} in RAM, "
                f"{bytes_text(self.before.sizes.total_bytes)} → "
                f"{bytes_text(self.after.sizes.total_bytes)}")
        if not found:
            return f"{head}\n  {self._unsized()}"
        width = max(len(one.layer) for one in found[:rows])
        lines = [f"  {_signed(one.delta_bytes):>11}  {one.status:<8}{one.layer:<{width}}  "
                 f"{_sizes(one)}  {_name(one)}".rstrip() for one in found[:rows]]
        more = len(found) - len(lines)
        return "\n".join([head, *lines, *([f"  … and {more} more: .df has all"] if more else [])])

    def _unsized(self) -> str:
        """Say what differs where no size does."""
        if self.is_same:
            return "the same image"
        names = self.rewritten
        shown = ", ".join(names[:SHOWN_ROWS]) + (" …" if len(names) > SHOWN_ROWS else "")
        return f"no symbol differs in size; rewritten: {shown}" if names else \
            "no symbol differs in size and no function's instructions do"

    def __repr__(self) -> str:
        if not self.changes or self.level:
            return self.text(self.level or "symbol")
        return "\n".join([self.text("layer"), *self.text().splitlines()[1:]])


class CodeDiff:
    """A function's instructions in two images; `lines` start with " ", "-" or "+"."""

    def __init__(self, name: str, before: list[str], after: list[str]) -> None:
        self.name = name
        lines = difflib.unified_diff(before, after, lineterm="", n=max(len(before), len(after)))
        self.lines = [line for line in lines if not line.startswith(("---", "+++", "@@"))] or \
            [f" {line}" for line in before]
        self.is_same = before == after

    def __repr__(self) -> str:
        if self.is_same:
            return f"{self.name}: the same {len(self.lines)} instructions"
        gone = sum(line.startswith("-") for line in self.lines)
        came = sum(line.startswith("+") for line in self.lines)
        return "\n".join([f"{self.name}: {gone} instructions gone, {came} new", *self.lines])


def diff_of(before: GuestImage) -> object:
    """Return the function `image.diff(other)`: the ImageDiff from the image to another one."""
    def diff(after: GuestImage) -> ImageDiff:
        if not hasattr(after, "stripped_path"):
            raise UsageError(f"an image is compared with another image, not with {after!r}",
                             next_step="image.diff(lab.build(…)), or lab.image(NAME)")
        return ImageDiff(before, after)
    return diff


def _totals(image: GuestImage, names: dict[str, str]) -> Counter[tuple[str, str, str]]:
    totals: Counter[tuple[str, str, str]] = Counter()
    for leaf in image.sizes.leaves:
        own = leaf.archive in ("", "rumpkit.o")
        name = leaf.object if own else f"{leaf.archive}({leaf.object})"
        totals[leaf.layer, names.get(name, name), leaf.symbol] += leaf.size_bytes
    return totals


def _change(key: tuple[str, ...], before: int, after: int) -> SizeChange:
    layer, linked, symbol = key
    return SizeChange(layer, linked, symbol, _status(before, after), before, after,
                      after - before)


def _status(before: int, after: int) -> str:
    if not before:
        return "added"
    if not after:
        return "removed"
    return "same" if before == after else "grown" if after > before else "shrunk"


def _join_moved(found: list[SizeChange]) -> list[SizeChange]:
    """Make one change of a symbol that one object lost and one other gained."""
    gone = {one.symbol: one for one in found if one.status == "removed"}
    came = {one.symbol: one for one in found if one.status == "added"}
    counts = Counter((one.status, one.symbol) for one in found)
    moved = [name for name in {*gone} & {*came} if not name.startswith("[")
             and counts["removed", name] == counts["added", name] == 1]
    rest = [one for one in found if one not in {gone[name] for name in moved}
            | {came[name] for name in moved}]
    return rest + [SizeChange(came[name].layer, f"{gone[name].object} → {came[name].object}", name,
                              "moved", gone[name].before_bytes, came[name].after_bytes,
                              came[name].after_bytes - gone[name].before_bytes)
                   for name in sorted(moved)]


def _functions(image: GuestImage) -> dict[str, tuple[int, int]]:
    """Return function → (address, size), without names that several have."""
    found = image.symbols.search(kind="function", min_bytes=1)
    counts = Counter(one.name for one in found)
    return {one.name: (one.address, one.size_bytes) for one in found if counts[one.name] == 1}


def _shape(image: GuestImage, place: tuple[int, int]) -> list[str]:
    return [_HEX.sub("…", f"{name} {operands}")
            for name, operands in image.code.plain(*place)]


def _listing(image: GuestImage, name: str) -> list[str]:
    return [f"{one.mnemonic:<7} {_operands(one.operands, one.target)}".rstrip()
            for one in image.code(name)]


def _operands(operands: str, target: str) -> str:
    """Return operands with names for addresses, which differ from image to image."""
    if not target:
        return operands
    return re.sub(r"rip [+-] (0x[0-9a-f]+|\d+)|0x[0-9a-f]{4,}", lambda _: f"<{target}>", operands,
                  count=1)


def _signed(size_bytes: int) -> str:
    return f"{'+' if size_bytes > 0 else ''}{bytes_text(size_bytes)}"


def _sizes(one: SizeChange) -> str:
    return f"{bytes_text(one.before_bytes):>10} → {bytes_text(one.after_bytes):<10}"


def _name(one: SizeChange) -> str:
    return "  ".join(dict.fromkeys(part for part in (one.object, one.symbol) if part))
