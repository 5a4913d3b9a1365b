"""The registers of a guest's processor, as QEMU's monitor tells them."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

__all__ = ["Registers", "parse_registers", "registers_text"]

_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11",
            "r12", "r13", "r14", "r15", "rip", "rflags")
# What the monitor calls them, in 64-bit code and in the code before it.
_SPELLINGS = {"RFL": "rflags", "EFL": "rflags", "EIP": "rip",
              **{f"E{name[1:].upper()}": name for name in _GENERAL[:8]}}
_NUMBER = re.compile(r"\b([A-Z][A-Z0-9]{1,4}) *=([0-9a-f]+)\b")
_SEGMENT = re.compile(r"^([CDEFGS]S) *=([0-9a-f]{4}) ([0-9a-f]{8,16}) [0-9a-f]{8} [0-9a-f]{8}",
                      re.MULTILINE)
_CONTROL = ("CR0", "CR2", "CR3", "CR4", "EFER")
# Intel SDM volume 1, figure 3-8; IOPL is left out, guests have ring 0 only.
_FLAGS = ((0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"),
          (10, "DF"), (11, "OF"), (21, "ID"))
_A_LINE = 4


class Registers(Mapping[str, int]):
    """A processor's registers by name, read-only: rax … r15, rip, rflags; cs … ss (selectors),
    fs_base, gs_base; cr0, cr2, cr3, cr4, efer.  `flags` are the names of those set."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = MappingProxyType(dict(values))

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the flags that are set, lowest bit first."""
        return tuple(name for bit, name in _FLAGS if self._values.get("rflags", 0) >> bit & 1)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> int:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"no register is called {name!r}")
        return self._values[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __repr__(self) -> str:
        return registers_text(self)


def parse_registers(text: str) -> Registers:
    """Return the registers in what the monitor's "info registers" prints.

    Those it does not name are left out.  Source: QEMU target/i386/cpu-dump.c.
    """
    found = {_SPELLINGS.get(name, name.lower()): int(value, 16)
             for name, value in _NUMBER.findall(text)}
    values = {name: found[name] for name in _GENERAL if name in found}
    for name, selector, base in _SEGMENT.findall(text):
        values[name.lower()] = int(selector, 16)
        if name in ("FS", "GS"):
            values[f"{name.lower()}_base"] = int(base, 16)
    values |= {name.lower(): found[name.lower()] for name in _CONTROL if name.lower() in found}
    return Registers(values)


def registers_text(registers: Mapping[str, int]) -> str:
    """Return registers as aligned hexadecimal numbers, four a line, and the flags in words."""
    cells = [f"{name:>7} {value:016x}" for name, value in registers.items() if name in _GENERAL]
    lines = ["".join(cells[start:start + _A_LINE]) for start in range(0, len(cells), _A_LINE)]
    others = [f"{name:>7} {value:<16x}" for name, value in registers.items()
              if name not in _GENERAL]
    lines += ["".join(others[start:start + _A_LINE]).rstrip()
              for start in range(0, len(others), _A_LINE)]
    if isinstance(registers, Registers):
        lines.append(f"  flags {' '.join(registers.flags) or '(none)'}")
    return "\n".join(lines)
