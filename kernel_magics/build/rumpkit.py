"""The in-tree kit: a program, musl and the rumpkit runtime linked into one guest image."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kernel_magics.build.advice import advice
from kernel_magics.build.cache import BuildCache, digest
from kernel_magics.build.cxx import C_PARTS, cxx_parts
from kernel_magics.build.diagnostics import Diagnostic, SourceLines, parse_compiler, summary
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.image import GuestImage, entry_files, header_address, link_files
from kernel_magics.build.kits import KITS, BuildRequest
from kernel_magics.build.linking import parse_linker
from kernel_magics.build.runtime import CORE_ARCHIVE, Runtime, find_runtime
from kernel_magics.build.stripping import strip
from kernel_magics.build.toolchain import Toolchain, find_toolchain, run_tool
from kernel_magics.errors import BuildError, HostError, UsageError

__all__ = ["RumpkitKit"]

RECIPE = "2"  # changes when this file makes another image from the same inputs
COMPILE_FLAGS = ("-pipe", "-O2", "-g", "-Wall", "-fno-omit-frame-pointer", "-fno-pie",
                 "-fcf-protection=none", "-fno-stack-protector",
                 "-fdiagnostics-format=json")
LINK_FLAGS = ("-static", "-no-pie", "-nostdlib", "-Wl,--build-id=sha1", "-Wl,-z,noexecstack",
              "-Wl,--wrap=main")
LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class _Tools:
    """What one build uses."""

    toolchain: Toolchain
    runtime: Runtime


class RumpkitKit:
    """Builds guest images with the runtime in images/rumpkit.

    `cache` is where images are kept, by default the lab's cache folder; `sources` the
    folder of the runtime, by default the project's.
    """

    name = "rumpkit"

    def __init__(self, cache: BuildCache | None = None, sources: Path | None = None) -> None:
        self.cache = cache or BuildCache()
        self.sources = sources

    def build(self, request: BuildRequest) -> GuestImage:
        """Build a guest image, or find the one built before from the same sources.

        Raises UsageError for a name, language or source text that cannot be built;
        BuildError (attributes `diagnostics`, `log`, `command`) if the compiler or linker
        refuses; HostError if a tool is missing or the disk is full.  Interrupted, it
        leaves nothing behind.
        """
        started_ns = time.monotonic_ns()
        request.check()
        if request.parts or request.trace or request.bake or request.components:
            raise _not_here(request)
        tools = _Tools(find_toolchain(request.lang), find_runtime(self.sources))
        key = _key(request, tools)
        found = self.cache.find(key)
        cached = found is not None
        folder, record = found or self._make(request, tools, key)
        self.cache.remember(request.name, folder)
        return GuestImage.from_entry(folder, record, cached=cached,
                                     build_ns=time.monotonic_ns() - started_ns)

    def last(self, name: str) -> GuestImage | None:
        """Return the image that was last built under `name`, or None."""
        found = self.cache.recall(name)
        return GuestImage.from_entry(*found) if found else None

    def _make(self, request: BuildRequest, tools: _Tools,
              key: str) -> tuple[Path, dict[str, Any]]:
        with self.cache.staging() as folder:
            warnings, log = _compile(request, tools, folder)
            record = _finish(request, folder, warnings, log)
            linked, objects = (folder / file for file in link_files(request.name))
            tools.runtime.lend_objects(objects, core=_is_core(linked))
            place = self.cache.store(key, folder, _files(folder, request.name),
                                     _dependencies(folder, request), record)
        return place, record


def _not_here(request: BuildRequest) -> UsageError:
    if request.trace:
        return UsageError("a rumpkit image can always be traced; nothing is linked in for it",
                          next_step='leave trace out, and boot it with trace="all"')
    if not request.parts:
        return UsageError("a rumpkit image is not baked of configurations and components",
                          next_step='leave bake and components out, or pass kit="rumprun"')
    return UsageError("a rumpkit image has one program, made of C or C++ files",
                      next_step='name its files, or pass kit="rumprun" for folders with a build '
                                "system and for several programs")


def _is_core(linked: Path) -> bool:
    """Whether the linker's map says that the runtime's core was enough for the program."""
    return linked.exists() and f"{CORE_ARCHIVE}(".encode() in linked.read_bytes()


def _files(folder: Path, name: str) -> list[str]:
    """Return the files of an entry; a runtime that keeps no record of its objects lends none."""
    return [*entry_files(name), *(file for file in link_files(name) if (folder / file).exists())]


def _key(request: BuildRequest, tools: _Tools) -> str:
    return digest(
        RECIPE, request.name, request.lang, str(request.folder), tools.toolchain.identity,
        tools.runtime.hash, json.dumps([request.cflags, request.ldflags, request.whole]),
        *(str(part) for source in request.sources
          for part in (source.filename, source.first_line, source.text)))


def _compile(request: BuildRequest, tools: _Tools,
             folder: Path) -> tuple[list[Diagnostic], str]:
    """Compile and link in one run of the compiler driver; return warnings and the log."""
    for source in request.sources:
        # Empty lines before the text make the compiler count as the user's cell does.
        padding = "\n" * (source.first_line - 1)
        (folder / source.filename).write_text(padding + source.text + "\n", "utf-8")
    command = _command(request, tools, folder)
    code, output = run_tool(command, cwd=folder, env={"TMPDIR": str(folder)})
    lines = SourceLines(request.sources)
    diagnostics, rest = parse_compiler(output, lines)
    if code:
        diagnostics += parse_linker(rest, lines)
        raise _failure(request, command, diagnostics, rest, folder)
    return diagnostics, rest


def _command(request: BuildRequest, tools: _Tools, folder: Path) -> list[str]:
    chain, runtime = tools.toolchain, tools.runtime
    lib = chain.musl_lib
    extra = cxx_parts(chain, runtime.sources) if request.lang == "c++" else C_PARTS
    wrapped, locks = runtime.noted_locks
    libraries = [*extra.libraries, *locks, str(lib / "libc.a"), str(chain.gcc_file("libgcc.a")),
                 str(chain.gcc_file("libgcc_eh.a"))]
    # A C++ library calls what it may need by names of its own.
    choice = None if request.whole or request.lang == "c++" else runtime.chosen
    if choice:
        own = [f"@{choice.arguments}"]
        libraries += choice.among_libraries
    else:
        own = [str(runtime.object)]
    return [
        str(chain.compiler), *COMPILE_FLAGS, "-nostdinc", *extra.include_flags,
        "-isystem", str(chain.musl_include), "-isystem", str(chain.gcc_file("include")),
        "-iquote", str(request.folder), f"-fdebug-prefix-map={folder}=.", "-MMD",
        *request.cflags, *LINK_FLAGS, *wrapped, *extra.link_flags, f"-L{lib}",
        f"-Wl,-T,{runtime.link_script}", f"-Wl,-Map={link_files(request.name)[0]}",
        "-o", f"{request.name}.elf",
        str(lib / "crt1.o"), str(lib / "crti.o"), *extra.first,
        *(word for source in request.sources
          for word in ("-x", source.lang or request.lang, source.filename)),
        *extra.sources, "-x", "none", *request.ldflags, *own,
        "-Wl,--start-group", *libraries, "-Wl,--end-group",
        *(choice.after_libraries if choice else ()), *extra.last, str(lib / "crtn.o"),
    ]


def _failure(request: BuildRequest, command: Sequence[str], diagnostics: list[Diagnostic],
             rest: str, folder: Path) -> BuildError | HostError:
    if "No space left on device" in rest:
        return HostError(f"cannot build {request.name}: no space left on device in "
                         f"{folder.parent}",
                         next_step="free some space there, or set RUMPLAB_CACHE to a folder "
                                   "on another disk", log=rest)
    rest = rest.replace(f"{folder}/", "")
    message = summary(diagnostics)
    if not any(one.severity == "error" for one in diagnostics):
        tail = "\n".join(rest.splitlines()[-LOG_TAIL_LINES:])
        message = f"{request.name} does not build; the compiler said:\n{tail}"
    return BuildError(message, diagnostics=tuple(diagnostics), log=rest, command=list(command),
                      next_step=advice(diagnostics, request.lang))


def _finish(request: BuildRequest, folder: Path, warnings: list[Diagnostic],
            log: str) -> dict[str, Any]:
    """Write the stripped copy beside the image; return the record of the entry."""
    full, bare = entry_files(request.name)
    data = (folder / full).read_bytes()
    stripped = strip(data)
    (folder / bare).write_bytes(stripped)
    return {
        "name": request.name, "kit": RumpkitKit.name, "size_bytes": len(stripped),
        "content_hash": sha256(stripped).hexdigest(),
        "header_address": header_address(ElfFile(stripped, request.name)),
        "sources": [asdict(source) for source in request.sources],
        "warnings": [asdict(warning) for warning in warnings],
        "log": log,
    }


def _dependencies(folder: Path, request: BuildRequest) -> set[str]:
    """Return the headers outside the system's folders that the program included."""
    own = {source.filename for source in request.sources}
    found: set[str] = set()
    for path in folder.glob("*.d"):
        rule = path.read_text("utf-8", "replace").replace("\\\n", " ")
        names = re.split(r"(?<!\\)\s+", rule.partition(":")[2].strip())
        found |= {name.replace("\\ ", " ") for name in names if name} - own
    return {str(folder / name) for name in found}


KITS[RumpkitKit.name] = RumpkitKit
