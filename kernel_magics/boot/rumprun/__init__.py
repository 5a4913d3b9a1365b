"""Guests of upstream Rumprun: what they are given, and what their console tells of them.

They know no lab header, never power off and give QEMU no status: all is on the console.
"""

__all__ = ["KIT", "MACHINE", "NO_INPUT"]

KIT, MACHINE = "rumprun", "pc"
NO_INPUT = "Rumprun's console reads none"
