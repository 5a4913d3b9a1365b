"""What one instruction worked on: its operands with the values that the registers had.

Source: Intel SDM volume 2, section 2.1.5 (addressing forms); capstone decodes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Operation", "decode_operation"]

_LONGEST_INSTRUCTION = 15
_SIXTY_FOUR_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Operation:
    """One instruction at `address`: its `text` in Intel's syntax, and of each register and
    memory operand what it was: `values`, operand → number or address, in its order."""

    address: int
    text: str
    values: dict[str, int]

    def told(self, describe: Callable[[int], str]) -> str:
        """Return the instruction and its values in words; `describe` names an address."""
        parts = []
        for operand, value in self.values.items():
            about = describe(value)
            parts.append(f"{operand} = {value:#x}" + (f" ({about})" if about else ""))
        return self.text + (f"    {', '.join(parts)}" if parts else "")


def decode_operation(data: bytes, address: int, registers: Mapping[str, int]) -> Operation | None:
    """Return the instruction in `data`, which lies at `address`; None if it is none.

    `registers` are the 64-bit ones by name, as they were before it ran.
    """
    import capstone

    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    one = next(engine.disasm(data[:_LONGEST_INSTRUCTION], address, count=1), None)
    if one is None:
        return None
    values: dict[str, int] = {}
    for operand in one.operands:
        if operand.type == capstone.x86.X86_OP_MEM:
            values.update(_memory(one, operand.mem, registers))
        elif operand.type == capstone.x86.X86_OP_REG:
            name = one.reg_name(operand.reg)
            if name in registers:
                values.setdefault(name, registers[name])
    return Operation(address, f"{one.mnemonic} {one.op_str}".strip(), values)


def _memory(one: Any, place: Any, registers: Mapping[str, int]) -> dict[str, int]:
    """Return the registers of a memory operand, and the address they make."""
    found: dict[str, int] = {}
    total = place.disp
    for register, factor in ((place.base, 1), (place.index, place.scale)):
        if not register:
            continue
        name = one.reg_name(register)
        value = one.address + one.size if name == "rip" else registers.get(name)
        if value is None:
            return {}
        if name != "rip":
            found[name] = value
        total += value * factor
    if place.segment:  # its base is not among the registers that are known
        return found
    text = one.op_str[one.op_str.find("["):one.op_str.find("]") + 1]
    return {**found, text: total & _SIXTY_FOUR_BITS}
