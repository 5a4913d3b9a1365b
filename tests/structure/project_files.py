"""The files that belong to the project: what git tracks, or would track."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

__all__ = ["PROJECT", "project_files", "text_files", "python_files"]

PROJECT = Path(__file__).resolve().parents[2]
GENERATED = {".git", ".venv", "node_modules", "static", "__pycache__", "artefacts",
             "rumplab.egg-info", ".pytest_cache", ".ruff_cache", ".mypy_cache",
             ".ipynb_checkpoints"}


@cache
def project_files() -> tuple[Path, ...]:
    """Return the project's files, relative to its folder.

    Without git, in an unpacked archive or in another user's clone, those that are no products.
    """
    names = _git_files()
    if names is None:
        names = [path.relative_to(PROJECT) for path in PROJECT.rglob("*")]
        names = [name for name in names if name.parts[0] != "build"
                 and not GENERATED.intersection(name.parts[:-1])]
    return tuple(sorted(name for name in names if (PROJECT / name).is_file()))


def _git_files() -> list[Path] | None:
    if not ((PROJECT / ".git").exists() and shutil.which("git")):
        return None
    said = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True)
    return [Path(name) for name in said.stdout.split("\0") if name] if not said.returncode else None


def text_files() -> dict[Path, str]:
    """Return the text of every project file that is text."""
    texts = {}
    for name in project_files():
        content = (PROJECT / name).read_bytes()
        if b"\0" not in content:
            texts[name] = content.decode("utf-8", "replace")
    return texts


def python_files(folder: str) -> list[Path]:
    """Return the Python files below a folder of the project."""
    return [name for name in project_files()
            if name.suffix == ".py" and name.parts[0] == folder]
