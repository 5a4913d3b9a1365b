"""The magics: parse a line, call the library, return an object that displays itself."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from kernel_magics.magics import (
    boot,
    build,
    debug,
    diff,
    doctor,
    failure,
    guests,
    inspect,
    overview,
    package,
    rumprun,
    trace,
)
from kernel_magics.magics.arguments import Command
from kernel_magics.magics.completion import CommandMatcher
from kernel_magics.magics.misread import OneSign, unknown_magic
from kernel_magics.magics.names import SOURCES
from kernel_magics.magics.session import close_lab

__all__ = ["register", "unregister", "COMMANDS"]

Run = Callable[[SimpleNamespace, str | None], Any]

_MODULES = (build, boot, guests, inspect, debug, diff, trace, rumprun, doctor)
_MAGICS: dict[str, tuple[Command, Run]] = {
    command.name: (command, run) for module in _MODULES for command, run in module.MAGICS}
_MAGICS |= {command.name: (command, run) for command, run in overview.magics_over(
    tuple(command for command, _ in _MAGICS.values()))}

COMMANDS: tuple[Command, ...] = tuple(command for command, _ in _MAGICS.values())
"""Every magic's declaration, in the order of a first session."""


def register(shell: Any) -> None:
    """Put the magics, their Tab completion and the display of results into `shell`."""
    from kernel_magics.widgets import displays
    for name, (command, run) in _MAGICS.items():
        for kind in _kinds(command):
            shell.register_magic_function(_magic(command, run), magic_kind=kind, magic_name=name)
    failure.install(shell, lambda told: unknown_magic(told, COMMANDS))
    displays.install(shell)
    bodies = {"rumpboot": boot.BODY_KEYS, "rumpbuild --package": package.PACKAGE_KEYS}
    sources = {**SOURCES, "magic": lambda _words: list(_MAGICS)}
    matcher = CommandMatcher(COMMANDS, sources, bodies).matcher()
    shell.Completer.custom_matchers.append(matcher)
    shell._rumplab_matcher = matcher
    shell._rumplab_one_sign = OneSign(shell, COMMANDS, bodies)
    shell.input_transformers_cleanup.append(shell._rumplab_one_sign)


def unregister(shell: Any) -> None:
    """Take out what `register` put in, and close the notebook's Lab."""
    from kernel_magics.widgets import displays
    for name, (command, _) in _MAGICS.items():
        for kind in _kinds(command):
            shell.magics_manager.magics[kind].pop(name, None)
    matcher = shell.__dict__.pop("_rumplab_matcher", None)
    if matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(matcher)
    one_sign = shell.__dict__.pop("_rumplab_one_sign", None)
    if one_sign in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(one_sign)
    displays.remove(shell)
    failure.remove(shell)
    close_lab()


def _kinds(command: Command) -> Iterator[str]:
    if command.line:
        yield "line"
    if command.body:
        yield "cell"


def _magic(command: Command, run: Run) -> Callable[..., Any]:
    def magic(line: str, cell: str | None = None) -> Any:
        return run(command.parse(line), cell)
    magic.__doc__ = command.manual()
    magic.__name__ = magic.__qualname__ = command.name
    return magic
