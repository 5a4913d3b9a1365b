"""What the project depends on is written down once, pinned, and used."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from project_files import PROJECT, project_files, python_files, text_files

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
RUN = SETTINGS["project"]["dependencies"]
TEST = SETTINGS["project"]["optional-dependencies"]["test"]
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!]+)")

# The module that a distribution provides, where the names differ.
MODULE = {"pyelftools": "elftools", "pyyaml": "yaml", "libvirt_python": "libvirt",
          "ipython": "IPython"}
# Used without being imported by our code: the server, the kernel, the plug-ins, the tools.
TOOLS = {"jupyterlab", "ipykernel", "pytest_timeout", "nbval", "ruff", "mypy"}
OURS = {"kernel_magics", "setup_steps"}


def normal(name: str) -> str:
    """Return a distribution's name in one spelling."""
    return re.sub(r"[-_.]+", "_", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    """Return name -> version of exact pins; anything else is an error."""
    found = {}
    for line in lines:
        match = PIN.fullmatch(line)
        assert match, f"not an exact pin: {line}"
        found[normal(match[1])] = match[2]
    return found


def constraints() -> dict[str, str]:
    """Return the pins of lab-setup/constraints.txt."""
    lines = (PROJECT / "lab-setup" / "constraints.txt").read_text().splitlines()
    return pins([line for line in lines if line and not line.startswith("#")])


def imported(paths) -> set[str]:
    """Return the top-level names of the modules that files import, absolute imports only."""
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse((PROJECT / path).read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
            elif (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
                    and isinstance(node.args[0], ast.Constant)):
                names.add(node.args[0].value.split(".")[0])
    return names


def foreign(folders: list[str]) -> set[str]:
    """Return the modules used below folders that are neither Python's nor ours."""
    files = [path for folder in folders for path in python_files(folder)]
    # Scripts and tests import their neighbours by name; modules of the package do not.
    scripts = [path for path in files if path.parts[0] != "kernel_magics"]
    local = {name for path in scripts for name in [path.stem, *path.parts[:-1]]}
    return imported(files) - set(sys.stdlib_module_names) - OURS - local


def provided(pinned: dict[str, str]) -> set[str]:
    """Return the modules that pinned distributions provide."""
    return {MODULE.get(name, name) for name in pinned}


def test_the_package_imports_only_what_is_declared():
    # libvirt_qemu comes with libvirt-python; traitlets is the language of ipywidgets.
    extra = {"libvirt_qemu", "libvirt_lxc", "traitlets"}
    assert foreign(["kernel_magics"]) - extra <= provided(pins(RUN))


def test_the_set_up_steps_need_nothing_but_python():
    steps = [path for path in python_files("lab-setup") if "setup_steps" in path.parts]
    assert steps
    assert imported(steps) <= set(sys.stdlib_module_names)


def test_the_tests_import_only_what_is_declared():
    extra = {"traitlets", "libvirt_qemu", "recorded"}  # the last is the notebooks' own
    assert foreign(["tests"]) - extra <= provided(pins(RUN + TEST))


def test_every_dependency_is_used():
    used = foreign(["kernel_magics", "lab-setup", "tests"])
    unused = provided({name: "" for name in pins(RUN + TEST) if name not in TOOLS}) - used
    assert not unused, f"declared and never imported: {unused}"


def test_constraints_agree_with_the_pins_and_hold_all_that_is_installed():
    fixed = constraints()
    for name, version in pins(RUN + TEST).items():
        assert fixed.get(name) == version, name
    said = subprocess.run([sys.executable, "-m", "pip", "freeze", "--exclude-editable"],
                          capture_output=True, text=True, check=True).stdout
    installed = pins([line for line in said.splitlines() if "==" in line])
    closure = required_by(set(pins(RUN + TEST)), installed)
    assert {name: installed[name] for name in closure} == {
        name: fixed.get(name) for name in closure}


def required_by(names: set[str], installed: dict[str, str]) -> set[str]:
    """Return `names` and everything installed that they require, directly or not."""
    said = subprocess.run([sys.executable, "-m", "pip", "inspect"],
                          capture_output=True, text=True, check=True).stdout
    metadata = {normal(item["metadata"]["name"]): item["metadata"].get("requires_dist", [])
                for item in yaml.safe_load(said)["installed"]}
    reached, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in installed:
            continue
        reached.add(name)
        waiting |= {normal(re.match(r"[\w.-]+", line)[0]) for line in metadata.get(name, [])
                    if "extra ==" not in line}
    return reached


def test_the_conda_environment_is_the_same():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    pinned = [line for line in pip if "==" in line]
    assert set(pip) - set(pinned) == {"--constraint lab-setup/constraints.txt", "--editable ."}
    assert pins(pinned) == pins(RUN + TEST)
    assert environment["name"] == SETTINGS["project"]["name"]
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    python = next(entry.removeprefix("python=") for entry in conda if entry.startswith("python="))
    assert SETTINGS["project"]["requires-python"] == f">={python}"
    backend = [entry.replace("=", "==") for entry in conda if entry.startswith("setuptools")]
    assert SETTINGS["build-system"]["requires"] == backend


def system_packages() -> set[str]:
    """Return the Debian packages that lab-setup installs."""
    lines = (PROJECT / "lab-setup" / "system-packages.txt").read_text().splitlines()
    return {line.split()[1] for line in lines if line and not line.startswith("#")}


def test_every_debian_package_that_is_named_is_installed_by_the_set_up():
    # A name ends the list at the first word that is no package name or option.
    command = re.compile(r"apt-get install((?: +(?:-[\w-]+|[a-z0-9][a-z0-9+.-]+))+)")
    named = {}
    for name, text in text_files().items():
        if name.suffix in {".py", ".md", ".ts", ".ipynb", ".toml", ".sh"}:
            for match in command.finditer(text):
                words = [word.rstrip(".") for word in match[1].split() if word[0] != "-"]
                named |= dict.fromkeys(words, name)
    assert named, "the check finds nothing"
    unknown = {word: str(name) for word, name in named.items() if word not in system_packages()
               and name.parts[0] != "lab-setup"}
    assert not unknown


def programs_looked_for() -> dict[str, str]:
    """Return program -> file for every literal name that is given to shutil.which."""
    found = {}
    for path in [*python_files("kernel_magics"), *python_files("tests")]:
        for node in ast.walk(ast.parse((PROJECT / path).read_text())):
            if (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("which")
                    and node.args and isinstance(node.args[0], ast.Constant)):
                found[node.args[0].value] = str(path)
    return found


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian system: no dpkg-query")
def test_every_program_that_is_looked_for_comes_with_a_package_of_the_set_up():
    foreign_programs = {}
    for program, path in programs_looked_for().items():
        where = shutil.which(program)
        if not where:
            continue
        owner = owner_of(where)
        if owner and owner not in system_packages() and not always_there(owner):
            foreign_programs[program] = f"{owner}, used in {path}"
    assert not foreign_programs


def owner_of(path: str) -> str | None:
    """Return the Debian package that installed a program, or None."""
    said = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
    return said.stdout.split(":")[0] if said.returncode == 0 else None


def always_there(package: str) -> bool:
    """Return whether every Debian system has a package."""
    said = subprocess.run(["dpkg-query", "--show", "--showformat", "${Essential} ${Priority}",
                           package], capture_output=True, text=True).stdout
    return said.startswith("yes") or said.endswith("required")


def test_no_lock_file_says_where_packages_come_from():
    for name in project_files():
        if name.name in {"package-lock.json", "constraints.txt"}:
            text = (PROJECT / name).read_text()
            assert "://" not in text.replace("https://opencollective", ""), name
