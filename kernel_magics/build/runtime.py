"""The built rumpkit runtime: rumpkit.o and the link script, made once per source state."""

import fcntl
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.build.cache import digest, disk_errors
from kernel_magics.build.linkmap import write_objects
from kernel_magics.build.lwip import ensure_lwip, lwip_identity
from kernel_magics.build.toolchain import find_toolchain, run_tool
from kernel_magics.errors import BuildError, HostError
from kernel_magics.places import cache_dir, images_dir

__all__ = ["Choice", "Runtime", "find_runtime", "runtime_hash", "CORE_ARCHIVE"]

KEPT_RUNTIMES = 4
RETRY_S = 60
IN_USE_S = 3600  # so long a build that began with a runtime may still link with it
OBJECTS = "rumpkit.objects"  # which object each part of the runtime is from
CORE_OBJECTS = "core.objects"
CORE_ARCHIVE = "libcore.a"
LOG_TAIL_LINES = 25
_SOURCE_SUFFIXES = {".c", ".h", ".S", ".ld", ".cc", ".py", ".sh", ".txt", ""}

# PATH → until when (time.monotonic) lwIP is not tried for again: apt takes seconds to fail.
_refused_until: dict[str, float] = {}
_file_hashes: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class Choice:
    """The linker's arguments that leave out of an image what its program cannot use.

    `arguments` is a file of them.  See ASKING in the runtime's Makefile.
    """

    arguments: Path

    @property
    def among_libraries(self) -> list[str]:
        """What is searched together with the C library."""
        return [str(self.arguments.with_name("libwhole.a"))]

    @property
    def after_libraries(self) -> list[str]:
        """What comes when no library has anything to add."""
        folder = self.arguments.parent
        return [str(folder / "asking" / "entry.o"), str(folder / CORE_ARCHIVE)]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A built runtime: its object, the folder and the hash of the sources it is from."""

    object: Path
    sources: Path
    hash: str

    @property
    def link_script(self) -> Path:
        """The script that lays out an image."""
        return self.sources / "link.ld"

    @property
    def chosen(self) -> Choice | None:
        """How a program is linked with what it needs; None if the build makes one object only."""
        arguments = self.object.with_name("link.args")
        return Choice(arguments) if arguments.exists() else None

    @property
    def noted_locks(self) -> tuple[list[str], list[str]]:
        """Compiler arguments and libraries that have a program's locks note who took them."""
        arguments = self.object.with_name("locks.args")
        if not arguments.exists():  # (another runtime than the project's)
            return [], []
        return [f"@{arguments}"], [str(self.object.with_name("locks-libc.a"))]

    def lend_objects(self, place: Path, *, core: bool = False) -> None:
        """Put the record of which object each part of the runtime is from at `place`.

        `core`: of the runtime without the parts that are set apart.  Nothing is put there for
        a runtime whose build keeps no maps.
        """
        record = self.object.with_name(CORE_OBJECTS if core else OBJECTS)
        with suppress(FileNotFoundError):
            try:
                os.link(record, place)
            except FileNotFoundError:
                raise
            except OSError:  # another disk, or one without hard links
                shutil.copyfile(record, place)


def runtime_hash(sources: Path | None = None) -> str:
    """Return a digest of every source file of the runtime (and of its Makefile).

    A file is read again only if its size or modification time changed.
    """
    sources = sources or images_dir() / "rumpkit"
    parts: list[str] = []
    for path in sorted(_source_files(sources)):
        stat = os.stat(path)
        known = (path, stat.st_mtime_ns, stat.st_size)
        if known not in _file_hashes:
            _file_hashes[known] = digest(Path(path).read_bytes())
        parts += [os.path.relpath(path, sources), _file_hashes[known]]
    if not parts:
        raise HostError(f"the runtime's sources are missing: {sources}",
                        next_step="check out the project again")
    return digest(*parts)


def _source_files(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in ("build", "__pycache__"):
                continue
            if entry.is_dir():
                yield from _source_files(Path(entry.path))
            elif os.path.splitext(entry.name)[1] in _SOURCE_SUFFIXES:
                yield entry.path


def find_runtime(sources: Path | None = None) -> Runtime:
    """Return the built runtime, making it first if these sources were not built yet.

    The first time, lwIP's source is fetched; if that cannot be done, a warning says why, and
    the runtime is built without Internet protocols until it can.

    `sources` is the runtime's folder, by default the project's.  Two processes that need
    it at once build it once.  Raises BuildError with the log if it does not compile,
    HostError if make or a compiler is missing or the disk is full.
    """
    sources = sources or images_dir() / "rumpkit"
    lwip = _lwip()
    key = digest(runtime_hash(sources), find_toolchain().identity, lwip_identity(lwip))[:24]
    shelf = cache_dir() / "rumpkit"
    folder = shelf / key
    runtime = Runtime(folder / "rumpkit.o", sources, key)
    if runtime.object.exists():
        return runtime
    with disk_errors(shelf):
        shelf.mkdir(parents=True, exist_ok=True)
        with _locked(shelf / f"{key}.lock"):
            if not runtime.object.exists():
                _make(sources, lwip, shelf, folder)
    return runtime


def _lwip() -> Path | None:
    path = os.environ.get("PATH", "")
    if time.monotonic() < _refused_until.get(path, 0.0):
        return None
    try:
        return ensure_lwip()
    except HostError as error:
        _refused_until[path] = time.monotonic() + RETRY_S
        warnings.warn(f"guests have no network: {error}", stacklevel=3)
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _make(sources: Path, lwip: Path | None, shelf: Path, folder: Path) -> None:
    if shutil.which("make") is None:
        raise HostError("no make: the runtime cannot be built",
                        next_step="install it: sudo apt-get install make")
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=shelf))
    try:
        _run_make(sources, lwip, staging)
        for maps, record in (("*.o.map", OBJECTS), ("core/*.o.map", CORE_OBJECTS)):
            found = [(path.name.partition(".")[0], path) for path in sorted(staging.glob(maps))]
            if found:
                write_objects(found, staging / record)
        try:
            os.rename(staging, folder)
        except OSError:
            if not (folder / "rumpkit.o").exists():  # else another process was first
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _prune(shelf, folder)


def _run_make(sources: Path, lwip: Path | None, out: Path) -> None:
    jobs = len(os.sched_getaffinity(0))
    # make takes a blank in a name for the end of the name, so it gets another one.
    with tempfile.TemporaryDirectory(prefix="rumpkit-") as folder:
        alias = Path(folder) / "out"
        alias.symlink_to(out)
        arguments = [f"OUT={alias}", f"-j{jobs}"]
        if lwip is not None:
            (Path(folder) / "lwip").symlink_to(lwip)
            arguments.append(f"LWIP={folder}/lwip")
        code, log = run_tool(["make", "-C", str(sources), *arguments])
    if code == 0 and (out / "rumpkit.o").exists():
        return
    if "No space left on device" in log:
        raise HostError(f"cannot build the runtime in {out.parent}: no space left on device",
                        next_step="free some space there, or set RUMPLAB_CACHE to a folder "
                                  "on another disk", log=log)
    tail = "\n".join(log.splitlines()[-LOG_TAIL_LINES:])
    raise BuildError(f"the runtime in {sources} does not build:\n{tail}",
                     next_step=f"see the whole log: make -C {sources} OUT=/tmp/rumpkit",
                     log=log, diagnostics=())


def _prune(shelf: Path, kept: Path) -> None:
    """Keep the runtimes built last; images hold copies of what they need of the others."""
    # Those with a dot are being built by somebody else just now.
    built = [path for path in shelf.iterdir()
             if path.is_dir() and path != kept and not path.name.startswith(".")]
    built.sort(key=lambda path: path.stat().st_mtime)
    for path in built[:-KEPT_RUNTIMES]:
        if time.time() - path.stat().st_mtime < IN_USE_S:
            continue
        shutil.rmtree(path, ignore_errors=True)
