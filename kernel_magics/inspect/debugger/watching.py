"""Variables of a stopped guest that are watched, and those that are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError, UsageError
from kernel_magics.inspect.debugger.looking import Looking
from kernel_magics.inspect.debugger.scopes import RSP, Scope, depth_of, scope_of
from kernel_magics.inspect.debugger.stub import GENERAL_REGISTERS
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    from kernel_magics.inspect.debugger.breakpoints import Breakpoint

__all__ = ["WatchedValue", "Watching"]

UNKNOWN = "unknown"
MOST_VALUE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class WatchedValue:
    """The bytes of what is watched, as they were at one stop; None where nothing is mapped."""

    data: bytes | None
    type_: Any = field(default=None, compare=False)

    def __str__(self) -> str:
        import drgn

        if self.data is None:
            return UNKNOWN
        try:
            return str(TypedObject(drgn.Object.from_bytes_(self.type_.prog, self.type_, self.data)))
        except (LabError, drgn.FaultError, LookupError, TypeError, ValueError):
            return UNKNOWN


class Watching(Looking):
    """Finds where a variable lies, reads it again and writes it; see Session."""

    def locate(self, what: Any, depth: int = 0) -> tuple[int, int]:
        """Return address and size of what is to be watched, as a frame knows it."""
        import drgn

        if isinstance(what, int) and not isinstance(what, bool):
            return what, 8
        self.moved()
        found = what if isinstance(what, TypedObject) else self.evaluate_here(what, depth)
        target = found.object_ if isinstance(found, TypedObject) else None
        if target is None or target.address_ is None or target.bit_offset_:
            raise UsageError(f"{what} has no address of its own",
                             next_step="watch a variable in memory, a member of one, or *pointer; "
                                       "what is in a register here is in memory in a program "
                                       'built with cflags="-O0"')
        return int(target.address_), int(drgn.sizeof(target))

    def watched_value(self, one: Breakpoint, depth: int = 0) -> WatchedValue:
        """Return the value of what is watched; its type is looked for once, in a frame."""
        import drgn

        try:
            kind = one.value.type_ if one.value else self._watched_type(one, depth)
            size_bytes = min(drgn.sizeof(kind), MOST_VALUE_BYTES)
            return WatchedValue(kind.prog.read(one.address, size_bytes), kind)
        except (LabError, drgn.FaultError, LookupError):
            return WatchedValue(None)

    def _watched_type(self, one: Breakpoint, depth: int) -> Any:
        try:
            found = self.evaluate_here(one.wanted, depth)
            if isinstance(found, TypedObject) and found.object_.address_ == one.address:
                return found.object_.type_
        except LabError:
            pass  # its frame is gone; the bytes are still there
        return self._program.type({1: "unsigned char", 2: "unsigned short", 4: "unsigned int"}.get(
            one.size_bytes, "unsigned long"))

    def assign(self, what: str, value: Any, depth: int) -> Any:
        """Write a variable or a register."""
        import drgn

        if self.replay is not None:
            raise UsageError("a replay cannot be changed: it would be another run",
                             next_step="boot the image anew to try that")
        wanted = self.evaluate_here(value, depth) if isinstance(value, str) else value
        plain = wanted.value_() if isinstance(wanted, TypedObject) else wanted
        if what.startswith("$"):
            return self._assign_register(what[1:].lower(), plain)
        target = self.evaluate_here(what, depth)
        found = target.object_ if isinstance(target, TypedObject) else None
        if found is None or found.address_ is None or found.bit_offset_:
            raise UsageError(f"{what} has no address to write to",
                             next_step="write a variable in memory, a member, or a $register")
        try:
            fresh = drgn.Object(found.prog_, found.type_, plain)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(f"{what} cannot be {plain!r}: {error}",
                             next_step="give a number, or a pointer as a number") from None
        self._stub.write(found.address_, fresh.to_bytes_())
        return self.evaluate_here(what, depth)

    def _assign_register(self, name: str, value: Any) -> int:
        if name not in GENERAL_REGISTERS or not isinstance(value, int):
            raise UsageError(f"${name} cannot be set to {value!r}",
                             next_step=f"there are ${', $'.join(GENERAL_REGISTERS)}")
        self.processor.write_register(name, value % (1 << 64))
        self.moved()
        return self.processor.registers[name]

    def scope(self, what: Any, depth: int) -> Scope | None:
        """Return how long what is watched exists; None for what stays, and for an address."""
        if isinstance(what, int):
            return None
        return scope_of(self.frames().backtrace, self.locate(what, depth)[0],
                        self.processor.thread_number())

    def depth_in(self, scope: Scope) -> int:
        """Return the number of the frame that the names of a scope's function are in: what it
        calls may be what writes its variable; the innermost if another thread does."""
        caller = self.frames().caller()
        if caller is not None and caller.registers.get(RSP) == scope.stack_pointer:
            return 0
        return depth_of(scope, self.frames().backtrace) or 0
