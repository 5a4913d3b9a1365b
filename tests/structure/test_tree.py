"""The shape of the project: its top level, the size of its files, what may not be in them."""

import re
import warnings
from collections import Counter
from pathlib import Path

import pytest
from project_files import PROJECT, project_files, text_files

TOP_LEVEL = {
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "pyproject.toml",
    "environment.yml", "kernel_magics", "images", "notebooks", "lab-setup", "tests", ".ci",
    ".gitignore",
}
# Lines a file usually has at most, and lines at which it must be split.
LINES = {".py": (250, 500), ".c": (270, 700), ".h": (270, 700), ".S": (270, 500),
         ".ts": (270, 500)}

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|Users|home/[a-z])[\w./-]*/[\w.-]")
REGISTRIES = [".".join(name) for name in (
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"),
    ("registry", "yarnpkg", "com"), ("deb", "debian", "org"), ("security", "debian", "org"))]
MERGE_LEFTOVER = re.compile(rf"^(?:{'<' * 7}|{'>' * 7}|{'=' * 7}$)", re.MULTILINE)

TEXTS = text_files()


def lines_with(pattern: re.Pattern[str], texts: dict[Path, str]) -> list[str]:
    """Return `file:line: text` for every match of a pattern."""
    return [f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for name, text in texts.items() for match in pattern.finditer(text)]


def test_the_top_level_is_fixed():
    assert {name.parts[0] for name in project_files()} == TOP_LEVEL


def test_no_file_names_a_place_on_one_machine():
    assert not lines_with(MACHINE_PATH, TEXTS)


def test_a_place_on_one_machine_would_be_found():
    texts = {Path("a"): "x\n" + "/".join(["open('", "home", "jo", "lab'"]) + ")"}
    assert lines_with(MACHINE_PATH, texts)


def test_no_file_names_a_package_registry():
    pattern = re.compile("|".join(map(re.escape, REGISTRIES)))
    assert not lines_with(pattern, TEXTS)


def test_no_file_holds_the_leftovers_of_a_merge():
    assert not lines_with(MERGE_LEFTOVER, TEXTS)
    assert not [name for name in project_files() if name.suffix in {".orig", ".rej"}]


def test_names_say_what_a_file_is_about():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [str(name) for name in project_files() if vague & {name.stem, *name.parts}]


def test_no_two_test_files_have_one_name():
    """Test folders are no packages: pytest would import one file and refuse the other."""
    names = Counter(name.name for name in project_files()
                    if name.parts[0] == "tests" and name.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("suffix", LINES)
def test_files_keep_a_readable_size(suffix):
    usual, most = LINES[suffix]
    sizes = {name: text.count("\n") for name, text in TEXTS.items() if name.suffix == suffix}
    if long := [f"{name.name} {lines}" for name, lines in sizes.items() if lines > usual]:
        warnings.warn(f"more than the usual {usual} lines: {', '.join(long)}", stacklevel=1)
    assert not [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > most]


@pytest.mark.parametrize("guide", ["README.md", "CONTRIBUTING.md"])
def test_every_path_that_a_guide_names_is_there(guide):
    paths = re.findall(r"[`(]((?:\./)?[\w.-]+/[\w./-]*\w)[`)]", (PROJECT / guide).read_text())
    ours = [path for path in paths if path.removeprefix("./").split("/")[0] in TOP_LEVEL]
    assert ours
    assert not [path for path in ours if not (PROJECT / path).exists()]


def test_scripts_can_be_executed():
    scripts = [name for name, text in TEXTS.items()
               if text.startswith("#!") and name.suffix in {"", ".sh"}]
    assert {Path(".ci/run"), Path("lab-setup/start"), Path("lab-setup/test")} <= set(scripts)
    assert not [str(name) for name in scripts if not (PROJECT / name).stat().st_mode & 0o100]
