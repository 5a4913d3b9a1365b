"""Types and variables of a program or library that a process has mapped, through drgn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.images.plain_dwarf import try_file
from kernel_magics.inspect.memory.program import process_program
from kernel_magics.inspect.stacks.file_symbols import FileSymbols
from kernel_magics.inspect.values.object_names import part_of

if TYPE_CHECKING:
    import drgn

    from kernel_magics.inspect.memory.address_space import AddressSpace
    from kernel_magics.inspect.stacks.code_objects import CodeObject

__all__ = ["module_program", "name_in_module"]


def module_program(subject: Any, space: AddressSpace, code: CodeObject) -> drgn.Program | None:
    """Return drgn's view of a process that knows a mapped file's debugging information.

    None if the file has none.
    """
    if not isinstance(code.symbols, FileSymbols) or code.symbols.path_with_lines is None:
        return None
    program = process_program(subject, space.page_table)
    module, is_new = program.extra_module(code.module, code.bias, create=True), False
    if module.address_range is None:
        is_new = True
        module.address_range = (code.start, code.end)
    if is_new:
        try:
            try_file(module, code.symbols.path_with_lines)
        except Exception:  # (drgn raises plain Exception for what libelf refuses)
            return None
    return program


def name_in_module(subject: Any, space: AddressSpace, code: CodeObject, address: int) -> str:
    """Return the name of the variable of a mapped file at an address, and which part of it;
    "" if there is none."""
    found = code.symbols.at(address - code.bias)
    if found is None or found[0].kind != "object":
        return ""
    symbol, offset = found
    program = module_program(subject, space, code)
    try:
        variable = program.variable(symbol.name) if program is not None else None
    except LookupError:
        variable = None
    if variable is None or variable.address_ != symbol.address + code.bias:
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name
    return f"{symbol.name}{part_of(variable.type_, offset)}"
