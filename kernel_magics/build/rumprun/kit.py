"""The upstream kit: programs compiled by Rumprun's toolchain, baked into one image."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from kernel_magics.build.baked import Baked
from kernel_magics.build.cache import BuildCache, digest, file_digest
from kernel_magics.build.diagnostics import Diagnostic, SourceLines
from kernel_magics.build.elf import ElfFile
from kernel_magics.build.image import GuestImage, entry_files, header_address, link_files
from kernel_magics.build.kits import KITS, BuildRequest, Source, check_filename, check_name
from kernel_magics.build.parts import Program, Project
from kernel_magics.build.rumprun.baking import Oven, bake
from kernel_magics.build.rumprun.calls import failing_calls
from kernel_magics.build.rumprun.compiling import Compiled, compile_program
from kernel_magics.build.rumprun.components import check_component
from kernel_magics.build.rumprun.configurations import check_configuration, split_bake
from kernel_magics.build.rumprun.mirror import list_sources, read_texts, tree_identity
from kernel_magics.build.rumprun.needs import missing_needs
from kernel_magics.build.rumprun.projects import build_project
from kernel_magics.build.rumprun.toolchain import find_rumprun
from kernel_magics.build.rumprun.tracing import trace_parts
from kernel_magics.build.stripping import strip
from kernel_magics.errors import UsageError

__all__ = ["RumprunKit"]

RECIPE = "4"  # changes when this room makes another image from the same inputs
DEFAULT_BAKE = "hw_virtio"
_ARCHIVE = re.compile(r".*\.(a|o)")


@dataclass(frozen=True, slots=True)
class _Work:
    """What one build is made of and with."""

    request: BuildRequest
    parts: tuple[Program | Project, ...]
    oven: Oven


class RumprunKit:
    """Builds guest images with an installed Rumprun toolchain.

    `cache` is where images are kept, by default the lab's cache folder.
    """

    name = "rumprun"

    def __init__(self, cache: BuildCache | None = None) -> None:
        self.cache = cache or BuildCache()

    def build(self, request: BuildRequest) -> GuestImage:
        """Compile and bake programs, or find the image made before from the same sources.

        Raises HostError if there is no usable toolchain or build system; UsageError for a
        language, a configuration, a library or a source that cannot be built; BuildError
        (attributes `diagnostics`, `log`, `command`) if a tool refuses; ImageError for a program
        that is none.
        """
        started_ns = time.monotonic_ns()
        request.check()
        work = _work(request)
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
        lines = SourceLines([source for part in work.parts if isinstance(part, Program)
                             for source in part.sources])
        with self.cache.staging() as folder:
            programs = _gathered([one for index, part in enumerate(work.parts) for one in
                                  _compiled(part, work, folder / f"part{index}")], folder)
            baked, log = bake(work.request.name, programs, work.oven, folder, lines)
            warnings = _foreseen(work, programs, lines.sources)
            kept = [path.name for one in programs for path in (one.file, one.map) if path]
            record = _finish(work, folder, baked, programs, warnings, log)
            headers = {header for one in programs for header in one.headers}
            files = [*entry_files(work.request.name), link_files(work.request.name)[0], *kept]
            place = self.cache.store(key, folder, files, headers | _archives(work), record)
        return place, record


def _work(request: BuildRequest) -> _Work:
    """Return what is to be done; raises HostError and UsageError before anything is."""
    if request.whole:
        raise UsageError("a Rumprun image has the components of its configuration, used or not",
                         next_step="leave whole out; bake and components choose them")
    toolchain = find_rumprun()
    configuration = check_configuration(toolchain, request.bake or DEFAULT_BAKE)
    parts = request.parts
    if request.sources:
        parts = (Program(request.name, request.sources, request.lang, (request.folder,)), *parts)
    for part in parts:
        if isinstance(part, Program):
            check_name(part.name)
            for source in part.sources:
                check_filename(source.filename)
    added = tuple(check_component(toolchain, name) for name in request.components)
    return _Work(request, parts, Oven(toolchain, configuration, tuple(
        name for name in dict.fromkeys(added) if name not in configuration.components),
        trace_parts(toolchain) if request.trace else None, split_bake(request.bake)[0]))


def _key(work: _Work) -> str:
    request, oven = work.request, work.oven
    return digest(
        RECIPE, RumprunKit.name, request.name, request.lang, str(request.folder),
        oven.toolchain.identity, oven.configuration.name, " ".join(oven.components),
        json.dumps([request.cflags, request.ldflags, oven.added]),
        oven.trace.identity if oven.trace else "",
        *(word for part in work.parts for word in _part_key(part)))


def _part_key(part: Program | Project) -> list[str]:
    if isinstance(part, Project):
        if not part.folder.is_dir():
            raise UsageError(f"there is no folder {part.folder}",
                             next_step="give the folder that has the project's build file")
        return ["project", repr(part), tree_identity(list_sources(part.folder))]
    if part.file:
        return ["file", part.name, file_digest(part.file)]
    return ["program", part.name, part.lang, *map(str, part.folders),
            *(str(word) for source in part.sources
              for word in (source.filename, source.first_line, source.lang, source.text))]


def _compiled(part: Program | Project, work: _Work, place: Path) -> list[Compiled]:
    """Return the programs of one part; `place` is a folder for it."""
    request, toolchain = work.request, work.oven.toolchain
    place.mkdir()
    if isinstance(part, Project):
        return build_project(part, toolchain, request.cflags, request.ldflags, place,
                             request.name)
    if part.file:
        return [Compiled(part.name, part.file)]
    return [compile_program(part, toolchain, place, request.cflags, request.ldflags)]


def _gathered(programs: Sequence[Compiled], folder: Path) -> list[Compiled]:
    """Return the programs, copied to where the entry is made with their maps.

    rumprun-bake runs there and is given their plain names: it takes no blanks in a path.
    Raises UsageError for names that are none, or of which there are two.
    """
    names = [check_name(one.name) for one in programs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two of the programs are called {twice[0]}",
                         next_step="give them names: lab.build({name: what, …})")
    return [replace(one, file=_copied(one.file, folder / f"{one.name}.rumprun"),
                    map=_copied(one.map, folder / f"{one.name}.rumprun.map")
                    if one.map and one.map.exists() else None) for one in programs]


def _copied(path: Path, place: Path) -> Path:
    place.write_bytes(path.read_bytes())
    return place


def _archives(work: _Work) -> set[str]:
    """Return the libraries and objects that the user's flags name by their paths."""
    return {str(work.request.folder / word) for word in work.request.ldflags
            if _ARCHIVE.fullmatch(word) and (work.request.folder / word).is_file()}


def _foreseen(work: _Work, programs: Sequence[Compiled],
              sources: Sequence[Source]) -> list[Diagnostic]:
    """Return warnings of what the programs will want in vain in this image."""
    components, toolchain = work.oven.components, work.oven.toolchain

    @cache
    def texts() -> list[Source]:
        return [*sources, *(text for part in work.parts if isinstance(part, Project)
                            for text in read_texts(part.folder))]

    calls = [warning for one in programs
             for warning in failing_calls(one.file, texts, components, toolchain)]
    return [*dict.fromkeys(calls), *missing_needs(sources, components, toolchain)]


def _finish(work: _Work, folder: Path, baked: Baked, programs: Sequence[Compiled],
            failing: Sequence[Diagnostic], log: str) -> dict[str, Any]:
    full, bare = entry_files(work.request.name)
    stripped = strip((folder / full).read_bytes())
    (folder / bare).write_bytes(stripped)
    sources = [source for part in work.parts if isinstance(part, Program)
               for source in part.sources]
    return {
        "name": work.request.name, "kit": RumprunKit.name, "size_bytes": len(stripped),
        "content_hash": sha256(stripped).hexdigest(),
        "header_address": header_address(ElfFile(stripped, work.request.name)),
        "sources": [asdict(source) for source in sources],
        "warnings": [asdict(warning) for warning in
                     (*(one for program in programs for one in program.warnings), *failing)],
        "log": "\n".join(part for part in (*(one.log for one in programs), log) if part),
        "baked": baked.as_record(),
    }


KITS[RumprunKit.name] = RumprunKit
