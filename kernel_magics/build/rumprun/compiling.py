"""Sources → a program of Rumprun's: linked with its own libraries, and not baked yet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.diagnostics import Diagnostic, SourceLines, parse_compiler, summary
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.parts import Program
from kernel_magics.build.rumprun.missing import for_linux, missing_library
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import BuildError, HostError, UsageError

__all__ = ["COMPILE_FLAGS", "Compiled", "compile_program", "failure", "found_from"]

COMPILE_FLAGS = ("-O2", "-g", "-Wall", "-fno-omit-frame-pointer")
LOG_TAIL_LINES = 20
_WITH_FILE = ("-L", "-I")
# What a shell says of a program that it cannot run, dash and bash; only of the toolchain's own.
_NO_TOOL = re.compile(r"^\S+: (?:line )?\d+: (?P<tool>/\S*/libexec/\S+|\S*rumprun\S+): "
                      r"(?:not found|No such file|Permission denied|cannot execute|Exec format)",
                      re.MULTILINE)
_STACK_NOISE = re.compile(r"missing \.note\.GNU-stack|executable stack|behaviour is deprecated")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program that can be baked, in `file`; `map` is the linker's of that file, if any.

    `warnings` and `log` are what the compiler said, `headers` the files it read besides.
    """

    name: str
    file: Path
    map: Path | None = None
    warnings: tuple[Diagnostic, ...] = ()
    log: str = ""
    headers: tuple[str, ...] = ()


def compile_program(program: Program, toolchain: RumprunToolchain, place: Path,
                    cflags: Sequence[str], ldflags: Sequence[str]) -> Compiled:
    """Compile and link a program's sources in `place`, a folder of its own.

    `cflags` and `ldflags` are the user's; a path in them that is relative is looked for in the
    program's folders.  Raises BuildError (attributes `diagnostics`, `log`, `command`), UsageError
    for C++ where the toolchain has none.
    """
    lines = SourceLines(program.sources)
    for source in program.sources:
        # Empty lines before the text make the compiler count as the user's cell does.
        padding = "\n" * (source.first_line - 1)
        (place / source.filename).write_text(padding + source.text + "\n", "utf-8",
                                             "surrogateescape")
    file = place / f"{program.name}.rumprun"
    log = _compile(program, toolchain, place, found_from(cflags, program.folders),
                   [f"-Wl,-Map={file.name}.map", "-o", file.name,
                    *found_from(ldflags, program.folders)])
    found, rest = parse_compiler(log, lines)
    return Compiled(program.name, file, place / f"{file.name}.map", tuple(found), rest,
                    _headers(place, program))


def _compile(program: Program, toolchain: RumprunToolchain, place: Path, cflags: Sequence[str],
             link: Sequence[str]) -> str:
    """Make the program; return what the tools said.  One source is compiled and linked at once."""
    first = [str(_driver(program, toolchain)), *COMPILE_FLAGS, "-fdiagnostics-format=json",
             *(word for folder in program.folders for word in ("-iquote", str(folder))),
             f"-fdebug-prefix-map={place}=.", *cflags]
    each = [(source.filename, ["-x", source.lang or program.lang, source.filename, "-x", "none"])
            for source in program.sources]
    # Not -MMD: the wrapper's own file, assembled with the program, would write over its list.
    if len(each) == 1:
        (name, words), = each
        return _run(program, toolchain, [*first, f"-Wp,-MMD,{name}.d", *words, *link], place)
    log = ""
    for name, words in each:
        command = [*first, f"-Wp,-MMD,{name}.d", "-c", "-o", f"{name}.o", *words]
        log += _run(program, toolchain, command, place)
    objects = [f"{name}.o" for name, _ in each]
    return log + _run(program, toolchain, [first[0], *objects, *link], place)


def _run(program: Program, toolchain: RumprunToolchain, command: Sequence[str],
         place: Path) -> str:
    code, output = run_tool(command, cwd=place, env={**QUIET, "TMPDIR": str(place)})
    log = quiet(output.replace(f"{place}/", ""))
    if code:
        lines = SourceLines(program.sources)
        found, rest = parse_compiler(log, lines)
        libraries = missing_library(toolchain)
        raise failure(program.name, command, [*found, *parse_linker(rest, lines, libraries)], rest,
                      for_linux(rest))
    return f"{log}\n" if log else ""


def _driver(program: Program, toolchain: RumprunToolchain) -> Path:
    is_cxx = program.lang == "c++" or any(one.lang == "c++" for one in program.sources)
    if not is_cxx:
        return toolchain.compiler
    if toolchain.cxx is None:
        raise UsageError(f"the toolchain in {toolchain.prefix} was built without C++",
                         next_step="write the program in C, or build the toolchain with a g++")
    return toolchain.cxx


def found_from(flags: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return flags with relative paths of files and folders that are in one of `folders` made
    absolute: the compiler runs elsewhere."""
    return [_absolute(flag, folders) for flag in flags]


def _absolute(flag: str, folders: Sequence[Path]) -> str:
    option = next((start for start in _WITH_FILE if flag.startswith(start)), "")
    name = flag.removeprefix(option)
    if not name or name.startswith(("-", "/")):
        return flag
    return next((f"{option}{folder / name}" for folder in folders
                 if (folder / name).exists()), flag)


def _headers(place: Path, program: Program) -> tuple[str, ...]:
    """Return the files besides its own that a program included, none of the system's."""
    own = {source.filename for source in program.sources}
    found: set[str] = set()
    for path in place.glob("*.d"):
        rule = path.read_text("utf-8", "replace").replace("\\\n", " ")
        names = re.split(r"(?<!\\)\s+", rule.partition(":")[2].strip())
        found |= {name.replace("\\ ", " ") for name in names if name} - own
    return tuple(sorted(str(place / name) for name in found))


def quiet(log: str) -> str:
    """Return what the tools said without what every link of Rumprun's says of its own parts."""
    return "\n".join(line for line in log.splitlines() if not _STACK_NOISE.search(line))


def host_failure(log: str) -> HostError | None:
    """Return what keeps the tools from working: a full disk, or parts that are gone."""
    if "No space left on device" in log:
        return HostError("cannot build: no space left on the cache's disk",
                         next_step="free some space there, or set RUMPLAB_CACHE to a folder on "
                                   "another disk", log=log)
    if match := _NO_TOOL.search(log):
        return HostError(f"the Rumprun toolchain is broken: {match['tool']} cannot be run",
                         next_step="build and install it again: build-rr.sh hw build install",
                         log=log)
    return None


def failure(name: str, command: Sequence[str], diagnostics: Sequence[Diagnostic], rest: str,
            hint: str = "") -> BuildError | HostError:
    """Return the error of a build whose tools refused, or cannot be run; `hint` is a next step."""
    if (host := host_failure(rest)) and not any(one.severity == "error" for one in diagnostics):
        return host
    message = summary(diagnostics)
    if not any(one.severity == "error" for one in diagnostics):
        tail = "\n".join(rest.splitlines()[-LOG_TAIL_LINES:])
        message = f"{name} does not build; Rumprun's tools said:\n{tail}"
    return BuildError(message, diagnostics=tuple(diagnostics), log=rest, command=list(command),
                      next_step=hint)
