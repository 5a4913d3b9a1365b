"""Types of C++: which template one is made from, how it is called in short, its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import drgn

__all__ = ["STRUCTURES", "argument", "base_name", "holds_templates", "members_of", "pointed",
           "type_text"]

MOST_DEPTH = 6
STRUCTURES = ("STRUCT", "CLASS", "UNION")
_TEXTS = {"char": "string", "wchar_t": "wstring", "char16_t": "u16string",
          "char32_t": "u32string", "char8_t": "u8string"}
_LONG_STRING = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
# What a container is given besides its elements, mostly by default.
_SERVANTS = frozenset(("allocator", "char_traits", "default_delete", "equal_to", "hash", "less"))


def base_name(kind: drgn.Type) -> str:
    """Return the name of a class template that a type is made from, "" of others."""
    plain = kind.unaliased()
    name = getattr(plain, "tag", None) or ""
    return name.partition("<")[0] if name.endswith(">") else ""


def pointed(kind: drgn.Type) -> drgn.Type | None:
    """Return what a pointer, or a reference, leads to; None of other types."""
    import drgn

    plain = kind.unaliased()
    return plain.type if plain.kind == drgn.TypeKind.POINTER else None


def argument(found: drgn.Object, index: int) -> Any:
    """Return an argument of the template that a value's type is made from."""
    return found.type_.unaliased().template_parameters[index].argument


def type_text(kind: drgn.Type, depth: int = 0) -> str:
    """Return a type's name without template arguments that are defaults: "map<int, string>"."""
    import drgn

    plain, inner = kind.unaliased(), pointed(kind)
    if depth > MOST_DEPTH or kind.kind == drgn.TypeKind.TYPEDEF or not _leads_to_template(kind):
        return str(kind.type_name())
    if inner is not None:
        text = type_text(inner, depth + 1)
        return text + ("*" if text.endswith("*") else " *")
    qualifier = "const " if kind.qualifiers & drgn.Qualifiers.CONST else ""
    name = base_name(kind)
    given = [one.argument for one in plain.template_parameters or () if not one.is_default]
    texts = [type_text(one, depth + 1) if isinstance(one, drgn.Type) else _number(one)
             for one in given
             if not (isinstance(one, drgn.Type) and base_name(one) in _SERVANTS)]
    if name in ("basic_string", "basic_string_view") and texts and texts[0] in _TEXTS:
        return qualifier + _TEXTS[texts[0]] + ("_view" if name.endswith("view") else "")
    if not texts:  # of a template with any number of arguments, drgn knows none
        return qualifier + str(plain.tag).replace(_LONG_STRING, "string").replace(" >", ">")
    return f"{qualifier}{name}<{', '.join(texts)}>"


def _leads_to_template(kind: drgn.Type) -> bool:
    for _ in range(MOST_DEPTH):
        inner = pointed(kind)
        if inner is None:
            break
        kind = inner
    return bool(base_name(kind))


def _number(argument: drgn.Object) -> str:
    value = argument.value_()
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds_templates(kind: drgn.Type, depth: int = 0) -> bool:
    """Whether a value of a type is one of C++, which drgn cannot write: a container, or a
    structure, an array or a pointer with one inside."""
    if depth > MOST_DEPTH:
        return False
    plain = kind.unaliased()
    if base_name(plain):
        return True
    if plain.kind.name == "ARRAY" or (plain.kind.name == "POINTER" and not depth):
        return holds_templates(plain.type, depth + 1)
    return plain.kind.name in STRUCTURES and any(
        holds_templates(member.type, depth + 1) for member in plain.members or ())


def members_of(found: drgn.Object) -> list[tuple[str, drgn.Object]]:
    """Return the members of a structure with their names, those of its base classes first."""
    import drgn

    rows: list[tuple[str, Any]] = []
    for member in found.type_.unaliased().members or ():
        if member.name is not None:
            rows.append((member.name, found.member_(member.name)))
        elif found.address_ is not None:
            inner = drgn.Object(found.prog_, member.type,
                                address=found.address_ + member.bit_offset // 8)
            rows += members_of(inner)
    return rows
