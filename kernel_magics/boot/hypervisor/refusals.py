"""What QEMU says when it cannot give a guest a device → what the user is told."""

import errno
import re
import socket

from kernel_magics.boot import registry
from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.network.network import LOOPBACK, Forward
from kernel_magics.errors import HostError, LabError, UsageError

__all__ = ["explained", "port_error"]

_PORT = re.compile(r"forwarding rule '(tcp|udp):[\d.]+:(\d+)-[\d.]*:(\d+)'")
_LOCK = re.compile(r'Failed to get (?:shared )?"(?:write|consistent read)" lock')
_LOCKED = re.compile(r"using the image \[([^\]]+)\]")
_IMAGE = re.compile(r"Image is not in qcow2 format|qcow2: Image is corrupt|Unsupported qcow2")
_PLUGIN = re.compile(r"[Cc]ould not load plugin.*|-plugin: invalid option|[Pp]lugin.* support.*")


def explained(devices: Devices, said: str) -> LabError | None:
    """Return the error for what QEMU, passt or libvirt said, None if it is about nothing of
    the devices', or of what traces a guest from outside."""
    if found := _PORT.search(said):
        return port_error(Forward(int(found[3]), int(found[2]), found[1]))
    if _LOCK.search(said):
        locked = _LOCKED.search(said)
        return _locked(locked[1] if locked else str(devices.disks[0].path))
    if found := _PLUGIN.search(said):
        return HostError(f"this QEMU cannot trace a guest from outside: {found[0].lower()}",
                         log=said, next_step="build the image with tracing in it, which any QEMU "
                                             "runs: trace=True (--trace)")
    if found := _IMAGE.search(said):
        return UsageError(f"a disk cannot be read: {found[0].lower()}", log=said,
                          next_step="look at it with qemu-img check")
    network = devices.network
    if network and network.kind == "tap" and ("tun" in said or "tap" in said):
        return HostError(f"QEMU cannot use the tap {network.device}: {_line(said, 'tun', 'tap')}",
                         log=said, next_step="another guest may have it; or make it for this "
                         f"user: sudo ip tuntap add dev {network.device} mode tap user NAME")
    if network and network.kind == "bridge" and ("bridge" in said or "tun" in said):
        return HostError(f"QEMU may not use the bridge {network.device}: "
                         f"{_line(said, 'bridge', 'tun')}", log=said,
                         next_step=f'write "allow {network.device}" to /etc/qemu/bridge.conf and '
                                   "let qemu-bridge-helper run as root; lab.doctor() looks at it")
    return None


def port_error(forward: Forward) -> LabError:
    """Return why a port of this machine cannot be forwarded, asked of the system itself."""
    port = forward.host_port
    kind = socket.SOCK_STREAM if forward.protocol == "tcp" else socket.SOCK_DGRAM
    free = f"let the lab choose one: ports=[{forward.guest_port}]"
    try:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind((LOOPBACK, port))
        reason = "it was taken a moment ago"
    except OSError as error:
        if error.errno == errno.EACCES:
            return HostError(f"port {port} of this machine is for root only", port=port,
                             next_step=f"{free}, or take one from 1024 on")
        reason = _owner_of_port(port)
    return HostError(f"port {port} of this machine cannot be forwarded: {reason}", port=port,
                     next_step=f"{free}, or another one")


def _owner_of_port(port: int) -> str:
    for record in _started():
        if port in record.ports.values():
            return f"guest {record.name} has it"
    return "another program has it"


def _locked(path: str) -> UsageError:
    users = [record.name for record in _started()
             if path in {str(text).split(":")[0] for text in _disks(record)}]
    who = f"guest {users[0]}" if users else "another QEMU"
    step = f'lab.stop("{users[0]}")' if users else "look for it: fuser " + path
    return UsageError(f"the disk {path} is in use by {who}, and only one may write to it",
                      next_step=f"{step}, or give it read-only to both", path=path)


def _started() -> list[registry.GuestRecord]:
    """The guests that run; the one that is being refused has no QEMU yet."""
    return [record for _, record in registry.records() if record.qemu and record.is_running()]


def _disks(record: registry.GuestRecord) -> list[object]:
    disks = record.spec.get("disks")
    return disks if isinstance(disks, list) else []


def _line(said: str, *words: str) -> str:
    lines = [line.strip() for line in said.splitlines() if any(word in line for word in words)]
    return lines[-1] if lines else said.strip()
