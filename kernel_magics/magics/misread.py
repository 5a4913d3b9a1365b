"""What was meant for a magic and reached none: a mistyped name, one % where two belong."""

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from IPython.core.error import UsageError as ShellUsageError

from kernel_magics.errors import UsageError, meant, nearest_names
from kernel_magics.magics.arguments import Command
from kernel_magics.magics.failure import failure_lines

__all__ = ["OneSign", "unknown_magic"]

_UNKNOWN = re.compile(r"(?:Line|Cell) magic(?: function)? `(%{1,2})([^`]+)` not found")
_LINE_FORM = re.compile(r"^%(?!%)(\w+)\b")
_PYTHON = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def unknown_magic(failure: ShellUsageError, commands: Iterable[Command]) -> UsageError | None:
    """Return what to tell the user of a name that IPython knows no magic for.

    None if it is close to none of `commands`: then it was meant for somebody else.
    """
    found = _UNKNOWN.search(str(failure))
    if not found:
        return None
    signs, name = found.groups()
    by_name = {command.name: command for command in commands}
    close = [name] if name in by_name else nearest_names(name, by_name, 1)
    if close:
        nearest = by_name[close[0]]
        form = f"%%{nearest.name}" if nearest.body and signs == "%%" else nearest.title
        step = f"{meant([form])} "
        if signs == "%%" and not nearest.body:
            step = f"{form} is a line: write it without what is below it; "
    elif name.startswith("rump"):
        step = ""
    else:
        return None
    return UsageError(f"there is no magic {signs}{name}",
                      next_step=f"{step}%rumphelp lists the lab's magics")


class OneSign:
    """An IPython input transformer that refuses a cell's magic with the sign of a line's.

    `%rumpbuild hello` with a program below it is to Python a magic and a syntax error, and
    `%rumpboot hello` with settings below it leaves the settings out without a word.
    """

    has_side_effects = True  # IPython then does not call it to see whether a cell is complete

    def __init__(self, shell: Any, commands: Iterable[Command],
                 settings: Mapping[str, Iterable[str]]) -> None:
        self._shell = shell
        self._names = {command.name for command in commands if command.body}
        self._settings = settings

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines as they are; raises UsageError."""
        at = next((n for n, line in enumerate(lines) if line.strip()), None)
        found = _LINE_FORM.match(lines[at]) if at is not None else None
        if at is None or not found or found[1] not in self._names:
            return lines
        below = "".join(lines[at + 1:])
        if below.strip() and not self._is_python(below, self._settings.get(found[1], ())):
            raise self._refusal(found[1])
        return lines

    def _is_python(self, text: str, settings: Iterable[str]) -> bool:
        try:
            tree = compile(self._shell.transform_cell(text), "below", "exec", _PYTHON)
        except (SyntaxError, ValueError):
            return False
        # "memory: 8" is an annotation to Python.
        return not tree.body or not all(
            isinstance(one, ast.AnnAssign) and one.value is None
            and isinstance(one.target, ast.Name) and one.target.id in settings
            for one in tree.body)

    def _refusal(self, name: str) -> UsageError:
        error = UsageError(f"%{name} with one % is a line, and what is below it is not Python",
                           next_step=f"begin the cell with %%{name}, to give it the lines below")
        coloured = str(self._shell.colors).lower() != "nocolor"
        # IPython asks an error of a transformer for no handler, and so for its own words.
        error._render_traceback_ = lambda: failure_lines(error, coloured)  # type: ignore[attr-defined]
        return error
