"""The names at a stop: the frame's variables, the program's, the registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kernel_magics.errors import GuestError, UsageError, meant, nearest_names
from kernel_magics.inspect.debugger.expressions import Expression, parse
from kernel_magics.inspect.debugger.module_variables import ModuleVariables
from kernel_magics.inspect.memory.program import program_of
from kernel_magics.inspect.values import container_access as containers
from kernel_magics.inspect.values.class_types import pointed, type_text
from kernel_magics.inspect.values.typed import TypedObject

__all__ = ["FrameNames", "evaluate"]

_PARTS = {"eax": "rax", "ebx": "rbx", "ecx": "rcx", "edx": "rdx", "esi": "rsi", "edi": "rdi",
          "ebp": "rbp", "esp": "rsp", "eip": "rip", "pc": "rip", "sp": "rsp", "fp": "rbp"}


class FrameNames:
    """Names for expressions; see expressions.Names.

    `guest` is the subject; `registers` and `numbers` (such as thread) are those of the
    stop, these asked for when needed; `local` returns the variables of the frame, and is called
    once if needed; `modules` knows those of programs and libraries that are mapped; with
    `in_module` the frame is in one, and these come before the image's own.
    """

    def __init__(self, guest: Any, registers: Mapping[str, int],
                 numbers: Mapping[str, Callable[[], int]], local: Callable[[], Mapping[str, Any]],
                 modules: ModuleVariables | None = None, in_module: bool = False) -> None:
        self._guest = guest
        self._registers = registers
        self._numbers = numbers
        self._read_locals = local
        self._locals: Mapping[str, Any] | None = None
        self._modules, self._in_module = modules, in_module
        self._program = (modules.program if modules and in_module else None) \
            or program_of(guest)

    @property
    def local(self) -> Mapping[str, Any]:
        """The variables of the frame by name."""
        if self._locals is None:
            self._locals = self._read_locals()
        return self._locals

    def variable(self, name: str) -> Any:
        """Return a variable of the frame, else of the program, as a drgn object."""
        if name in self.local:
            return _drgn_object(self.local[name])
        if self._in_module and (found := self._module_variable(name)) is not None:
            return found
        try:
            return _drgn_object(self._guest.vars[name])
        except UsageError as unknown:
            if "is a function" in unknown.message:
                return self._program.function(name)
            try:
                return self._program.constant(name)
            except LookupError:
                pass
            if (found := self._module_variable(name)) is not None:
                return found
            unknown.next_step = meant(nearest_names(name, self.local)) or unknown.next_step
            raise

    def _module_variable(self, name: str) -> Any:
        return self._modules.find(name) if self._modules is not None else None

    def register(self, name: str) -> int:
        """Return a register, a part of one, or a number of the stop."""
        plain = name.lower()
        if plain in _PARTS:
            value = self._registers[_PARTS[plain]]
            return value & 0xFFFFFFFF if plain.startswith("e") else value
        if plain in self._numbers:
            return self._numbers[plain]()
        if plain not in self._registers:
            known = ", $".join((*self._registers, *self._numbers))
            raise UsageError(f"no register is called ${name}", next_step=f"there are ${known}")
        return self._registers[plain]

    def is_type(self, name: str) -> bool:
        """Whether a name is that of a type."""
        try:
            self._program.type(name)
        except (LookupError, SyntaxError):
            return False
        return True

    def cast(self, type_name: str, value: Any) -> Any:
        """Return a value as a type."""
        import drgn

        wanted = self._type(type_name)
        if not isinstance(value, drgn.Object):
            value = drgn.Object(self._program, "unsigned long" if value >= 0 else "long", value)
        return drgn.cast(wanted, value)

    def text(self, value: Any) -> str:
        """Return the string that a char pointer leads to, or a char array holds."""
        return TypedObject(value).text_()

    def member(self, value: Any, name: str) -> Any:
        """Return a member, through a smart pointer too."""
        return _drgn_object(TypedObject(value)[name])

    def element(self, value: Any, which: int | str) -> Any:
        """Return an element of an array, a pointer, a container; what a smart pointer leads to."""
        found = containers.element(value, which, type_text(value.type_))
        if found is not None:
            return ord(found) if isinstance(found, str) else found
        inner = containers.pointer_of(value)
        if inner is not None and which == 0:
            return inner[0] if pointed(inner.type_) is not None else inner
        return value[which]

    def count(self, value: Any) -> int:
        """Return how many elements a container has."""
        found = containers.length(value)
        if found is None:
            raise TypeError(f"{type_text(value.type_)} is no container")
        return found

    def size(self, what: Any) -> int:
        """Return the size of a value, or of a type given by name."""
        import drgn

        if isinstance(what, int):
            return 4
        return int(drgn.sizeof(self._type(what) if isinstance(what, str) else what))

    def _type(self, name: str) -> Any:
        try:
            return self._program.type(name)
        except (LookupError, SyntaxError):
            raise UsageError(f"this image has no type {name!r}",
                             next_step='write it as in C: "struct node *"') from None


def _drgn_object(found: Any) -> Any:
    return found.object_ if isinstance(found, TypedObject) else found


def evaluate(expression: str | Expression, names: FrameNames) -> Any:
    """Return an expression's value: a TypedObject, or a number or text without a type.

    Raises UsageError for what is no expression, a name that is not there, or an operation
    that its values do not have; GuestError for memory that is not mapped.
    """
    import drgn

    parsed = parse(expression) if isinstance(expression, str) else expression
    try:
        value = parsed.compute(names)
        return TypedObject(value) if isinstance(value, drgn.Object) else value
    except drgn.FaultError as error:
        raise GuestError(f"{parsed.text}: address {error.address:#x} is not mapped",
                         next_step="a pointer in it leads nowhere", address=error.address
                         ) from None
    except drgn.ObjectAbsentError:
        raise GuestError(f"{parsed.text}: the compiler has optimised that away here",
                         next_step="step on, or build with cflags=\"-O0\"") from None
    except (drgn.BadDataError, NotImplementedError) as error:
        raise UsageError(f"{parsed.text}: a value of this type cannot be read: {error}",
                         next_step="look at its bytes: x/16xb &NAME") from None
    except (LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError,
            OverflowError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{parsed.text}: {error}",
                         next_step="see guest.debugger.locals and guest.vars") from None
