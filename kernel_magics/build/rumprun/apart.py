"""Several programs in one image: names that more than one of them defines are kept apart.

Programs are written to be alone: two may have a function `usage`, or, worse, a variable `count`
that the linker would make one variable of both.  What only one defines stays global: a program
may mean to replace a function of the C library.

Source: the manuals of GNU ld (-r, -d) and objcopy (--localize-symbols).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kernel_magics.build.rumprun.compiling import Compiled, failure
from kernel_magics.build.rumprun.toolchain import RumprunToolchain
from kernel_magics.build.toolchain import run_tool

__all__ = ["keep_apart"]

ENTRY = "main"  # rumprun-bake renames it
# nm's letters of definitions of which there may be one only; C: without a place yet.
STRONG = set("TDBRGSC")


def keep_apart(programs: Sequence[Compiled], toolchain: RumprunToolchain,
               folder: Path) -> list[Compiled]:
    """Return the programs with the names that several define made their own.

    Changed copies are put into `folder`.  Raises BuildError if a tool refuses.
    """
    if len(programs) < 2:
        return list(programs)
    names = [_definitions(one, toolchain) for one in programs]
    shared = {name for name, count in Counter(
        name for own in names for name in own).items() if count > 1} - {ENTRY}
    if not shared:
        return list(programs)
    listed = folder / "apart.names"
    listed.write_text("".join(f"{name}\n" for name in sorted(shared)), "utf-8")
    return [replace(one, file=_localised(one, toolchain, listed)) if own & shared else one
            for one, own in zip(programs, names, strict=True)]


def _definitions(program: Compiled, toolchain: RumprunToolchain) -> set[str]:
    text = _run(program, [str(toolchain.tool("nm")), "--defined-only", "-P", str(program.file)])
    words = (line.split() for line in text.splitlines())
    return {word[0] for word in words if len(word) > 1 and word[1] in STRONG}


def _localised(program: Compiled, toolchain: RumprunToolchain, listed: Path) -> Path:
    """Return a copy of a program in which the listed names are local."""
    placed = listed.with_name(f"{program.name}.placed")
    apart = listed.with_name(f"{program.name}.apart")
    # A variable without a place yet cannot be local: -d gives it one.
    _run(program, [str(toolchain.tool("ld")), "-r", "-d", "-o", str(placed), str(program.file)])
    _run(program, [str(toolchain.tool("objcopy")), f"--localize-symbols={listed}", str(placed),
                   str(apart)])
    return apart


def _run(program: Compiled, command: list[str]) -> str:
    code, output = run_tool(command)
    if code:
        raise failure(program.name, command, (), output)
    return output
