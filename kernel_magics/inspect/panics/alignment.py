"""A general protection fault whose cause is an address that is not aligned.

Source: Intel SDM volume 1, section 4.1.1 and 10.4.1.1 (data transfer of 128 bits); System V ABI,
AMD64 supplement, section 3.2.2 (the stack's alignment at a call).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kernel_magics.errors import LabError
from kernel_magics.inspect.panics.operands import decode_operation

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage

__all__ = ["explain_misalignment"]

_ALIGNED = {"movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq", "movntdqa",
            "vmovaps", "vmovapd", "vmovdqa", "vmovntps", "vmovntpd", "vmovntdq"}
_BYTES = 16  # what all of them ask for at least


def explain_misalignment(image: GuestImage, registers: Mapping[str, int],
                         read: Callable[[int, int], bytes] | None = None) -> str:
    """Return what is wrong with the address of the instruction at rip, "" if that is not it."""
    place = registers.get("rip", 0)
    data = image.code.read(place, _BYTES)
    if not data and read is not None:
        try:
            data = read(place, _BYTES)
        except LabError:
            return ""
    operation = decode_operation(data, place, registers) if data else None
    if operation is None or operation.text.partition(" ")[0] not in _ALIGNED:
        return ""
    address = next((value for name, value in operation.values.items() if name.startswith("[")), 0)
    off = address % _BYTES
    if not off:
        return ""
    text = (f"{operation.text.partition(' ')[0]} takes an address that is a multiple of {_BYTES}, "
            f"and {address:#x} is {off} past one. ")
    if "rsp" in operation.values or "rbp" in operation.values:
        return text + ("It is on the stack, which whoever calls must have aligned: assembly, or "
                       "a caller of it that was built to other rules, left it off.")
    return text + ("Either the pointer came from arithmetic on bytes, or it was cast to a type "
                   "that asks for more alignment than its memory has.")
