"""The compiler and the C library that programs for guests are made with.

Found without starting a process where a file says it: every process costs a few
milliseconds of a build that takes fifty.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kernel_magics.errors import HostError

__all__ = ["Toolchain", "find_toolchain", "run_tool"]

_INSTALL = "install it: sudo apt-get install gcc g++ make musl-dev musl-tools"
_COMPILERS = {"c": ("gcc",), "c++": ("g++",)}


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler driver and musl: paths, and `identity`, which changes when they do."""

    compiler: Path
    musl_include: Path
    musl_lib: Path
    identity: str

    def cxx_includes(self) -> tuple[Path, ...]:
        """Return the folders of the compiler's own C++ headers, in the order to search."""
        return _cxx_includes(self.compiler, self.identity)

    def gcc_file(self, name: str) -> Path:
        """Return where the compiler keeps one of its own files ("include", "libgcc.a")."""
        return _gcc_file(self.compiler, self.identity, name)


def find_toolchain(lang: str = "c") -> Toolchain:
    """Return the tools for a language, "c" or "c++".

    Raises HostError with the packages to install if one is missing.
    """
    compiler = next((path for name in _COMPILERS[lang] if (path := shutil.which(name))), None)
    if compiler is None:
        raise HostError(f"no {_COMPILERS[lang][0]}: there is no compiler to build guests with",
                        next_step=_INSTALL)
    include, lib = _find_musl()
    return Toolchain(Path(compiler), include, lib,
                     _identity(Path(compiler).resolve(), lib / "libc.a"))


def _find_musl() -> tuple[Path, Path]:
    """Return musl's header and library folders, as the musl-gcc wrapper would use them."""
    wrapper = shutil.which("musl-gcc")
    specs = re.search(r'-specs[ =]"?([^"\s]+)', _read(wrapper)) if wrapper else None
    text = _read(specs[1]) if specs else ""
    include = re.search(r"-isystem (/\S+)", text)
    start = re.search(r"(/\S+)/crti\.o", text)
    if not include or not start or not Path(start[1], "libc.a").exists():
        raise HostError("no musl: there is no C library to build guests with",
                        next_step=_INSTALL)
    return Path(include[1]), Path(start[1])


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _identity(*files: Path) -> str:
    """Return a text that differs once one of the files was replaced."""
    stats = [(file, file.stat()) for file in files]
    return ";".join(f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats)


@lru_cache(maxsize=64)
def _gcc_file(compiler: Path, identity: str, name: str) -> Path:
    code, text = run_tool([str(compiler), f"-print-file-name={name}"])
    path = Path(text.strip())
    if code or not path.is_absolute() or not path.exists():
        raise HostError(f"{compiler} has no {name}", next_step=_INSTALL, log=text)
    return path


@lru_cache(maxsize=8)
def _cxx_includes(compiler: Path, identity: str) -> tuple[Path, ...]:
    _, text = run_tool([str(compiler), "-x", "c++", "-E", "-v", os.devnull])
    folders = tuple(Path(folder) for folder in re.findall(r"^ (/\S*c\+\+\S*)$", text, re.M))
    if not folders:
        raise HostError(f"{compiler} has no C++ headers", next_step=_INSTALL, log=text)
    return folders


def run_tool(command: Sequence[str], *, cwd: Path | None = None,
             env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a build tool; return its exit status and all it wrote.

    `env` is added to the environment; messages are in English.  Interrupted (Ctrl-C),
    the whole process group ends with it: a compiler driver killed alone would leave its
    children running.  Raises HostError if the tool cannot be started.
    """
    try:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
    except OSError as error:
        raise HostError(f"cannot run {command[0]}: {error.strerror}",
                        next_step=_INSTALL) from error
    with process:
        try:
            output = process.communicate()[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output.decode("utf-8", "replace")
