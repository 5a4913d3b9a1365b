"""A guest's consoles → QEMU's arguments, the same for both drivers (pure).

A serial port is there from the first instruction on and costs the guest nothing to find.
A virtio console carries more in one exit than the port in a thousand; a rumpkit guest turns
to it once that pays.  Output of both goes to one log file, in order, and not to a socket: one
whose reader is slow makes QEMU hold output back, and a guest that does not wait loses it.
A second serial port is a bell: a byte there says that the window has another size.
"""

from kernel_magics.boot.devices.devices import NO_LEGACY, ROOM, Devices, place
from kernel_magics.boot.guest_files import CONSOLE, SERIAL, WINDOW, GuestFiles

__all__ = ["AUTOMATIC", "ONLY_SERIAL", "console_arguments", "console_kind"]

ONLY_SERIAL = "serial"
AUTOMATIC = "auto"  # the guest turns to its virtio console when that pays
_PORTS = "consoles"
_PC_ADDRESS = "0xf"  # below those of the devices a user asks for


def console_kind(kit: str, devices: Devices, shares_files: bool) -> str:
    """Return which consoles a guest gets: AUTOMATIC or ONLY_SERIAL.

    A libvirt that shares no files with this machine streams the serial port only; a microvm
    with eight devices has no place for a ninth.
    """
    full = devices.machine == "microvm" and devices.count >= ROOM["microvm"]
    return AUTOMATIC if kit == "rumpkit" and shares_files and not full else ONLY_SERIAL


def console_arguments(files: GuestFiles, kind: str, devices: Devices) -> list[str]:
    """Return QEMU's arguments for a guest's consoles.

    Source: qemu-system-x86_64(1), -chardev pipe and logfile; virtio-serial in QEMU's
    docs/interop (virtconsole is port 0 of its bus).
    """
    arguments = ["-chardev", _pipe(files, SERIAL, logged=True),
                 "-device", f"isa-serial,chardev={SERIAL}"]
    if kind == ONLY_SERIAL:
        return arguments
    modern = ["-global", NO_LEGACY] if devices.machine == "microvm" and not devices.count else []
    return [*arguments, *modern,
            "-chardev", _pipe(files, WINDOW), "-device", f"isa-serial,chardev={WINDOW},index=1",
            "-chardev", _pipe(files, CONSOLE, logged=True), "-device", _bus(devices.machine),
            "-device", f"virtconsole,chardev={CONSOLE},bus={_PORTS}.0"]


def _pipe(files: GuestFiles, name: str, *, logged: bool = False) -> str:
    log = f",logfile={_escape(files.console_log)},logappend=on" if logged else ""
    return f"pipe,id={name},path={_escape(files.pipe(name))}{log}"


def _bus(machine: str) -> str:
    """One port: its queues are the only ones.  A guest waits for each of its writes, so they
    are carried out where they are announced, not by another of QEMU's threads."""
    if machine == "microvm":
        where, kind = place(machine, ROOM[machine] - 1), "virtio-serial-device"
    else:
        where = {**place(machine, 0), "addr": _PC_ADDRESS, "disable-legacy": "on",
                 "ioeventfd": "off"}
        kind = "virtio-serial-pci"
    facts = ",".join(f"{key}={value}" for key, value in where.items())
    return f"{kind},id={_PORTS},max_ports=1,{facts}"


def _escape(text: object) -> str:
    """Double commas, as QEMU's option syntax wants."""
    return str(text).replace(",", ",,")
