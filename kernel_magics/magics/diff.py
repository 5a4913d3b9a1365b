"""%rumpdiff: two images side by side, or the boots or traces of two guests."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.inspect import find_target
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import whole

__all__ = ["MAGICS"]

RUMPDIFF = Command(
    "rumpdiff", "compare two images by layer, object and symbol, or two guests' boots or traces",
    arguments=(Argument("BEFORE", "a guest, or an image that was built here", complete="target"),
               Argument("AFTER", "the one to compare it with", complete="target")),
    options=(
        Option("--by", "what the rows are", "LEVEL", choices=("layer", "object", "symbol"),
               default=""),
        Option("--code", "the instructions of this function in both", "FUNCTION"),
        Option("--rewritten", "list the functions whose instructions differ"),
        Option("--boots", "compare how long the phases of two guests' boots took"),
        Option("--traces", "compare what two guests, or .trace files, have recorded"),
        Option("--limit", "how many rows to show, the largest", "ROWS", kind=whole, default=20)),
    details="""Of a guest its image is compared. The result's .df has a row for each symbol that
    was added or removed, grew, shrank or moved into another object. The same from a script:
    before.diff(after). Of two kits, rumpkit and rumprun, bytes by layer are compared and, of
    guests, boots and hypercalls by what they are for; from a script: lab.compare(before, after),
    or lab.compare_kits(source), which builds and boots both.""",
    examples=("%rumpdiff hello hello2", "%rumpdiff hello hello2 --by object",
              "%rumpdiff hello hello2 --code main", "%rumpdiff one two --boots",
              "%rumpdiff one two --traces", "%rumpdiff hello hello_rumprun",
              "%rumpdiff before.trace one --traces"))


def rumpdiff(options: SimpleNamespace, _cell: str | None) -> Any:
    """Return an ImageDiff, a CodeDiff, a list of names, a BootDiff, a TraceComparison, or for
    two kits a KitComparison."""
    from kernel_magics.inspect.boot_diff import BootDiff
    from kernel_magics.inspect.images.diff import ImageDiff
    if options.traces:
        return _trace_of(options.before).compare(_trace_of(options.after))
    (before, first), (after, second) = find_target(options.before), find_target(options.after)
    if options.boots:
        if first is None or second is None:
            wrong = options.before if first is None else options.after
            raise UsageError(f"%rumpdiff --boots compares guests, and {wrong} is an image",
                             next_step=f"boot it: %rumpboot {wrong}")
        return BootDiff(first, second)
    if before.kit != after.kit and not (options.by or options.code or options.rewritten):
        from kernel_magics.trace.kits.comparison import KitComparison
        return KitComparison(first or before, second or after)
    diff = ImageDiff(before, after, level=options.by, rows=options.limit)
    if options.code:
        return diff.code(options.code)
    return diff.rewritten if options.rewritten else diff


def _trace_of(name: str) -> Any:
    """Return the trace of a guest, or the recording in a file."""
    lab = notebook_lab()
    return lab.open_trace(name) if name.endswith(".trace") else lab.guest(name).trace


MAGICS = ((RUMPDIFF, rumpdiff),)
