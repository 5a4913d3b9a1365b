"""%rumphelp: every magic in one table, and the manual of one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from kernel_magics.errors import UsageError
from kernel_magics.magics.arguments import Argument, Command, nearest

__all__ = ["Manual", "Overview", "magics_over"]

Run = Callable[[SimpleNamespace, str | None], Any]

RUMPHELP = Command(
    "rumphelp", "list the lab's magics, or show the manual of one",
    arguments=(Argument("MAGIC", "the magic whose manual to show", required=False,
                        complete="magic"),),
    details="""A magic with one % is a line, and with two it is the first line of a cell. Tab
    completes names, options and what they can be. Whatever a magic does, a script does with the
    same objects: from kernel_magics import Lab.""",
    examples=("%rumphelp", "%rumphelp rumpboot"))


class Overview:
    """The magics there are; a row for each: how it is written, what it does."""

    def __init__(self, commands: tuple[Command, ...]) -> None:
        self.rows = [(", ".join(command.forms), command.summary) for command in commands]

    def __repr__(self) -> str:
        width = max(len(forms) for forms, _ in self.rows)
        return "\n".join(["the lab's magics; %NAME? is the manual of each, Tab completes names",
                          *(f"  {forms:{width}}  {does}" for forms, does in self.rows)])


class Manual:
    """A magic's manual, as %NAME? shows it."""

    def __init__(self, command: Command) -> None:
        self.command = command

    def __repr__(self) -> str:
        return self.command.manual().rstrip("\n")


def magics_over(others: tuple[Command, ...]) -> tuple[tuple[Command, Run], ...]:
    """Return %rumphelp, which tells of `others` and of itself."""
    commands = (*others, RUMPHELP)

    def rumphelp(options: SimpleNamespace, _cell: str | None) -> Any:
        return _manual(options.magic, commands) if options.magic else Overview(commands)

    return ((RUMPHELP, rumphelp),)


def _manual(asked: str, commands: tuple[Command, ...]) -> Manual:
    by_name = {command.name: command for command in commands}
    name = asked.lstrip("%")
    known = name if name in by_name else f"rump{name}"
    if known not in by_name:
        raise UsageError(f"%rumphelp: there is no magic {asked}",
                         next_step=nearest(known, list(by_name), "magics"))
    return Manual(by_name[known])
