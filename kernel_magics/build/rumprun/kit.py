"""The upstream kit: a program compiled by Rumprun's toolchain, baked into one image."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kernel_magics.build.cache import BuildCache, digest
from kernel_magics.build.diagnostics import Diagnostic, SourceLines, parse_compiler, summary
from kernel_magics.build.image import GuestImage, entry_files
from kernel_magics.build.kits import KITS, BuildRequest
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.rumprun.baking import BakeConfiguration, check_configuration
from kernel_magics.build.rumprun.missing import missing_component
from kernel_magics.build.rumprun.toolchain import QUIET, RumprunToolchain, find_rumprun
from kernel_magics.build.stripping import strip
from kernel_magics.build.toolchain import run_tool
from kernel_magics.errors import BuildError, UsageError

__all__ = ["RumprunKit"]

RECIPE = "1"  # changes when this file makes another image from the same inputs
COMPILE_FLAGS = ("-O2", "-g", "-Wall", "-fno-omit-frame-pointer", "-fdiagnostics-format=json")
DEFAULT_BAKE = "hw_virtio"
LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class _Work:
    """What one build is made with."""

    request: BuildRequest
    toolchain: RumprunToolchain
    bake: BakeConfiguration


class RumprunKit:
    """Builds guest images with an installed Rumprun toolchain.

    `cache` is where images are kept, by default the lab's cache folder.
    """

    name = "rumprun"

    def __init__(self, cache: BuildCache | None = None) -> None:
        self.cache = cache or BuildCache()

    def build(self, request: BuildRequest) -> GuestImage:
        """Compile and bake a program, or find the image made before from the same sources.

        Raises HostError if there is no usable toolchain; UsageError for a language, a
        configuration or a source that cannot be built; BuildError (attributes `diagnostics`,
        `log`, `command`) if the compiler or rumprun-bake refuses.
        """
        started_ns = time.monotonic_ns()
        request.check()
        toolchain = find_rumprun()
        if request.lang == "c++" and toolchain.cxx is None:
            raise UsageError(f"{toolchain.prefix} was built without C++",
                             next_step="write the program in C, or build the toolchain with a g++")
        work = _Work(request, toolchain,
                     check_configuration(toolchain, request.bake or DEFAULT_BAKE))
        key = _key(work)
        found = self.cache.find(key)
        cached = found is not None
        folder, record = found or self._make(work, key)
        self.cache.remember(request.name, folder)
        return GuestImage.from_entry(folder, record, cached=cached,
                                     build_ns=time.monotonic_ns() - started_ns)

    def last(self, name: str) -> GuestImage | None:
        """Return the image that was last built under `name`, or None."""
        found = self.cache.recall(name)
        return GuestImage.from_entry(*found) if found else None

    def _make(self, work: _Work, key: str) -> tuple[Path, dict[str, Any]]:
        with self.cache.staging() as folder:
            warnings, log = _compile(work, folder)
            log += _bake(work, folder, _programs(work))
            record = _finish(work.request, folder, warnings, log)
            place = self.cache.store(key, folder, entry_files(work.request.name), set(), record)
        return place, record


def _key(work: _Work) -> str:
    request = work.request
    return digest(
        RECIPE, RumprunKit.name, request.name, request.lang, str(request.folder),
        work.toolchain.identity, work.bake.name,
        json.dumps([request.cflags, request.ldflags, request.components]),
        *(str(part) for source in request.sources
          for part in (source.filename, source.first_line, source.text)))


def _programs(work: _Work) -> list[str]:
    """Return what the compiled programs are called: each source is one of them."""
    return [f"{Path(source.filename).stem}.rumprun" for source in work.request.sources]


def _compile(work: _Work, folder: Path) -> tuple[list[Diagnostic], str]:
    """Compile each source to a program that is not baked yet; return warnings and the log."""
    request, lines = work.request, SourceLines(work.request.sources)
    warnings: list[Diagnostic] = []
    log = ""
    for source, program in zip(request.sources, _programs(work), strict=True):
        padding = "\n" * (source.first_line - 1)
        (folder / source.filename).write_text(padding + source.text + "\n", "utf-8")
        driver = work.toolchain.cxx if request.lang == "c++" else work.toolchain.compiler
        command = [str(driver), *COMPILE_FLAGS, "-iquote", str(request.folder),
                   f"-fdebug-prefix-map={folder}=.", *request.cflags, "-o", program,
                   "-x", request.lang, source.filename, "-x", "none", *request.ldflags]
        code, output = run_tool(command, cwd=folder, env={**QUIET, "TMPDIR": str(folder)})
        found, rest = parse_compiler(output, lines)
        if code:
            raise _failure(request, command, [*found, *parse_linker(rest, lines)], rest, folder)
        warnings += found
        log += rest
    return warnings, log


def _bake(work: _Work, folder: Path, programs: Sequence[str]) -> str:
    """Make the image; return what rumprun-bake said."""
    full, _ = entry_files(work.request.name)
    added = [f"-l{name.removeprefix('-l')}" for name in work.request.components]
    command = [str(work.toolchain.bake), *(["-m", f"add {' '.join(added)}"] if added else []),
               work.bake.name, full, *programs]
    code, output = run_tool(command, cwd=folder, env={**QUIET, "TMPDIR": str(folder)})
    if code or not (folder / full).exists():
        lines = SourceLines(work.request.sources)
        hint = missing_component(output, work.toolchain, work.bake)
        raise _failure(work.request, command, parse_linker(output, lines), output, folder, hint)
    return output


def _failure(request: BuildRequest, command: Sequence[str], diagnostics: list[Diagnostic],
             rest: str, folder: Path, hint: str = "") -> BuildError:
    rest = rest.replace(f"{folder}/", "")
    message = summary(diagnostics)
    if not any(one.severity == "error" for one in diagnostics):
        tail = "\n".join(rest.splitlines()[-LOG_TAIL_LINES:])
        message = f"{request.name} does not build; Rumprun's tools said:\n{tail}"
    return BuildError(message, diagnostics=tuple(diagnostics), log=rest, command=list(command),
                      next_step=hint)


def _finish(request: BuildRequest, folder: Path, warnings: list[Diagnostic],
            log: str) -> dict[str, Any]:
    full, bare = entry_files(request.name)
    stripped = strip((folder / full).read_bytes())
    (folder / bare).write_bytes(stripped)
    return {
        "name": request.name, "kit": RumprunKit.name, "size_bytes": len(stripped),
        "content_hash": sha256(stripped).hexdigest(), "header_address": None,
        "sources": [asdict(source) for source in request.sources],
        "warnings": [asdict(warning) for warning in warnings],
        "log": log,
    }


KITS[RumprunKit.name] = RumprunKit
