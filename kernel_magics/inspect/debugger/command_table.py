"""The commands of a debugger: what follows them, what they do, the call that does it.

Names and abbreviations are gdb's.  Each command returns the object that its call returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import UsageError
from kernel_magics.inspect.debugger.showing import (
    disassembly,
    line_text,
    printed,
    symbol_text,
    type_shown,
)
from kernel_magics.inspect.debugger.variables import Text

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.debugger import Debugger

__all__ = ["COMMANDS", "DebuggerCommand"]

_CONDITION = re.compile(r"\s+if\s+(?P<condition>.+)$", re.DOTALL)
_THREAD = re.compile(r"\s+thread\s+(?P<thread>\d+)$")
_EXAMINE = re.compile(r"(?:/(?P<count>\d*)(?P<letters>[a-z]*))?\s*(?P<what>.*)", re.DOTALL)
# The functions of C++'s runtime that every throw, and every catch, comes through.
_CAUGHT = {"throw": "__cxa_throw", "catch": "__cxa_begin_catch"}
Run = Callable[["Debugger", str, "float | None"], Any]


@dataclass(frozen=True, slots=True)
class DebuggerCommand:
    """One command: its names, the first in full; what follows it; what it does; its function,
    which is given the debugger, the rest of the line and a timeout in seconds."""

    names: tuple[str, ...]
    arguments: str
    help: str
    run: Run


def _count(text: str) -> int:
    if text and not (text.isdecimal() and int(text)):
        raise UsageError(f"{text!r} is not a number of times", next_step="give 1 or more")
    return int(text or 1)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not a number", next_step="info breakpoints lists them")
    return int(text)


def _split(text: str) -> tuple[str, str | None, int | None]:
    """Return place, condition and thread of "PLACE thread N if CONDITION"."""
    text = f" {text}"
    condition = _CONDITION.search(text)
    if condition:
        text = text[:condition.start()]
    thread = _THREAD.search(text)
    if thread:
        text = text[:thread.start()]
    return (text.strip(), condition["condition"] if condition else None,
            int(thread["thread"]) if thread else None)


def _break(temporary: bool) -> Run:
    def run(debugger: Debugger, text: str, _timeout: float | None) -> Any:
        place, condition, thread = _split(text)
        if not place and debugger.stop and debugger.stop.place:
            place = hex(debugger.stop.place.address)
        return debugger.break_at(place, condition, thread=thread, temporary=temporary)

    return run


def _watch(kind: str) -> Run:
    def run(debugger: Debugger, text: str, _timeout: float | None) -> Any:
        what, condition, thread = _split(text)
        return debugger.watch(what, kind, condition, thread=thread)

    return run


def _delete(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    for number in text.split():
        debugger.remove(_number(number))
    if not text:
        debugger.remove()
    return debugger.breakpoints


def _enable(enabled: bool) -> Run:
    def run(debugger: Debugger, text: str, _timeout: float | None) -> Any:
        for number in text.split() or [str(one.number) for one in debugger.breakpoints]:
            debugger.enable(_number(number), enabled)
        return debugger.breakpoints

    return run


def _times(name: str) -> Run:
    def run(debugger: Debugger, text: str, timeout: float | None) -> Any:
        return getattr(debugger, name)(_count(text), timeout=timeout)

    return run


def _plain(name: str) -> Run:
    def run(debugger: Debugger, text: str, timeout: float | None) -> Any:
        if text:
            raise UsageError(f"nothing may follow this command, found {text!r}",
                             next_step="each command has its own line")
        return getattr(debugger, name)(timeout=timeout)

    return run


def _until(debugger: Debugger, text: str, timeout: float | None) -> Any:
    return debugger.until(text, timeout=timeout) if text else debugger.next(timeout=timeout)


def _interrupt(debugger: Debugger, _text: str, _timeout: float | None) -> Any:
    return debugger.interrupt()


def _detach(debugger: Debugger, _text: str, _timeout: float | None) -> Any:
    debugger.detach()
    return debugger


def _backtrace(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    found = debugger.backtrace()
    return Text(found.text(full=True)) if text in ("full", "-full") else found


def _frame(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    return debugger.select(_number(text) if text else debugger.selected)


def _up(step: int) -> Run:
    def run(debugger: Debugger, text: str, _timeout: float | None) -> Any:
        return debugger.select(max(0, debugger.selected + step * _count(text)))

    return run


def _print(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    return printed(debugger, text)


def _type(whole: bool) -> Run:
    return lambda debugger, text, _timeout: type_shown(debugger, text, whole)


def _disassemble(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    return disassembly(debugger, text)


def _condition(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    number, _, condition = text.partition(" ")
    return debugger.condition(_number(number), condition.strip() or None)


def _ignore(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    number, _, count = text.partition(" ")
    return debugger.ignore(_number(number), _count(count.strip()))


def _thread(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    if text.split() in (["apply", "all", "bt"], ["apply", "all", "backtrace"]):
        return debugger.guest.threads.backtraces()
    return debugger.guest.threads[_number(text)].backtrace() if text \
        else debugger.guest.threads.read()


def _start(debugger: Debugger, _text: str, timeout: float | None) -> Any:
    debugger.break_at("main", temporary=True)
    return debugger.cont(timeout=timeout)


def _catch(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    if text not in _CAUGHT:
        raise UsageError(f"cannot catch {text or 'nothing'}",
                         next_step=f"there are catch {' and catch '.join(_CAUGHT)}, of C++")
    return debugger.break_at(_CAUGHT[text])


def _examine(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    found = _EXAMINE.fullmatch(text)
    assert found
    letters = found["letters"] or ""
    size = next((letter for letter in letters if letter in "bhwg"), "")
    form = next((letter for letter in letters if letter not in "bhwg"), "x")
    return debugger.examine(found["what"] or "$rip", int(found["count"] or 1), form, size)


def _list(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    return debugger.list(text or None)


def _set(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    what, equals, value = re.sub(r"^var(iable)?\s+", "", text).partition("=")
    if not equals:
        raise UsageError(f"not of the form NAME = VALUE: {text!r}",
                         next_step="set var counter = 3, or set $rax = 0")
    return debugger.assign(what.strip(), value.strip())


_INFO: dict[str, Callable[[Any], Any]] = {
    "breakpoints": lambda debugger: debugger.breakpoints,
    "registers": lambda debugger: debugger.registers,
    "locals": lambda debugger: debugger.locals,
    "args": lambda debugger: debugger.locals,
    "threads": lambda debugger: debugger.guest.threads.read(),
    "locks": lambda debugger: debugger.guest.locks,
    "frame": lambda debugger: debugger.select(debugger.selected),
    "variables": lambda debugger: debugger.guest.vars,
    "sources": lambda debugger: Text("\n".join(debugger.source_files)),
}


_TOLD: dict[str, Callable[[Any, str], Any]] = {"symbol": symbol_text, "line": line_text}


def _info(debugger: Debugger, text: str, _timeout: float | None) -> Any:
    topic, _, about = text.partition(" ")
    if topic in _TOLD:
        return _TOLD[topic](debugger, about.strip())
    known = [name for name in _INFO if topic and name.startswith(topic)]
    if not known:
        raise UsageError(f"info tells nothing about {text!r}",
                         next_step=f"it tells about {', '.join([*_INFO, *_TOLD])}")
    if known[0] == "registers" and about:
        return debugger.evaluate(f"${about.strip().lstrip('$')}")
    return _INFO[known[0]](debugger)


def _of_info(name: str) -> Run:
    return lambda debugger, _text, _timeout: _INFO[name](debugger)


def _last_write(debugger: Debugger, text: str, timeout: float | None) -> Any:
    return debugger.last_write(text, timeout=timeout)


def _gdb(debugger: Debugger, _text: str, _timeout: float | None) -> Any:
    return Text(debugger.gdb_command)


COMMANDS: tuple[DebuggerCommand, ...] = (
    DebuggerCommand(("break", "b", "br"), "PLACE [thread N] [if CONDITION]",
                    "stop at a function, file.c:12, a line or *0x…", _break(False)),
    DebuggerCommand(("tbreak", "tb"), "PLACE [if CONDITION]", "stop there once", _break(True)),
    DebuggerCommand(("watch",), "EXPRESSION [if CONDITION]", "stop when it is written",
                    _watch("write")),
    DebuggerCommand(("rwatch",), "EXPRESSION", "stop when it is read", _watch("read")),
    DebuggerCommand(("awatch",), "EXPRESSION", "stop when it is read or written",
                    _watch("access")),
    DebuggerCommand(("delete", "d"), "[N …]", "remove breakpoints, or all", _delete),
    DebuggerCommand(("enable",), "[N …]", "let breakpoints stop the guest", _enable(True)),
    DebuggerCommand(("disable", "dis"), "[N …]", "let the guest pass them", _enable(False)),
    DebuggerCommand(("condition",), "N [EXPRESSION]", "another condition, or none", _condition),
    DebuggerCommand(("ignore",), "N COUNT", "pass over so many hits", _ignore),
    DebuggerCommand(("catch",), "throw or catch", "stop where C++ throws, or catches", _catch),
    DebuggerCommand(("start",), "", "go on to main", _start),
    DebuggerCommand(("continue", "c"), "", "go on", _plain("cont")),
    DebuggerCommand(("step", "s"), "[N]", "to the next line, also in calls", _times("step")),
    DebuggerCommand(("next", "n"), "[N]", "to the next line, over calls", _times("next")),
    DebuggerCommand(("stepi", "si"), "[N]", "an instruction", _times("stepi")),
    DebuggerCommand(("nexti", "ni"), "[N]", "an instruction, over calls", _times("nexti")),
    DebuggerCommand(("finish", "fin"), "", "until the function has returned", _plain("finish")),
    DebuggerCommand(("until", "u", "advance"), "PLACE", "until a place is reached", _until),
    DebuggerCommand(("reverse-continue", "rc"), "", "back to a breakpoint", _plain("reverse_cont")),
    DebuggerCommand(("reverse-step", "rs"), "[N]", "back a line", _times("reverse_step")),
    DebuggerCommand(("reverse-next", "rn"), "[N]", "back a line, over calls",
                    _times("reverse_next")),
    DebuggerCommand(("reverse-stepi", "rsi"), "[N]", "back an instruction",
                    _times("reverse_stepi")),
    DebuggerCommand(("reverse-finish",), "", "back to the call", _plain("reverse_finish")),
    DebuggerCommand(("last-write", "lw"), "EXPRESSION", "back to what wrote it", _last_write),
    DebuggerCommand(("interrupt",), "", "stop the guest where it is", _interrupt),
    DebuggerCommand(("backtrace", "bt", "where"), "[full]", "the stack", _backtrace),
    DebuggerCommand(("frame", "f"), "[N]", "choose a frame of the stack", _frame),
    DebuggerCommand(("up",), "[N]", "choose the caller", _up(1)),
    DebuggerCommand(("down",), "[N]", "choose what was called", _up(-1)),
    DebuggerCommand(("print", "p", "inspect"), "[/FORMAT] EXPRESSION", "its value; formats "
                    "x d u o t c a, ELEMENT@COUNT for many", _print),
    DebuggerCommand(("ptype", "pt"), "TYPE or EXPRESSION", "members with offsets in bytes",
                    _type(True)),
    DebuggerCommand(("whatis",), "EXPRESSION", "its type", _type(False)),
    DebuggerCommand(("disassemble", "disas"), "[FUNCTION]", "instructions beside source lines",
                    _disassemble),
    DebuggerCommand(("x",), "[/COUNT FORMAT SIZE] ADDRESS", "memory: formats x d u c s i, sizes "
                    "b h w g", _examine),
    DebuggerCommand(("set",), "NAME = VALUE", "write a variable or a $register", _set),
    DebuggerCommand(("list", "l"), "[PLACE]", "source lines", _list),
    DebuggerCommand(("info", "i"), "TOPIC", ", ".join([*_INFO, *_TOLD]), _info),
    DebuggerCommand(("locals",), "", "the frame's variables", _of_info("locals")),
    DebuggerCommand(("registers",), "", "the registers", _of_info("registers")),
    DebuggerCommand(("threads",), "", "the guest's threads", _of_info("threads")),
    DebuggerCommand(("thread", "t"), "[N, or apply all bt]", "a thread's stack, or everybody's",
                    _thread),
    DebuggerCommand(("gdb",), "", "let go, and print how a plain gdb attaches", _gdb),
    DebuggerCommand(("detach",), "", "let go of the guest, which goes on; a replay to "
                    "its recording's end", _detach),
)
"""Every command, in the order in which a manual lists them."""
