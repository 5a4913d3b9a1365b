"""Numbers as DWARF writes them, and its expressions, read from bytes that may be damaged.

Source: DWARF 5, sections 2.5, 7.6 and 7.7.1; LSB core, section 10.5.1 (pointer encodings).
"""

from collections.abc import Callable, Mapping

__all__ = ["ByteReader", "DwarfError", "evaluate"]

MOST_STEPS = 200
_MASK = (1 << 64) - 1
_LEB_BYTES = 10
# DW_EH_PE_*: size in bytes and whether it has a sign.
_FIXED = {0x00: (8, False), 0x02: (2, False), 0x03: (4, False), 0x04: (8, False),
          0x0A: (2, True), 0x0B: (4, True), 0x0C: (8, True)}
# DW_OP_const1u … const8s: the same.
_CONSTANTS = {0x08: (1, False), 0x09: (1, True), 0x0A: (2, False), 0x0B: (2, True),
              0x0C: (4, False), 0x0D: (4, True), 0x0E: (8, False), 0x0F: (8, True)}


class DwarfError(Exception):
    """Debugging information that cannot be read; never leaves the inspection package."""


class ByteReader:
    """Reads numbers one after the other; raises DwarfError at the end of the bytes."""

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self.position = start
        self.end = len(data) if end is None else end

    def more(self) -> bool:
        """Whether anything is left."""
        return self.position < self.end

    def fixed(self, size_bytes: int, signed: bool = False) -> int:
        """Return a number of a fixed size."""
        start = self.position
        self.skip(size_bytes)
        return int.from_bytes(self._data[start:start + size_bytes], "little", signed=signed)

    def u8(self) -> int:
        """Return one byte."""
        return self.fixed(1)

    def skip(self, size_bytes: int) -> None:
        """Leave bytes out."""
        if size_bytes < 0 or self.position + size_bytes > self.end:
            raise DwarfError("it ends too early")
        self.position += size_bytes

    def part(self, size_bytes: int) -> "ByteReader":
        """Return a reader of the next bytes alone, which are then behind this one."""
        start = self.position
        self.skip(size_bytes)
        return ByteReader(self._data, start, self.position)

    def rest(self) -> bytes:
        """Return all that is left."""
        return self._data[self.position:self.end]

    def text(self) -> str:
        """Return a text up to its NUL."""
        end = self._data.find(b"\0", self.position, self.end)
        if end < 0:
            raise DwarfError("a text without end")
        start, self.position = self.position, end + 1
        return self._data[start:end].decode("ascii", "replace")

    def uleb(self) -> int:
        """Return an unsigned number of seven bits a byte."""
        return self._leb()[0]

    def sleb(self) -> int:
        """Return a signed number of seven bits a byte."""
        value, bits = self._leb()
        return value - (1 << bits) if value >> (bits - 1) & 1 else value

    def _leb(self) -> tuple[int, int]:
        value = 0
        for index in range(_LEB_BYTES):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value, 7 * (index + 1)
        raise DwarfError("a number without end")

    def encoded(self, form: int) -> int:
        """Return a pointer in the form of the low four bits of DW_EH_PE_*."""
        if form == 0x01:
            return self.uleb()
        if form == 0x09:
            return self.sleb()
        if form not in _FIXED:
            raise DwarfError(f"pointers of form {form}")
        return self.fixed(*_FIXED[form])


_BINARY: dict[int, Callable[[int, int], int]] = {
    0x1A: lambda a, b: a & b, 0x1C: lambda a, b: a - b, 0x1E: lambda a, b: a * b,
    0x21: lambda a, b: a | b, 0x22: lambda a, b: a + b, 0x24: lambda a, b: a << (b & 63),
    0x25: lambda a, b: a >> (b & 63), 0x27: lambda a, b: a ^ b,
    0x29: lambda a, b: a == b, 0x2A: lambda a, b: _signed(a) >= _signed(b),
    0x2B: lambda a, b: _signed(a) > _signed(b), 0x2C: lambda a, b: _signed(a) <= _signed(b),
    0x2D: lambda a, b: _signed(a) < _signed(b), 0x2E: lambda a, b: a != b}


def evaluate(expression: bytes, registers: Mapping[int, int],
             word: Callable[[int], int | None], start: int | None = None) -> int:
    """Return what a DWARF expression of a frame rule comes to.

    `registers` by DWARF number; `word(address)` reads eight bytes, None if unmapped;
    `start` is on the stack at first.  Raises DwarfError for an unknown register, unmapped
    memory, or an operation that rules do not use.
    """
    reader = ByteReader(expression)
    stack = [] if start is None else [start]
    for _ in range(MOST_STEPS):
        if not reader.more():
            break
        _step(reader.u8(), reader, stack, registers, word)
    if not stack:
        raise DwarfError("an expression without value")
    return stack[-1] & _MASK


def _step(operation: int, reader: ByteReader, stack: list[int], registers: Mapping[int, int],
          word: Callable[[int], int | None]) -> None:
    if 0x70 <= operation <= 0x8F:    # DW_OP_breg0 …
        stack.append(_register(registers, operation - 0x70) + reader.sleb())
    elif 0x30 <= operation <= 0x4F:  # DW_OP_lit0 …
        stack.append(operation - 0x30)
    elif operation in _CONSTANTS:
        stack.append(reader.fixed(*_CONSTANTS[operation]))
    elif operation == 0x92:          # DW_OP_bregx
        stack.append(_register(registers, reader.uleb()) + reader.sleb())
    elif operation in (0x10, 0x11):  # DW_OP_constu, consts
        stack.append(reader.uleb() if operation == 0x10 else reader.sleb())
    elif not stack:
        raise DwarfError("an operation without operand")
    elif operation == 0x06:          # DW_OP_deref
        value = word(stack.pop() & _MASK)
        if value is None:
            raise DwarfError("memory that is not mapped")
        stack.append(value)
    elif operation == 0x12:          # DW_OP_dup
        stack.append(stack[-1])
    elif operation == 0x23:          # DW_OP_plus_uconst
        stack.append(stack.pop() + reader.uleb())
    elif operation in _BINARY and len(stack) > 1:
        second, first = stack.pop() & _MASK, stack.pop() & _MASK
        stack.append(int(_BINARY[operation](first, second)))
    else:
        raise DwarfError(f"operation {operation:#x}")


def _register(registers: Mapping[int, int], number: int) -> int:
    if number not in registers:
        raise DwarfError(f"register {number} is unknown")
    return registers[number]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
