"""What the user is told when a wait does not end with an exit status."""

from ctypes import sizeof
from typing import TYPE_CHECKING

from kernel_magics.boot.abi import Panic
from kernel_magics.boot.hypervisor.machine import log_tail
from kernel_magics.boot.registry import read_record
from kernel_magics.boot.rumprun.ends import crash_error
from kernel_magics.errors import GuestError, GuestPanic, GuestTimeout, LabError

if TYPE_CHECKING:
    from kernel_magics.boot.guest import Guest

__all__ = ["no_status", "panicked", "still_there", "stopped_by_qemu", "threads_of"]

QEMU_GAVE_UP = "(internal-error)"  # as "info status" says it


def still_there(guest: "Guest", timeout_s: float | None) -> GuestTimeout:
    """Return the error of a wait that ended before the guest did."""
    tail = guest.console.tail(3) or "(nothing)"
    step = "look at guest.console.text, wait again, or guest.stop()"
    shortage = guest.memory_shortage
    why, step = (f" ({shortage!r})", shortage.step) if shortage else ("", step)
    return GuestTimeout(f"{guest.name} is still {guest.state} after {timeout_s:g} s{why}; its "
                        f"console ends with:\n{tail}{threads_of(guest)}", name=guest.name,
                        next_step=step)


def threads_of(guest: "Guest") -> str:
    """Return what the program's threads are doing as further lines of a message.

    Empty where the package that knows is not loaded, or a guest cannot be looked into.
    """
    try:
        lines = guest.whereabouts.lines if "whereabouts" in dir(guest) else []
    except LabError:
        return ""
    return "".join(f"\n{line}" for line in lines)


def stopped_by_qemu(guest: "Guest") -> GuestError | None:
    """Return the error of a guest that QEMU stopped because it cannot go on, else None.

    KVM that meets an instruction it cannot execute leaves the guest paused, for ever.
    Source: QEMU qapi/run-state.json, RunState "internal-error".
    """
    try:
        if not guest.machine.is_paused():
            return None
        if QEMU_GAVE_UP not in guest.machine.monitor("info status"):
            return None
    except GuestError:  # it ended meanwhile, or only its own notebook may ask
        return None
    return GuestError(f"QEMU stopped {guest.name}: under {guest.accel.upper()}, this machine "
                      "cannot execute one of its instructions", name=guest.name,
                      next_step='end it and boot it with accel="tcg" (--accel tcg), or with none: '
                                "then it is chosen by measurement")


def panicked(guest: "Guest") -> GuestPanic:
    """Return the error of a guest that panicked, with its report."""
    if (said := guest.end) is not None:
        return crash_error(guest, said)
    return GuestPanic(f"{guest.name} panicked: {_reason(guest)}", name=guest.name,
                      report=getattr(guest, "panic", None),
                      next_step="guest.panic shows where, with source lines")


def _reason(guest: "Guest") -> str:
    try:
        raw = guest.ram.read(guest.header.panic_address, sizeof(Panic))
    except GuestError as error:
        return f"its panic record cannot be read ({error.message})"
    return Panic.from_buffer_copy(raw).reason.decode(errors="replace")


def no_status(guest: "Guest", state: str) -> GuestError:
    """Return the error of a guest that is gone and left no exit status."""
    if state == "stopped":
        return GuestError(f"{guest.name} was stopped before it exited", name=guest.name,
                          next_step="boot it again")
    if getattr(guest.machine, "lost", False):
        return GuestError(f"libvirt at {guest.uri} does not answer any more; whether {guest.name} "
                          "goes on is not known", name=guest.name,
                          next_step=f"look there: virsh -c '{guest.uri}' list")
    if not guest.ram.live:
        return GuestError(f"{guest.name} has ended; its exit status is lost, because libvirt at "
                          f"{guest.uri} does not share its memory", name=guest.name,
                          next_step="read guest.console.text, or use a local libvirt")
    record = read_record(guest.host_files)  # another guest may have the folder by now
    own = record is not None and record.uuid == guest.uuid
    said = (log_tail(guest.host_files) if own else "") or "(nothing)"
    return GuestError(f"QEMU of {guest.name} is gone and the guest had not exited; QEMU said:\n"
                      f"{said}", name=guest.name, log=said,
                      next_step="somebody killed it, or lab.doctor() finds the reason")
