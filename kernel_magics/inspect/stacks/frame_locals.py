"""The variables of a frame, evaluated by drgn from the frame's registers.

drgn is given the registers as it gets them of a Linux kernel's interrupted thread, in a
struct pt_regs, and evaluates DWARF's locations with them.  It cannot be told that a
register is unknown; so where one is, everything is evaluated twice, with different numbers
in it, and a variable that differs is one that nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kernel_magics.inspect.memory.program import program_of, without_memory
from kernel_magics.inspect.stacks.module_types import module_program
from kernel_magics.inspect.values.typed import TypedObject

if TYPE_CHECKING:
    import drgn

    from kernel_magics.inspect.stacks.stack import StackFrame

__all__ = ["frame_locals"]

MOST_LOCALS = 500
# struct pt_regs of Linux on x86-64, with DWARF's numbers; None: nothing reads it.
_PT_REGS = (("r15", 15), ("r14", 14), ("r13", 13), ("r12", 12), ("bp", 6), ("bx", 3),
            ("r11", 11), ("r10", 10), ("r9", 9), ("r8", 8), ("ax", 0), ("cx", 2), ("dx", 1),
            ("si", 4), ("di", 5), ("orig_ax", None), ("ip", 16), ("cs", None), ("flags", None),
            ("sp", 7), ("ss", None))
_UNKNOWN = (0x5A5A_5A5A_5A5A_5A58, 0x2525_2525_2525_2528)


def frame_locals(frame: StackFrame) -> Mapping[str, TypedObject]:
    """Return the variables of a frame by name, {} where none are known."""
    if frame.activation is None or frame.code is None or not frame.line:
        return {}
    program: drgn.Program | None
    if frame.module:
        program = module_program(frame.subject, frame.space, frame.code)
    else:
        program = program_of(frame.subject,
                             None if frame.space.is_default else frame.space.page_table)
    if program is None:
        return {}
    found = _evaluate(program, frame, _UNKNOWN[0])
    if set(range(17)) <= frame.activation.registers.keys():
        return {name: TypedObject(value) for name, value in found.items()}
    other = _evaluate(program, frame, _UNKNOWN[1])
    return {name: TypedObject(value if _same(value, other.get(name))
                              else _absent(program, value))
            for name, value in found.items()}


def _evaluate(program: drgn.Program, frame: StackFrame,
              unknown: int) -> dict[str, drgn.Object]:
    import drgn

    assert frame.activation is not None
    registers = dict(frame.activation.registers)
    registers[16] = frame.activation.lookup
    values = b"".join(registers.get(-1 if number is None else number, unknown)
                      .to_bytes(8, "little") for _, number in _PT_REGS)
    with without_memory(program):  # (its callers, which it would walk to, are not wanted)
        trace = program.stack_trace(drgn.Object.from_bytes_(program, _pt_regs(program), values))
    if len(trace) <= frame.inline_depth:
        return {}
    here = trace[frame.inline_depth]
    found: dict[str, drgn.Object] = {}
    for name in here.locals()[:MOST_LOCALS]:
        try:
            found[name] = here[name]
        except (LookupError, ValueError, TypeError, drgn.FaultError, drgn.BadDataError,
                NotImplementedError):
            continue
    return found


def _pt_regs(program: drgn.Program) -> drgn.Type:
    import drgn

    word = program.int_type("unsigned long", 8, False)
    members = [drgn.TypeMember(word, name, 64 * index)
               for index, (name, _) in enumerate(_PT_REGS)]
    return program.struct_type("pt_regs", 8 * len(_PT_REGS), members)


def _same(one: drgn.Object, other: drgn.Object | None) -> bool:
    """Whether two evaluations mean the same place or value."""
    import drgn

    if other is None or one.absent_ or other.absent_:
        return other is not None and one.absent_ and other.absent_
    if one.address_ is not None or other.address_ is not None:
        return one.address_ == other.address_
    try:
        return bool(one.to_bytes_() == other.to_bytes_())
    except (drgn.FaultError, TypeError, ValueError):
        return False


def _absent(program: drgn.Program, value: Any) -> drgn.Object:
    import drgn

    return drgn.Object(program, value.type_, absence_reason=drgn.AbsenceReason.OTHER)
