"""What the README says a reader can type does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()

pytestmark = pytest.mark.guest


def run_python(code: str, folder: Path) -> str:
    """Run code in a Python of its own, in a folder; return what it printed."""
    said = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
                          env=os.environ, timeout=120)
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_the_script_of_the_readme_runs(tmp_path):
    program = re.search(r"%%rumpbuild hello\n((?:    .*\n)+)", README)[1]
    (tmp_path / "hello.c").write_text(program)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    lines = run_python(code, tmp_path).splitlines()
    assert lines[:2] == ["0", "hello from ring 0"]
    assert any("rumpuser_" in line for line in lines), "no hypercall in the trace"
    assert any(line.split()[:1] == ["libc"] for line in lines), "no layer in the sizes"


def test_the_magics_of_the_readme_are_the_magics_there_are(tmp_path):
    named = set(re.findall(r"^\| `%%?(\w+)|, `%%?(\w+)", README, re.MULTILINE))
    named = {line or also for line, also in named}
    code = """
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
shell.run_line_magic("load_ext", "kernel_magics")
print(sorted({name for kind in shell.magics_manager.magics.values() for name in kind
              if name.startswith("rump")}))
"""
    assert named == set(re.findall(r"'(\w+)'", run_python(code, tmp_path)))
