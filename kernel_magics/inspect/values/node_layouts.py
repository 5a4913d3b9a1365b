"""How those containers of libstdc++ lie in memory whose elements are nodes; see containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.values.class_types import argument
from kernel_magics.inspect.values.container_layouts import ADDRESSES, Elements, checked

if TYPE_CHECKING:
    import drgn

__all__ = ["forward", "hashed", "linked", "tree"]

MOST_WALKED = 100_000
_NODE_BYTES = {"tree": 32, "list": 16, "forward": 8, "hash": 8}  # before a node's element


def linked(found: drgn.Object) -> Elements:
    """A list: nodes in a ring."""
    node = found.member_("_M_impl").member_("_M_node")
    return _chain(found, int(node.member_("_M_next")), int(node.address_),
                  int(node.member_("_M_size")), argument(found, 0), "list")


def forward(found: drgn.Object) -> Elements:
    """A forward_list: nodes up to a null pointer; how many is not kept."""
    first = int(found.member_("_M_impl").member_("_M_head").member_("_M_next"))
    program, node, length, seen = found.prog_, first, 0, set()
    while node and node not in seen and length < MOST_WALKED:
        seen.add(node)
        length += 1
        node = program.read_u64(node)
    return _chain(found, first, 0, length, argument(found, 0), "forward")


def hashed(found: drgn.Object) -> Elements:
    """The unordered containers: all nodes are in one chain."""
    table = found.member_("_M_h")
    first = int(table.member_("_M_before_begin").member_("_M_nxt"))
    length = int(table.member_("_M_element_count"))
    return _chain(found, first, 0, length, argument(table, 1), "hash")


def _chain(found: drgn.Object, first: int, end: int, length: int, kind: drgn.Type,
           node_kind: str) -> Elements:
    import drgn

    program = found.prog_
    before = max(_NODE_BYTES[node_kind], drgn.alignof(kind))

    def items() -> Iterator[drgn.Object]:
        node, seen = first, {0, end}
        for _ in range(min(length, MOST_WALKED)):
            if node in seen:
                return
            seen.add(node)
            yield drgn.Object(program, kind, address=(node + before) & ADDRESSES)
            node = program.read_u64(node)

    return Elements(checked(length), items)


def tree(found: drgn.Object) -> Elements:
    """The ordered containers: a red-black tree, from left to right."""
    import drgn

    whole, program = found.member_("_M_t"), found.prog_
    inner = whole.member_("_M_impl")
    header, length = inner.member_("_M_header"), int(inner.member_("_M_node_count"))
    first, end = int(header.member_("_M_left")), int(header.address_)
    kind = argument(whole, 1)
    before = max(_NODE_BYTES["tree"], drgn.alignof(kind))

    def items() -> Iterator[drgn.Object]:
        node, known, seen = first, min(length, MOST_WALKED), {0, end}
        steps = iter(range(4 * known + 64))  # (a tree that is none must not be walked for ever)
        for _ in range(known):
            if node in seen:
                return
            seen.add(node)
            yield drgn.Object(program, kind, address=(node + before) & ADDRESSES)
            node = _following(program, node, steps)

    return Elements(checked(length), items)


def _following(program: Any, node: int, steps: Iterator[int]) -> int:
    """Return the next node of a tree in order, 0 if there are too many steps."""
    parent, left, right = 8, 16, 24
    if below := program.read_u64((node + right) & ADDRESSES):
        while below:
            node, below = below, program.read_u64((below + left) & ADDRESSES)
            if next(steps, None) is None:
                return 0
        return node
    above = program.read_u64((node + parent) & ADDRESSES)
    while above and program.read_u64((above + right) & ADDRESSES) == node:
        node, above = above, program.read_u64((above + parent) & ADDRESSES)
        if next(steps, None) is None:
            return 0
    return above
