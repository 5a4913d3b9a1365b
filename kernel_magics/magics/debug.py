"""%rumpdebug: gdb's commands for a guest, in a notebook."""

import textwrap
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.commands import COMMANDS
from kernel_magics.magics.arguments import Argument, Command, Option
from kernel_magics.magics.session import notebook_lab
from kernel_magics.magics.values import seconds

__all__ = ["MAGICS"]

_COMMENT = "#"
_HELP_COLUMN, _WIDTH = 48, 96


@dataclass(frozen=True)
class _LineOfCommand(Command):
    """A magic whose line ends in a debugger's command, which is taken as it is written."""

    def parse(self, line: str) -> SimpleNamespace:
        """Return `name`, the options before it, and `command`, the text after it."""
        words = line.split(maxsplit=1)
        front = []
        while words and words[0].startswith("--"):
            option = words[0]
            rest = words[1] if len(words) > 1 else ""
            front.append(option)
            words = rest.split(maxsplit=1)
            known = self.spelling.get(option)
            if known is not None and known.metavar and words:
                front.append(words[0])
                words = words[1].split(maxsplit=1) if len(words) > 1 else []
        name = words[:1]
        values = super().parse(" ".join([*front, *name]))
        values.command = words[1].strip() if len(words) > 1 else ""
        return values


def _commands_text() -> str:
    rows = []
    for one in COMMANDS:
        names = ", ".join(one.names)
        head = f"  {names} {one.arguments}".rstrip()
        help_lines = textwrap.wrap(one.help, _WIDTH - _HELP_COLUMN)
        rows.append(head.ljust(_HELP_COLUMN) + f"\n{' ' * _HELP_COLUMN}".join(help_lines))
    return "\n".join(rows)


class _RumpDebug(_LineOfCommand):
    """%rumpdebug, whose manual also lists the debugger's commands."""

    def manual(self) -> str:
        """Return the text that ``%rumpdebug?`` shows."""
        return f"{super().manual()}\nCommands, as gdb has them:\n{_commands_text()}\n"


RUMPDEBUG = _RumpDebug(
    "rumpdebug", "stop a guest at breakpoints, look at it, step, go on",
    arguments=(Argument("NAME", "the guest", complete="guest"),
               Argument("COMMAND", "what to do; without one, where the guest stands",
                        required=False, complete="debugger_command"),
               Argument("WORDS", "what the command wants, as it is written", required=False,
                        complete="place")),
    options=(Option("--timeout", "how long continue, step … wait for a stop, given before NAME",
                    "TIME", kind=seconds),
             Option("--replay", "run a recording again as NAME, stopped at its start; given "
                    "before NAME", "FOLDER")),
    details="""The result is what the same call of guest.debugger returns. A cell's body is a
    command a line. Ctrl-C during a wait stops the guest and shows where. A replay
    of what %rumpboot --record recorded also goes back: reverse-step, reverse-continue,
    last-write.""",
    examples=("%rumpdebug hello break main", "%rumpdebug hello continue",
              "%rumpdebug hello break parse if depth > 3", "%rumpdebug hello print *node",
              "%rumpdebug --timeout 5s hello continue", "%rumpdebug hello bt",
              "%rumpdebug --replay run.rec again", "%rumpdebug again last-write counter"),
    body="commands, one a line")


def rumpdebug(options: SimpleNamespace, cell: str | None) -> Any:
    """Carry out one command, or those of a cell; return the last one's result."""
    lab = notebook_lab()
    guest = lab.replay(options.replay, options.name) if options.replay else \
        lab.guest(options.name)
    debugger = guest.debugger
    lines = [line.strip() for line in (cell or "").splitlines()]
    lines = [options.command, *(line for line in lines if not line.startswith(_COMMENT))]
    lines = [line for line in lines if line]
    if not lines:
        return debugger.attach() if options.replay else debugger
    result = None
    for number, line in enumerate(lines):
        result = _run(debugger, line, options.timeout)
        if number < len(lines) - 1 and result is not None:
            print(f"{line}\n{result!r}\n")
    return result


def _run(debugger: Any, line: str, timeout_s: float | None) -> Any:
    try:
        return debugger.command(line, timeout_s)
    except KeyboardInterrupt:
        if debugger.is_running:
            return debugger.interrupt()  # as in gdb
        raise
    except UsageError as error:
        error.message = f"%rumpdebug: {error.message}"
        raise


MAGICS = ((RUMPDEBUG, rumpdebug),)
