"""What a guest's devices need of this machine, looked at before anything is started."""

import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from kernel_magics.boot.devices.devices import Devices
from kernel_magics.boot.network.network import Network
from kernel_magics.boot.network.passt import find_passt
from kernel_magics.errors import HostError, UsageError

__all__ = ["prepare", "shares_files", "check_initrd"]

INTERFACES = Path("/sys/class/net")


def shares_files(uri: str) -> bool:
    """Whether the QEMUs of a libvirt ("" is the embedded one) are this user's processes on
    this machine, so that they reach the user's files and the guest's folder."""
    parts = urlsplit(uri)
    return not uri or (parts.scheme == "qemu" and not parts.netloc
                       and parts.path in ("/embed", "/session"))


def prepare(devices: Devices, uri: str = "") -> Devices:
    """Return devices with absolute paths; raises UsageError or HostError if this machine,
    or the libvirt at `uri`, cannot give a guest one of them."""
    if not shares_files(uri):
        return _remote(devices, uri)
    if devices.network:
        _check_network(devices.network)
    return replace(devices, disks=tuple(disk.check_image() for disk in devices.disks),
                   shares=tuple(share.check() for share in devices.shares))


def _remote(devices: Devices, uri: str) -> Devices:
    network = devices.network
    asked = [("disks", devices.disks), ("shares", devices.shares),
             ("ports", network and network.forwards), ("capture", network and network.capture),
             ('net="passt"', network and network.kind == "passt")]
    for what, wanted in asked:
        if wanted:
            raise HostError(f"{what} cannot be had at {uri}: that libvirt has neither this "
                            "machine's files nor its ports", uri=uri,
                            next_step="use Lab() without a URI, or leave them out")
    return devices


def check_initrd(initrd: Path | str) -> Path:
    """Return an archive's absolute path; raises UsageError if it is no cpio archive."""
    path = Path(initrd).expanduser().absolute()
    step = "give the path of a cpio archive (newc), such as lab.package makes"
    try:
        with open(path, "rb") as archive:
            head = archive.read(6)
    except OSError as error:
        raise UsageError(f"cannot read the initrd {path}: {(error.strerror or '').lower()}",
                         next_step=step, path=path) from error
    if head not in (b"070701", b"070702"):
        raise UsageError(f"the initrd {path} is no cpio archive: it begins with {head!r}",
                         next_step=step, path=path)
    return path


def _check_network(network: Network) -> None:
    if network.kind == "passt":
        find_passt()
    elif network.kind == "tap":
        _check_interface(network, "tun_flags", "a tap",
                         f"make it: sudo ip tuntap add dev {network.device} mode tap "
                         f"user {os.environ.get('USER', os.getuid())}")
        _check_owner(network.device)
    elif network.kind == "bridge":
        _check_interface(network, "bridge", "a bridge",
                         f"make it: sudo ip link add {network.device} type bridge")


def _check_interface(network: Network, proof: str, what: str, step: str) -> None:
    folder = INTERFACES / network.device
    if not folder.exists():
        raise UsageError(f"this machine has no network interface {network.device}",
                         next_step=f'{step}; or give net="user", which needs none')
    if not (folder / proof).exists():
        raise UsageError(f"the network interface {network.device} is not {what}",
                         next_step='give another one, or net="user"')


def _check_owner(name: str) -> None:
    owner = int((INTERFACES / name / "owner").read_text())
    if os.geteuid() and owner != os.geteuid():
        raise HostError(f"the tap {name} belongs to another user",
                        next_step=f"make it anew: sudo ip tuntap del {name} mode tap, and ip "
                                  f"tuntap add dev {name} mode tap user {os.geteuid()}")
