"""How tuples, variants and shared pointers of libstdc++ lie in memory; see containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.inspect.values.class_types import argument, base_name

if TYPE_CHECKING:
    import drgn

__all__ = ["alternative", "shared", "tuple_parts"]

_MOST_PARTS = 100


def tuple_parts(found: drgn.Object) -> list[drgn.Object]:
    """Return the elements of a tuple, which lie in its base classes, the first one innermost."""
    import drgn

    parts: dict[int, drgn.Object] = {}

    def look(kind: drgn.Type, address: int) -> None:
        for member in kind.unaliased().members or ():
            name, place = base_name(member.type), address + (member.bit_offset or 0) // 8
            if name == "_Head_base" and len(parts) < _MOST_PARTS:
                head = drgn.Object(found.prog_, member.type, address=place)
                number = int(member.type.unaliased().template_parameters[0].argument)
                inner = [one.name for one in member.type.unaliased().members or ()]
                parts[number] = head.member_("_M_head_impl") if "_M_head_impl" in inner else head
            elif name in ("_Tuple_impl", "tuple"):
                look(member.type, place)

    look(found.type_, int(found.address_))
    return [parts[number] for number in sorted(parts)]


def alternative(found: drgn.Object) -> tuple[drgn.Object | None, int]:
    """Return the value of a variant, None if it has none, and the number of its type."""
    import drgn

    number, place = int(found.member_("_M_index")), found.member_("_M_u")
    if not 0 <= number < min(_MOST_PARTS, 255):  # (255: of one that an exception emptied)
        return None, number
    for _ in range(number):
        place = place.member_("_M_rest")
    first = place.member_("_M_first")
    return drgn.Object(found.prog_, argument(first, 0), address=first.address_), number


def shared(found: drgn.Object) -> tuple[drgn.Object, int | None]:
    """Return the pointer of a shared_ptr or weak_ptr, and how many own what it leads to."""
    block = found.member_("_M_refcount").member_("_M_pi")
    return found.member_("_M_ptr"), int(block.member_("_M_use_count")) if int(block) else None
