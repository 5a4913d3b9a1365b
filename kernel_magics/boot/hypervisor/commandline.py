"""Launch → the arguments of qemu-system-x86_64, as few as a guest needs (pure)."""

from kernel_magics.boot.console.devices import console_arguments
from kernel_magics.boot.devices.devices import device_arguments
from kernel_magics.boot.guest_files import SERIAL
from kernel_magics.boot.recording.arguments import recording_arguments
from kernel_magics.boot.rumprun import KIT
from kernel_magics.boot.spec import Launch

__all__ = ["qemu_arguments", "machine_option", "firmware_arguments", "reset_arguments",
           "EXIT_DEVICE"]

# A 4-byte store to port 0x501 ends QEMU; hw/misc/debugexit.c.
EXIT_DEVICE = "isa-debug-exit,iobase=0x501,iosize=4"
# A PC's firmware that does no more than start a kernel, part of QEMU; SeaBIOS takes longer.
FIRMWARE = "qboot.rom"


def qemu_arguments(binary: str, launch: Launch) -> list[str]:
    """Return QEMU's argument vector for a guest.

    RAM is a shared file, so that the lab can map it, and so is the console's output, so
    that nothing is lost when nobody reads.  What comes in by -chardev is in no recording
    (chardev/char.c), what comes in by -serial is.
    Source: qemu-system-x86_64(1); QEMU docs/system/i386/microvm.rst.
    """
    files = launch.files
    arguments = [
        binary, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-name", _escape(launch.name), "-uuid", launch.uuid,
        "-machine", machine_option(launch.machine),
        "-accel", launch.accel, "-cpu", launch.cpu,
        "-m", f"{launch.memory_mib}M",
        "-object", f"memory-backend-file,id=ram,size={launch.memory_mib}M,share=on,"
                   f"mem-path={_escape(files.ram)}",
        *(["-serial", f"pipe:{files.pipe(SERIAL)}"] if launch.recording else
          console_arguments(files, launch.console, launch.devices)),
        "-device", EXIT_DEVICE,
        "-qmp", f"unix:{_escape(files.qmp_socket)},server=on,wait=off",
        "-pidfile", str(files.pid),
        "-kernel", launch.kernel,
        *(["-initrd", launch.initrd] if launch.initrd else []),
        "-append", launch.configuration,
        *firmware_arguments(launch), *reset_arguments(launch),
        *device_arguments(launch.devices, files, launch.device_uuid or launch.uuid),
        *recording_arguments(launch.recording, is_replay=launch.is_replay,
                             has_network=launch.devices.network is not None),
        *launch.further,
    ]
    return [*arguments, "-S"] if launch.paused else arguments


def machine_option(machine: str) -> str:
    """Return the value of -machine for a guest that needs neither ACPI nor option ROMs."""
    if machine != "microvm":
        return f"{machine},acpi=off,usb=off,memory-backend=ram"
    return f"{machine},acpi=off,rtc=on,pit=off,x-option-roms=off,memory-backend=ram"


def firmware_arguments(launch: Launch) -> list[str]:
    """Return what chooses the firmware; Rumprun says nothing unless a whole BIOS started it."""
    return [] if launch.machine == "microvm" or launch.kit == KIT else ["-bios", FIRMWARE]


def reset_arguments(launch: Launch) -> list[str]:
    """Return what has QEMU write down why a processor reset, which a Rumprun guest cannot say."""
    return ["-d", "cpu_reset", "-D", str(launch.files.processor_log)] if launch.kit == KIT else []


def _escape(text: object) -> str:
    """Double commas, as QEMU's option syntax wants."""
    return str(text).replace(",", ",,")
