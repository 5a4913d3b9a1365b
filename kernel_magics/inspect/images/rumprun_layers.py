"""The layers of a guest of upstream Rumprun, in its own words, and the boundaries between them.

They are called as rumpkit's where they do the same, so that two images can be compared.
Source: lib/README.txt of github.com/rumpkernel/rumprun; rumpuser(3) of NetBSD.
"""

from dataclasses import replace

from kernel_magics.boot.abi import Event
from kernel_magics.inspect.images.layers import BOUNDARIES, LAYERS, Boundary, Layer

__all__ = ["RUMPRUN_BOUNDARIES", "RUMPRUN_LAYERS"]

_BY_NAME = {layer.name: layer for layer in LAYERS}
_SEAMS = {boundary.name: boundary for boundary in BOUNDARIES}
_FACTIONS = ("kern", "vfs", "net", "dev")


def _layer(name: str, title: str, prefixes: tuple[str, ...], description: str) -> Layer:
    return replace(_BY_NAME[name], title=title, prefixes=prefixes, description=description)


RUMPRUN_LAYERS = (
    _layer("app", "application", ("rumprun_main",),
           "The programs that were baked in, each with the libraries it was linked with."),
    _layer("libc", "NetBSD libraries", (),
           "NetBSD's libc, libm, libpthread …, as a NetBSD program has them."),
    _layer("sys", "rump system calls", ("rump___sysimpl_", "rumprun_"),
           "What libc calls instead of a kernel: NetBSD's system calls as functions, and "
           "Rumprun's base library, which starts programs and gives them threads and memory."),
    _layer("kern", "kern faction", ("rumpns_",),
           "NetBSD's kernel proper as a library: processes, locks, memory, time, sysctl."),
    _layer("vfs", "vfs faction", ("rumpns_vfs_",),
           "NetBSD's files: names, buffers, the root in memory, and FFS, ext2, ISO 9660."),
    _layer("net", "net faction", ("rumpns_",),
           "NetBSD's network: sockets, TCP/IP, interfaces, and their configuration by DHCP."),
    _layer("dev", "dev faction", ("rumpns_",),
           "NetBSD's devices: PCI and virtio drivers, disks, random numbers, pseudo devices."),
    _layer("rumpuser", "hypercalls", ("rumpuser_", "rumpcomp_"),
           "The seam: the only functions of a host that the rump kernel calls."),
    _layer("bmk", "bare-metal core", ("bmk_",),
           "Pages, the thread scheduler, and printf and strings for what lies below the seam."),
    _layer("arch", "platform hw", ("x86_", "cpu_"),
           "Entry from the machine, traps, interrupts, the clock, the console and PCI access."),
    _BY_NAME["host"],
)


def _seam(name: str, **words: object) -> Boundary:
    return replace(_SEAMS[name], **words)  # type: ignore[arg-type]


RUMPRUN_BOUNDARIES = (
    _SEAMS["library_calls"],
    _seam("syscalls",
          description="What libc asks NetBSD's kernel for: function calls. Counted in images "
                      "that were built to be traced."),
    _seam("faction_calls", lower=_FACTIONS),
    _seam("hypercalls", upper=_FACTIONS, events=range(Event.HYPERCALL, Event.SYSCALL),
          description="What the rump kernel asks its host for: NetBSD's rumpuser(3). Counted "
                      "in images that were built to be traced."),
    _SEAMS["core_calls"],
    _seam("exits", events=range(0),
          description="The guest stops and QEMU acts for it: device registers. Not counted."),
)
