"""The variables of the programs and libraries that a stopped guest's process has mapped."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.stacks.module_types import module_program

if TYPE_CHECKING:
    from kernel_magics.inspect.memory.address_space import AddressSpace
    from kernel_magics.inspect.stacks.code_objects import CodeObjects

__all__ = ["ModuleVariables"]


class ModuleVariables:
    """Variables and functions by name, as drgn objects; the program's before its libraries'.

    Of a file without debugging information what it exports is known, as bytes.
    """

    def __init__(self, subject: Any, space: AddressSpace | None,
                 objects: CodeObjects | None) -> None:
        self._subject, self._space = subject, space
        self._modules = [one for one in objects or () if one.module] if space else []

    @cached_property
    def program(self) -> Any:
        """drgn's view of the process with the types that its files tell; None without any."""
        if self._space is None:
            return None
        found = [module_program(self._subject, self._space, one) for one in self._modules]
        return next((one for one in found if one is not None), None)

    def find(self, name: str) -> Any:
        """Return a variable or a function, None if no file has one of the name."""
        if not self._modules:
            return None
        if self.program is not None:
            for look in (self.program.variable, self.program.function):
                try:
                    found = look(name)
                except LookupError:
                    continue
                if any(one.start <= (found.address_ or 0) < one.end for one in self._modules):
                    return found
        return self._exported(name)

    def _exported(self, name: str) -> Any:
        """Return what a file exports without saying its type, as an array of bytes."""
        import drgn

        from kernel_magics.inspect.memory.program import program_of

        for one in self._modules:
            for symbol in one.symbols.search():
                if symbol.name == name and symbol.kind == "object":
                    assert self._space is not None
                    program = program_of(self._subject, self._space.page_table)
                    kind = program.array_type(program.int_type("unsigned char", 1, False),
                                              max(symbol.size_bytes, 1))
                    return drgn.Object(program, kind, address=symbol.address + one.bias)
        return None
