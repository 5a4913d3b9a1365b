"""What a boot needs of one who traces a guest from outside: arguments for QEMU."""

from typing import Protocol

from kernel_magics.boot.guest_files import GuestFiles

__all__ = ["Tracer"]


class Tracer(Protocol):
    """Traces a guest that records nothing itself."""

    def arguments(self, files: GuestFiles, ram_bytes: int) -> tuple[str, ...]:
        """Make what is needed in the guest's folder and return QEMU's further arguments.

        Raises HostError if this machine cannot trace; TraceError if the image does not tell
        what there is to trace.
        """
        ...
