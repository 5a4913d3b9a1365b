"""The layer model: what a guest is made of, from the application down to the host.

One table, used by symbols, sizes, panic reports and the picture in the notebook.  The
link script of the runtime puts each layer into sections of its own (`.text.vfs`), so a
section name says which layer a byte belongs to.  Images of upstream Rumprun have the same
layers, told in their own words and found in another way: see `layer_models`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernel_magics.boot.abi import HYPERCALLS, Event

__all__ = ["BOUNDARIES", "LAYERS", "OTHER", "Boundary", "Layer", "find_layer",
           "layer_of_section", "layer_of_symbol"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: `prefixes` start its symbols, `colour` reads on white and on black."""

    name: str
    title: str
    prefixes: tuple[str, ...]
    colour: str
    description: str


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where calls pass from `upper` down to `lower` (names of layers).

    `events` is the range of counters that count them, empty where nothing does:
    ordinary function calls cost nothing, and so leave no trace.
    """

    name: str
    title: str
    upper: tuple[str, ...]
    lower: tuple[str, ...]
    events: range
    description: str


LAYERS = (
    Layer("app", "application", (), "#c2650a",
          "Your program: what you wrote in the cell, compiled."),
    Layer("libc", "C library", (), "#a0790a",
          "musl's printf, malloc, pthreads …, the same code a Linux program uses."),
    Layer("sys", "system calls", ("sys_",), "#4f8a10",
          "Answers Linux system calls by plain function calls, with no kernel to enter."),
    Layer("kern", "kern faction", ("kern_",), "#0b8a6a",
          "The rump kernel's processes, threads, futexes, signals and time."),
    Layer("vfs", "vfs faction", ("vfs_",), "#0a87a0",
          "The rump kernel's files: paths, directories, the in-memory root, pipes, /dev."),
    Layer("net", "net faction", ("net_",), "#c94f4f",
          "The rump kernel's network: sockets, and lwIP's TCP/IP beneath them."),
    Layer("dev", "dev faction", (), "#8a8a2e",
          "The rump kernel's devices: disks, network cards, PCI and the drivers for them."),
    Layer("rumpuser", "hypercalls", ("rumpuser_", "rumpcomp_"), "#3478d4",
          "The seam: the only functions of a host that kernel code may call."),
    Layer("bmk", "bare-metal core", ("bmk_",), "#7a68d8",
          "Pages, the thread scheduler, interrupts, the clock and the console."),
    Layer("arch", "processor", ("arch_", "_rumpkit_"), "#a855b5",
          "Entry from the machine, traps, context switch and page tables, in part assembly."),
    Layer("lib", "runtime library", ("lib_",), "#b85580",
          "The runtime's own string and printf code, shared by the layers above."),
    Layer("host", "host", (), "#80808a",
          "The machine outside: QEMU with KVM or TCG, libvirt, and this computer."),
)

OTHER = "other"
"""The layer of bytes that no layer claims: notes, tables for the linker and unwinder."""

_BY_NAME = {layer.name: layer for layer in LAYERS}
_FACTIONS = ("kern", "vfs", "net")    # rumpkit's virtio drivers are beneath the seam

BOUNDARIES = (
    Boundary("library_calls", "library calls", ("app",), ("libc",), range(0),
             "Ordinary function calls; the trace does not see them."),
    Boundary("syscalls", "system calls", ("libc",), ("sys",),
             range(Event.SYSCALL, Event.SYSCALL + 512),
             "What libc would ask a Linux kernel for."),
    Boundary("faction_calls", "faction calls", ("sys",), _FACTIONS, range(0),
             "Ordinary function calls into the rump kernel."),
    Boundary("hypercalls", "hypercalls", _FACTIONS, ("rumpuser",),
             range(Event.HYPERCALL, Event.HYPERCALL + len(HYPERCALLS)),
             "What a rump kernel asks its host for, as in NetBSD's rumpuser(3)."),
    Boundary("core_calls", "core calls", ("rumpuser",), ("bmk", "arch"), range(0),
             "Ordinary function calls into the bare-metal core."),
    Boundary("exits", "exits to the host", ("bmk", "arch"), ("host",),
             range(Event.HOST_EXIT, Event.HOST_EXIT + 1),
             "The guest stops and QEMU acts for it: device registers, the expensive kind."),
)


def find_layer(name: str) -> Layer:
    """Return the layer called `name`; raises KeyError if there is none."""
    return _BY_NAME[name]


def layer_of_section(section: str) -> str | None:
    """Return the layer whose code or data a section name says it holds, or None.

    `.text.app` is "app"; input sections of the runtime's objects (`.vfs.bss`) count too.
    """
    parts = section.split(".")
    for part in (parts[2:3], parts[1:2]):
        if part and part[0] in _BY_NAME:
            return part[0]
    return None


def layer_of_symbol(name: str) -> str:
    """Return the layer a symbol's prefix puts it in; `OTHER` if none does."""
    for layer in LAYERS:
        if name.startswith(layer.prefixes):
            return layer.name
    return OTHER
