"""The instructions of call frame information, executed up to one address.

Source: DWARF 5, section 6.4.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kernel_magics.inspect.stacks.dwarf_bytes import ByteReader, DwarfError

__all__ = ["FrameRules", "Rule", "run_rules"]

MOST_SAVED_STATES = 64

Rule = tuple[str, int | bytes]
"""How a register of the caller is found: ("offset", bytes from the frame's end: it lies
there), ("value", bytes: it is that address), ("register", number), ("expression", code: it
lies there), ("value_expression", code), ("same", 0), ("undefined", 0)."""


@dataclass(frozen=True, slots=True)
class FrameRules:
    """At one instruction: `end_register` + `end_offset` is the frame's end (the CFA), or
    what `end_expression` comes to; `registers` are the caller's, by DWARF number.
    `is_signal`: the caller was interrupted, and did not call.  `is_told`: the file says so;
    otherwise it was concluded from the code."""

    end_register: int
    end_offset: int
    end_expression: bytes
    registers: Mapping[int, Rule]
    is_signal: bool
    is_told: bool = True


class _Machine:
    """The state that the instructions change."""

    def __init__(self, code_factor: int, data_factor: int) -> None:
        self.code_factor, self.data_factor = code_factor, data_factor
        self.end: tuple[int, int, bytes] | None = None
        self.registers: dict[int, Rule] = {}
        self.initial: dict[int, Rule] = {}
        self.saved: list[tuple[tuple[int, int, bytes] | None, dict[int, Rule]]] = []

    def run(self, instructions: bytes, location: int, address: int) -> None:
        """Execute until the location is behind the address."""
        reader = ByteReader(instructions)
        while reader.more():
            code = reader.u8()
            advance = self._advance(code, reader)
            if advance is not None:
                location += advance * self.code_factor
                if location > address:
                    return
            elif code >> 6 == 2:    # DW_CFA_offset
                self.registers[code & 63] = ("offset", reader.uleb() * self.data_factor)
            elif code >> 6 == 3:    # DW_CFA_restore
                self._restore(code & 63)
            elif code == 0x01:      # DW_CFA_set_loc
                raise DwarfError("set_loc")
            else:
                self._execute(code, reader)

    def _advance(self, code: int, reader: ByteReader) -> int | None:
        if code >> 6 == 1:
            return code & 63
        return reader.fixed({2: 1, 3: 2, 4: 4}[code]) if code in (2, 3, 4) else None

    def _restore(self, register: int) -> None:
        if register in self.initial:
            self.registers[register] = self.initial[register]
        else:
            self.registers.pop(register, None)

    def _execute(self, code: int, reader: ByteReader) -> None:
        if code in _END:
            _END[code](self, reader)
        elif code in _RULES:
            register = reader.uleb()
            self.registers[register] = _RULES[code](self, reader)
        elif code == 0x06:
            self._restore(reader.uleb())
        elif code == 0x0A:
            if len(self.saved) >= MOST_SAVED_STATES:
                raise DwarfError("too many states")
            self.saved.append((self.end, dict(self.registers)))
        elif code == 0x0B:
            if not self.saved:
                raise DwarfError("no state to restore")
            self.end, self.registers = self.saved.pop()
        elif code == 0x2E:           # DW_CFA_GNU_args_size
            reader.uleb()
        elif code:                   # (0 is DW_CFA_nop)
            raise DwarfError(f"instruction {code:#x}")

    def _set_end(self, register: int, offset: int) -> None:
        self.end = (register, offset, b"")

    def _end_part(self, register: int | None = None, offset: int | None = None) -> None:
        if self.end is None:
            raise DwarfError("half a frame's end")
        self._set_end(self.end[0] if register is None else register,
                      self.end[1] if offset is None else offset)

    def _block(self, reader: ByteReader) -> bytes:
        return reader.part(reader.uleb()).rest()


_END = {
    0x0C: lambda self, reader: self._set_end(reader.uleb(), reader.uleb()),
    0x0D: lambda self, reader: self._end_part(register=reader.uleb()),
    0x0E: lambda self, reader: self._end_part(offset=reader.uleb()),
    0x0F: lambda self, reader: setattr(self, "end", (-1, 0, self._block(reader))),
    0x12: lambda self, reader: self._set_end(reader.uleb(), reader.sleb() * self.data_factor),
    0x13: lambda self, reader: self._end_part(offset=reader.sleb() * self.data_factor),
}
_RULES = {
    0x05: lambda self, reader: ("offset", reader.uleb() * self.data_factor),
    0x07: lambda self, reader: ("undefined", 0),
    0x08: lambda self, reader: ("same", 0),
    0x09: lambda self, reader: ("register", reader.uleb()),
    0x10: lambda self, reader: ("expression", self._block(reader)),
    0x11: lambda self, reader: ("offset", reader.sleb() * self.data_factor),
    0x14: lambda self, reader: ("value", reader.uleb() * self.data_factor),
    0x15: lambda self, reader: ("value", reader.sleb() * self.data_factor),
    0x16: lambda self, reader: ("value_expression", self._block(reader)),
}


def run_rules(common: bytes, instructions: bytes, start: int, address: int,
              code_factor: int, data_factor: int, is_signal: bool) -> FrameRules:
    """Return the rules at `address` of a function that begins at `start`.

    `common` and `instructions` are those of its two entries.  Raises DwarfError.
    """
    machine = _Machine(code_factor, data_factor)
    machine.run(common, start, address)
    machine.initial = dict(machine.registers)
    machine.run(instructions, start, address)
    if machine.end is None:
        raise DwarfError("a frame without end")
    register, offset, expression = machine.end
    return FrameRules(register, offset, expression, machine.registers, is_signal)
