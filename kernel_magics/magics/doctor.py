"""%rumpdoctor: what this machine can do, and the fix for what it cannot."""

from types import SimpleNamespace
from typing import Any

from kernel_magics.magics.arguments import Command
from kernel_magics.magics.progress import progress
from kernel_magics.magics.session import notebook_lab

__all__ = ["MAGICS"]

RUMPDOCTOR = Command(
    "rumpdoctor", "check what the lab needs: QEMU, KVM, libvirt, compiler, disk, memory",
    details="""Each line says what was found and, where something is missing or slow, what to
    do about it. Which accelerator guests use was measured, and the measurement is shown.""",
    examples=("%rumpdoctor",))


def rumpdoctor(_options: SimpleNamespace, _cell: str | None) -> Any:
    """Return the doctor's report."""
    with progress("looking at this machine"):
        return notebook_lab().doctor()


MAGICS = ((RUMPDOCTOR, rumpdoctor),)
