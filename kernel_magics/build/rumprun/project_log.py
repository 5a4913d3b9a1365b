"""What a project's build said, as records under the project's own lines."""

import re
from pathlib import Path

from kernel_magics.build.diagnostics import Diagnostic, SourceLines, summary
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.parts import Project
from kernel_magics.build.rumprun.compiling import host_failure
from kernel_magics.build.rumprun.missing import for_linux
from kernel_magics.build.rumprun.systems import Step
from kernel_magics.build.rumprun.toolchain import TUPLE
from kernel_magics.errors import BuildError, HostError

__all__ = ["parse_text", "project_failure", "project_warnings"]

LOG_TAIL_LINES = 12
MOST_WARNINGS = 20
_MESSAGE = re.compile(r"^(?P<file>[^\s:][^:]*):(?P<line>\d+):(?:(?P<column>\d+):)? "
                      r"(?P<severity>fatal error|error|warning): (?P<text>.*?)"
                      r"(?: \[(?P<option>-W[^\]]+)\])?$", re.MULTILINE)
_CONFIGURE = re.compile(r"^configure: error: (.+)$", re.MULTILINE)
_CMAKE = re.compile(r"^CMake Error(?: at (?P<file>[^:\n]+):(?P<line>\d+) \((?P<what>[^)]*)\))?:"
                    r"\s*(?P<text>(?:\n?[ \t]+.+|.+)+)", re.MULTILINE)
_NO_PROGRAM = re.compile(r"No rule to make target [`'](?P<goal>[^']+)'")
_NOT_FOUND = re.compile(r"(?:/bin/)?sh: \d+: (\S+): not found|^make: (\S+): No such file",
                        re.MULTILINE)
# automake's script `missing`, called by a rule whose result looks older than what it is made of.
_OUTDATED = re.compile(r"^WARNING: [`'](\S+)' is (?:missing on your system|probably too old)",
                       re.MULTILINE)
_FOREIGN = re.compile(r"(\S+): cannot execute(?: binary file)?: Exec format error"
                      r"|(\S+): Exec format error", re.MULTILINE)
# Each is made of those before it.
_IN_ORDER = "aclocal.m4 config.h.in Makefile.in configure"


# Commands of the compiler and its warnings, when something else failed.
_NOISE = re.compile(rf"{TUPLE}-g(?:cc|\+\+) .* -c |\S+: In function|\s+(?:\d+ )?\||"
                    r"[^\s:]+:\d+:\d+: (?:warning|note):")


def parse_text(log: str, folder: Path) -> list[Diagnostic]:
    """Return gcc's messages in a build's text, each once; files are named below `folder`."""
    lines = SourceLines(())
    found: dict[tuple[str, ...], Diagnostic] = {}
    for match in _MESSAGE.finditer(log):
        path = _find(match["file"], folder)
        number = int(match["line"])
        severity = match["severity"].removeprefix("fatal ")
        found.setdefault(match.groups(""), Diagnostic(
            _shown(path, folder), number, int(match["column"] or 0), severity,
            match["text"].removeprefix(f"{severity}: "),
            lines.line(str(path), number), option=match["option"] or ""))
    return list(found.values())


def _find(name: str, folder: Path) -> Path:
    """Return the file a message names: make changes folders, so only its end may be known."""
    path = folder / name
    if path.exists() or Path(name).is_absolute():
        return path
    ends = sorted(folder.rglob(Path(name).name))
    return ends[0] if len(ends) == 1 else path


def _shown(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def project_warnings(log: str, folder: Path) -> list[Diagnostic]:
    """Return the compiler's warnings, the first of them if there are many."""
    return [one for one in parse_text(log, folder) if one.severity == "warning"][:MOST_WARNINGS]


def project_failure(step: Step, project: Project, where: Path, log: str,
                    libraries: str) -> BuildError | HostError:
    """Return the error of a step that failed: the compiler's messages, or the step's own.

    `libraries` says which there are, for a project that wants another one.
    """
    name = project.folder.name
    found = [*parse_text(log, project.folder), *parse_linker(log, SourceLines(()), libraries)]
    message = summary([one for one in found if one.severity == "error"])
    hint = for_linux(log)
    if not message and (host := host_failure(log)):
        return host
    if not message:
        message, hint = _own_words(step, name, where, log)
    return BuildError(message, diagnostics=tuple(found), log=log, command=list(step.command),
                      next_step=hint)


def _own_words(step: Step, name: str, where: Path, log: str) -> tuple[str, str]:
    if said := _CONFIGURE.findall(log):
        hint = f"its log ends: {_config_log(where)}" if _config_log(where) else ""
        if "cross compiling" in log:
            hint = ("it wants to run a program, which cannot be done for a guest; tell it the "
                    "answer: --settings VARIABLE=yes (config.log names the variable)")
        return f"{name}: configure says: {said[-1]}", hint
    if match := _CMAKE.search(log):
        place = f" ({match['file']}:{match['line']})" if match["file"] else ""
        text = " ".join(match["text"].split())
        return f"{name}: CMake says{place}: {text}", ""
    if match := _OUTDATED.search(log):
        return (f"{name}: make wants to run {match[1]} again: files that it made look older than "
                "what they are made of, as after a patch or a checkout",
                f"give them their order back, a moment apart: for f in {_IN_ORDER}; do find . "
                f'-name "$f" -exec touch {{}} +; sleep 1; done; or install {match[1]}')
    if match := _FOREIGN.search(log):
        return (f"{name}: its build runs {match[1] or match[2]}, which it has just made, and for "
                "guests", "name the targets that do without it (--goal TARGET, or goals=[…]), or "
                          "put what it makes into the folder from a build for this machine")
    if match := _NO_PROGRAM.search(log):
        return (f"{name}: make has no rule for {match['goal']!r}",
                "name one of its targets: --goal TARGET, or goals=[…]")
    if match := _NOT_FOUND.search(log):
        tool = match[1] or match[2]
        return (f"{name}: its build needs {tool}, which is not installed",
                f"install it, or whatever Debian's package of {tool} is called")
    lines = [line for line in log.strip().splitlines() if not _NOISE.match(line)]
    tail = "\n".join(lines[-LOG_TAIL_LINES:])
    return f"{name} does not build; {step.name} said:\n{tail}", ""


def _config_log(where: Path) -> str:
    """Return what the compiler said last in config.log, "" if it said nothing."""
    try:
        text = (where / "config.log").read_text("utf-8", "replace")
    except OSError:
        return ""
    errors = re.findall(r"^(\S+:\d+(?::\d+)?: (?:fatal )?error: .+|.*undefined reference to .+)$",
                        text.split("## Cache variables. ##")[0], re.MULTILINE)
    return errors[-1] if errors else ""
