"""The commands of gdb, as far as a guest understands them: text → a call of the debugger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError, nearest_step
from kernel_magics.inspect.debugger.command_table import COMMANDS, DebuggerCommand

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["COMMANDS", "DebuggerCommand", "run_command"]

_BY_NAME = {name: one for one in COMMANDS for name in one.names}


def run_command(debugger: Debugger, line: str, timeout: float | None = None) -> Any:
    """Carry out one line of gdb's commands; return what the debugger's call returns.

    Raises UsageError for a command that is none, naming the nearest; what the call raises.
    """
    text = line.strip()
    word = re.match(r"[A-Za-z-]*", text)
    name = word[0] if word else ""
    found = _find(name)
    if found is None:
        raise UsageError(f"no debugger command {name or text!r}", next_step=_nearest(name))
    return found.run(debugger, text[len(name):].strip(), timeout)


def _find(name: str) -> DebuggerCommand | None:
    """Return the command of a name, or the one that it can only be the beginning of."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    longer = {id(one): one for full, one in _BY_NAME.items() if name and full.startswith(name)}
    return next(iter(longer.values())) if len(longer) == 1 else None


def _nearest(name: str) -> str:
    known = [one.names[0] for one in COMMANDS]
    step = nearest_step(name, known, "")
    return f"{step} %rumpdebug? lists all" if step.endswith("?") else step
