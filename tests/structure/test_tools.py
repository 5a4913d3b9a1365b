"""What the linter and the type checker say of the project."""

import subprocess
import sys

from project_files import PROJECT


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the environment over the project."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=PROJECT,
                          capture_output=True, text=True)


def test_ruff_finds_nothing():
    said = run_tool("ruff", "check", "--output-format=concise", ".")
    assert said.returncode == 0, said.stdout


def test_mypy_finds_nothing():
    said = run_tool("mypy")
    assert said.returncode == 0, said.stdout
