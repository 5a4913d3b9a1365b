"""One probe per subsystem: tables of what a guest's runtime holds, read from its RAM."""

from kernel_magics.inspect.probes.files import Files
from kernel_magics.inspect.probes.interrupts import Devices, Interrupts
from kernel_magics.inspect.probes.mounts import Mounts
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.probes.processes import Processes
from kernel_magics.inspect.probes.sockets import Sockets
from kernel_magics.inspect.probes.timers import Timers

__all__ = ["PROBES", "Probe"]

PROBES: dict[str, type[Probe]] = {
    "processes": Processes, "files": Files, "sockets": Sockets, "mounts": Mounts,
    "timers": Timers, "interrupts": Interrupts, "devices": Devices,
}
"""The attribute of a guest, and what answers there."""
