"""The import direction of the package: data flows down the list and never back up."""

import ast
from pathlib import Path

import pytest
from project_files import PROJECT, python_files

PACKAGE = "kernel_magics"
# Lower may not import higher; the same number may not import each other.
RANK = {
    "errors": 0, "places": 1, "build": 2, "boot": 3, "inspect": 4, "trace": 5, "serve": 6,
    "lab": 7, "widgets": 8, "magics": 9, "__init__": 10,
}
NOTEBOOK_LIBRARIES = {"IPython", "ipywidgets", "anywidget", "traitlets", "ipykernel"}
MODULES = python_files(PACKAGE)


def part_of(module: str) -> str:
    """Return which part of the package a dotted module name belongs to."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def dotted(path: Path) -> str:
    """Return the module name of a file of the package."""
    names = path.with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports_of(path: Path, for_types: bool = True) -> list[tuple[str, int]]:
    """Return every module that a file imports, at any depth, as (dotted name, line).

    With `for_types` false, those below `if TYPE_CHECKING:` are left out.
    """
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    tree = ast.parse((PROJECT / path).read_text())
    if not for_types:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[:len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            found += [(f"{base}.{alias.name}", node.lineno) for alias in node.names]
    return found


def test_every_part_of_the_package_has_its_place_in_the_direction():
    parts = {path.parts[1].removesuffix(".py") for path in MODULES}
    assert parts <= set(RANK), f"not in the architecture: {parts - set(RANK)}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_what_is_below_it(path):
    own = part_of(dotted(path))
    wrong = []
    for name, line in imports_of(path):
        other = part_of(name) if name.split(".")[0] == PACKAGE else own
        # `from kernel_magics import x` may name a part or something __init__ defines.
        other = other if other in RANK else "__init__"
        if other != own and RANK[other] >= RANK[own]:
            wrong.append(f"{path}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_widgets_and_magics_know_the_notebook(path):
    if part_of(dotted(path)) in {"widgets", "magics", "__init__"}:
        return
    wrong = [f"{path}:{line} imports {name}" for name, line in imports_of(path)
             if name.split(".")[0] in NOTEBOOK_LIBRARIES]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_through_others():
    known = {dotted(path) for path in MODULES}
    graph = {dotted(path): set() for path in MODULES}
    for path in MODULES:
        for name, _ in imports_of(path, for_types=False):
            target = name if name in known else name.rpartition(".")[0]
            # A package's __init__ gathers its modules; they name each other directly.
            if target in known and target != dotted(path):
                graph[dotted(path)].add(target)
    assert not (cycle := find_cycle(graph)), " -> ".join(cycle)


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle in their order, or an empty list."""
    finished: set[str] = set()

    def visit(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return [*trail[trail.index(module):], module]
        if module in finished:
            return []
        for target in sorted(graph[module]):
            if found := visit(target, [*trail, module]):
                return found
        finished.add(module)
        return []

    for module in sorted(graph):
        if found := visit(module, []):
            return found
    return []


def test_the_cycle_finder_finds_a_cycle():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__main__.py"], ids=str)
def test_a_module_says_what_is_public(path):
    tree = ast.parse((PROJECT / path).read_text())
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assigned = {target.id for node in tree.body if isinstance(node, ast.Assign)
                for target in node.targets if isinstance(target, ast.Name)}
    assert "__all__" in assigned or path.name == "__init__.py", f"{path} has no __all__"
