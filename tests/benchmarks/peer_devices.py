"""The devices that both guests of a comparison are given, and what each is told of them."""

import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .linux_kernel import CLOUD, GENERIC
from .linux_modules import linux_modules

__all__ = ["Hardware", "Devices", "DISK_FOLDER", "SHARE_FOLDER", "free_ports"]

# QEMU's user network expects its guest to have this address.
_ADDRESS, _GATEWAY = "10.0.2.15", "10.0.2.2"
DISK_FOLDER, SHARE_FOLDER = "/data", "/share"


@dataclass(frozen=True, slots=True)
class Devices:
    """One guest's: `ports` are the guest's → the host's; QEMU's `arguments`."""

    ports: Mapping[int, int]
    arguments: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hardware:
    """What both guests get: an interface if TCP `ports` are to be forwarded to them, a copy
    of `disk` (ext2) at /data, the host's folder `share` (9p) at /share.
    """

    ports: Sequence[int] = ()
    disk: Path | None = None
    share: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.ports or self.disk or self.share)

    @property
    def linux_package(self) -> str:
        """Debian's kernel that has the modules: the cloud kernel has no 9p."""
        return GENERIC if self.share else CLOUD

    def modules(self) -> dict[str, bytes]:
        """Return what the Linux guest loads, as files of its archive."""
        names = ["virtio_mmio"] if self else []
        names += ["virtio_net"] if self.ports else []
        names += ["virtio_blk"] if self.disk else []
        names += ["9pnet_virtio", "9p"] if self.share else []
        return linux_modules(self.linux_package, *names)

    def linux_words(self) -> list[str]:
        """Return what linux_init finds in its environment, from the command line."""
        words = ["network=1"] if self.ports else []
        words += [f"disk={DISK_FOLDER}"] if self.disk else []
        return words + ([f"share={SHARE_FOLDER}"] if self.share else [])

    def configuration(self) -> list[tuple[str, object]]:
        """Return the pairs of Rumprun's configuration for the rumpkit guest."""
        pairs: list[tuple[str, object]] = []
        if self.ports:
            pairs.append(("net", {"if": "vioif0", "type": "inet", "method": "static",
                                  "addr": _ADDRESS, "mask": "24", "gw": _GATEWAY}))
        if self.disk:
            pairs.append(("blk", {"source": "dev", "path": "blk0", "fstype": "ext2",
                                  "mountpoint": DISK_FOLDER}))
        if self.share:
            pairs.append(("blk", {"source": "9p", "path": "share", "fstype": "9p",
                                  "mountpoint": SHARE_FOLDER}))
        return pairs

    def devices(self, copy: Path) -> Devices:
        """Return one guest's devices; `copy` is where its disk goes.

        virtio on its memory-mapped transport, slirp, a raw file with O_DIRECT
        (`cache=none`).  Source: qemu-system(1).
        """
        ports = dict(zip(self.ports, free_ports(len(self.ports)), strict=True))
        arguments = []
        if ports:
            forwards = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in ports.items()]
            arguments += ["-netdev", ",".join(["user", "id=net0", *forwards]),
                          "-device", "virtio-net-device,netdev=net0"]
        if self.disk:
            shutil.copyfile(self.disk, copy)
            arguments += ["-drive", f"if=none,id=disk0,file={copy},format=raw,cache=none",
                          "-device", "virtio-blk-device,drive=disk0"]
        if self.share:
            arguments += ["-fsdev", f"local,id=share,path={self.share},security_model=none",
                          "-device", "virtio-9p-device,fsdev=share,mount_tag=share"]
        return Devices(ports, arguments)


def free_ports(count: int) -> list[int]:
    """Return TCP ports of 127.0.0.1 that are free now."""
    with ExitStack() as sockets:
        found = []
        for _ in range(count):
            one = sockets.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found.append(one.getsockname()[1])
        return found
