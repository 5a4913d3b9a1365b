"""The files that belong to the project: what git tracks, or would track."""

import subprocess
from functools import cache
from pathlib import Path

__all__ = ["PROJECT", "project_files", "text_files", "python_files"]

PROJECT = Path(__file__).resolve().parents[2]
GENERATED = {".git", ".venv", "node_modules", "static", "__pycache__", "build", "artefacts"}


@cache
def project_files() -> tuple[Path, ...]:
    """Return the project's files, relative to its folder; an unpacked archive has no git."""
    if (PROJECT / ".git").exists():
        said = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        names = [Path(name) for name in said.split("\0") if name]
    else:
        names = [path.relative_to(PROJECT) for path in PROJECT.rglob("*")]
        names = [name for name in names if not GENERATED.intersection(name.parts[:-1])]
    return tuple(sorted(name for name in names if (PROJECT / name).is_file()))


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
