"""Which component of Rumprun a part of an image belongs to, and in which layer that is.

A component is a library: one of the rump kernel's is called as in rumprun-bake's
configurations ("rumpnet_netinet"), any other by its file ("libc", "libbmk_core").  What the
linker's map says is exact; the folder that a source was compiled in says the same where there
is no map; a symbol's name says the layer only, and less surely.

Source: lib/README.txt and app-tools/rumprun-bake.conf of github.com/rumpkernel/rumprun;
sys/rump/README.dirs of NetBSD.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from kernel_magics.inspect.images.layers import OTHER

__all__ = ["PLATFORM", "TRACE", "archive_of_source", "component_of", "layer_of_component",
           "layer_of_name"]

PLATFORM = "hw"
"""The component of the platform itself: boot, traps, interrupts, clock and console."""

TRACE = "rumplab-trace"
"""The component of what `trace=True` bakes in around the hypercalls."""

_FACTIONS = {"kern": "kern", "vfs": "vfs", "fs": "vfs", "net": "net", "dev": "dev",
             "xen": "dev", "runfs": "vfs"}
_RUMP = re.compile(r"rump(kern|vfs|fs|net|dev|xen|runfs)(?:_|$)")
_OWN = {"rump": "kern", "rumprun_base": "sys", "rumprun_tester": "sys",
        "libbmk_core": "bmk", "libbmk_rumpuser": "rumpuser", PLATFORM: "arch",
        TRACE: "rumpuser"}
# What NetBSD and Rumprun install beside libc, for programs.
_LIBRARIES = frozenset((
    "libc", "libm", "libpthread", "libz", "libutil", "libcrypt", "libpcap", "libprop",
    "libkvm", "libc++", "libunwind", "libl", "libfl", "liby", "librmt", "libpci", "libipsec",
    "libnpf", "libcompiler_rt", "libgcc", "libgcc_eh", "libstdc++"))

_LIBRUMP = re.compile(r"/sys/rump/librump/rump(kern|vfs|net|dev)$")
_FACTION_LIBRARY = re.compile(r"/sys/rump/(dev|fs|net|kern)/lib/lib([\w+]+)$")
_LIBRARY = re.compile(r"/(?:br)?lib/lib([\w+]+)$")
# Folders whose library has another name.
_RENAMED = {"rumpfs_aio": "rumpvfs_aio", "rumpfs_fifovfs": "rumpvfs_fifofs",
            "rumpfs_layervfs": "rumpvfs_layerfs", "netconfig": "rumpnet_config",
            "rumpkern": "rump"}

# By a symbol's name alone: what starts so, without "rumpns_", is of this layer.
_NAMES = (
    ("rumpuser", ("rumpuser_", "rumpcomp_")),
    ("bmk", ("bmk_",)),
    ("sys", ("rump_sys_", "rump___sysimpl_", "rumprun_")),
    ("app", ("rumprun_main",)),
    ("arch", ("x86_", "cpu_", "isr_", "amd64_", "multiboot", "serialcons_", "vgacons_", "cons_",
              "gdt64", "pvclock_", "hypervisor_", "tscclock_", "i8254_")))
_KERNEL = "rumpns_"
_KERNEL_NAMES = (
    ("vfs", ("vfs_", "vn_", "vop_", "VOP_", "genfs_", "ffs_", "ufs_", "ext2fs_", "cd9660_",
             "tmpfs_", "rumpfs_", "rumpvfs_", "spec_", "namei", "cache_", "bread", "bwrite",
             "biodone", "bufq_", "wapbl_", "dirhash_", "quota", "kernfs_", "nfs_", "msdosfs_")),
    ("net", ("tcp", "udp", "ip_", "ip6_", "in_", "in6_", "icmp", "nd6_", "arp", "ether", "if_",
             "ifa_", "ifnet", "rt_", "rtable", "route", "so", "sb", "m_", "mbuf", "un_",
             "uipc_", "pfil_", "raw_", "key_", "igmp", "mld", "bpf", "domain", "inet",
             "rumpnet_", "nd_", "frag6", "sppp")),
    ("dev", ("pci", "virtio", "vio", "vnd", "ld_", "ld", "scsi", "wm_", "mii_", "dk_", "disk_",
             "dkwedge", "rnd_", "rndsource", "config_", "usb", "audio", "wsdisplay", "rumpdev_",
             "bus_", "device_", "cprng_")),
)


def component_of(archive: str, name: str) -> str:
    """Return the component of an object: `archive` as "libc.a", "" for one given by itself.

    An object of no archive is the platform's, "rumprun.o", or a program ("").
    """
    if not archive:
        if name == "rumprun.o":
            return PLATFORM
        if name.startswith(TRACE):
            return TRACE
        archive = name if name.startswith("librump") and name.endswith(".a") else ""
    stem = archive.removesuffix(".a")
    return stem.removeprefix("lib") if stem.startswith("librump") else stem


def layer_of_component(component: str, name: str = "") -> str:
    """Return the layer of a component; `name` is the object, which may be apart in it."""
    if component == "rump" and name.startswith("rump_syscalls"):
        return "sys"    # what libc calls instead of a kernel
    if component in _OWN:
        return _OWN[component]
    if faction := _RUMP.match(component):
        return _FACTIONS[faction[1]]
    return "libc" if component in _LIBRARIES else "app"


def archive_of_source(folder: str, source: str) -> str | None:
    """Return the archive that a source was compiled for, by the folder it was compiled in.

    `PLATFORM` stands for the platform's; None is for what is not of Rumprun's own trees.
    """
    if found := _LIBRUMP.search(folder):
        return f"lib{_RENAMED.get(f'rump{found[1]}', f'rump{found[1]}')}.a"
    if found := _FACTION_LIBRARY.search(folder):
        name = f"rump{found[1]}_{found[2]}"
        return f"lib{_RENAMED.get(name, name)}.a"
    if found := _LIBRARY.search(folder):
        return _known_library(_RENAMED.get(found[1], found[1]))
    path = PurePosixPath(folder, source)
    return PLATFORM if "/platform/hw" in str(path) else None


def _known_library(name: str) -> str | None:
    """A program may well be compiled in a folder lib/libx too: only known ones count."""
    known = name.startswith(("rump", "bmk_")) or f"lib{name}" in _LIBRARIES
    return f"lib{name}.a" if known else None


def layer_of_name(name: str) -> str:
    """Return the layer that a symbol's name alone puts it in, `OTHER` if it says nothing.

    The rump kernel's names start with "rumpns_"; which faction is a guess by what follows.
    """
    if name.startswith(_KERNEL):
        rest = name.removeprefix(_KERNEL)
        return next((layer for layer, starts in _KERNEL_NAMES if rest.startswith(starts)), "kern")
    found = [(len(start), layer) for layer, starts in _NAMES for start in starts
             if name.startswith(start)]
    return max(found)[1] if found else OTHER
