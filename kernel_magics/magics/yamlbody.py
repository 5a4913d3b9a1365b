"""The YAML body of a cell as (key, value, line) triples, with errors under their line."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from kernel_magics.errors import UsageError

__all__ = ["read_body"]

_INT = "tag:yaml.org,2002:int"


def read_body(cell: str, first_line: int,
              title: str = "%%rumpboot") -> Iterator[tuple[str, Any, int]]:
    """Yield key, value and line number of a YAML mapping's entries, in their order.

    Line numbers are the cell's; `first_line` is that of the text; `title` names the magic.
    Raises: UsageError where the text is no YAML or no mapping, or a key comes twice.
    """
    import yaml

    loader = _loader_type()(cell)
    try:
        node = loader.get_single_node()
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise UsageError(f"{title}: the cell is not a list of settings",
                             next_step="write one setting a line, such as memory: 64")
        seen = set()
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + first_line
            if key in seen:
                raise UsageError(f"{title}, line {line}: {key} is set a second time",
                                 next_step="keep one of the two")
            seen.add(key)
            yield str(key), loader.construct_object(value_node, deep=True), line
    except yaml.YAMLError as error:
        raise _unreadable(cell, first_line, error, title) from None
    finally:
        loader.dispose()


@cache
def _loader_type() -> Any:
    """Return PyYAML's safe loader with the whole numbers of YAML 1.2: to version 1.1, which
    it follows, 8080:22 is a number in base 60, and to us two ports."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: ClassVar = {
            first: [(tag, form) for tag, form in forms if tag != _INT]
            for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()}

    Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9]\d*|0x[\da-fA-F]+)$"),
                                 list("-+0123456789"))
    return Loader


def _unreadable(cell: str, first_line: int, error: Any, title: str) -> UsageError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    if mark is None:
        return UsageError(f"{title}: the cell is not YAML: {problem}")
    lines = cell.splitlines()
    number = min(mark.line, len(lines) - 1)
    text = lines[number] if lines else ""
    place = f"{number + first_line:5} | {text}\n      | {' ' * mark.column}^"
    return UsageError(f"{title}, line {number + first_line}: {problem}\n{place}",
                      next_step="write one setting a line, such as memory: 64, or "
                                "argv: [one, two]")
