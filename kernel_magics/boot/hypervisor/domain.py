"""Launch → libvirt domain XML (pure)."""

from xml.sax.saxutils import escape, quoteattr

from kernel_magics.boot.console.devices import console_arguments
from kernel_magics.boot.hypervisor.commandline import (
    EXIT_DEVICE,
    firmware_arguments,
    reset_arguments,
)
from kernel_magics.boot.hypervisor.domain_devices import (
    device_elements,
    overrides,
    passed_arguments,
)
from kernel_magics.boot.spec import Launch

__all__ = ["domain_xml"]


def domain_xml(launch: Launch, *, emulator: str | None = None,
               with_files: bool = True) -> str:
    """Return the XML of a transient domain.

    `emulator` is the path of QEMU, None for libvirt's choice.
    `with_files` False is for a libvirt daemon that cannot reach the guest's folder: the
    console is then a pty that libvirt streams, and RAM is not a file.
    What the format has no words for is handed to QEMU as it is: the exit device, and a
    console log that QEMU writes itself (libvirt's daemon rotates those it writes, which
    loses output).  Source: libvirt.org/formatdomain.html.
    """
    return "\n".join([
        f"<domain type={quoteattr('kvm' if launch.accel == 'kvm' else 'qemu')} "
        "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
        f"<name>{escape(domain_name(launch))}</name>",
        f"<uuid>{launch.uuid}</uuid>",
        f"<memory unit='MiB'>{launch.memory_mib}</memory>",
        "<vcpu>1</vcpu>",
        *(["<memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>"]
          if with_files else []),
        f"<os><type arch='x86_64' machine={quoteattr(launch.machine)}>hvm</type>",
        f"<kernel>{escape(launch.kernel)}</kernel>",
        *([f"<initrd>{escape(launch.initrd)}</initrd>"] if launch.initrd else []),
        f"<cmdline>{escape(launch.configuration)}</cmdline></os>",
        _cpu(launch),
        "<clock offset='utc'/>",
        "<on_poweroff>destroy</on_poweroff>",
        "<on_reboot>destroy</on_reboot>",
        "<on_crash>destroy</on_crash>",
        "<devices>",
        *([f"<emulator>{escape(emulator)}</emulator>"] if emulator else []),
        "<controller type='usb' model='none'/>",
        "<memballoon model='none'/>",
        *([] if with_files else
          ["<serial type='pty'><target type='isa-serial' port='0'/></serial>"]),
        *device_elements(launch.devices, launch.uuid),
        "</devices>",
        "<qemu:commandline>",
        *(f"<qemu:arg value={quoteattr(argument)}/>"
          for argument in _passed(launch, with_files)),
        "</qemu:commandline>",
        *overrides(launch.devices),
        "</domain>",
    ])


def _passed(launch: Launch, with_files: bool) -> list[str]:
    """What the format has no words for, or not the right ones."""
    consoles = console_arguments(launch.files, launch.console, launch.devices)
    return [*(consoles + reset_arguments(launch) if with_files else []),
            "-device", EXIT_DEVICE,
            *firmware_arguments(launch),
            *passed_arguments(launch.devices, launch.files, launch.uuid),
            *launch.further]


def domain_name(launch: Launch) -> str:
    """Return a name for the domain that no other has: libvirt may know the guest that had
    the name before for seconds after its end, and a daemon has other users' domains."""
    return f"{launch.name}-{launch.uuid[:8]}"


def _cpu(launch: Launch) -> str:
    """QEMU's `max`, or `host` without the features its name subtracts."""
    model, *changes = launch.cpu.split(",")
    if model == "max":
        return "<cpu mode='maximum'/>"
    features = "".join(f"<feature policy='disable' name={quoteattr(change[1:])}/>"
                       for change in changes if change.startswith("-"))
    return f"<cpu mode='host-passthrough' check='none'>{features}</cpu>"

