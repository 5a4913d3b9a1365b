"""What this machine has for guests' networks and disks; none of it is needed to boot one."""

import os
import stat
from pathlib import Path

from kernel_magics.boot.devices.filesystems import find_tool
from kernel_magics.boot.doctor.findings import Finding
from kernel_magics.boot.network.passt import find_passt
from kernel_magics.errors import HostError

__all__ = ["examine_devices"]

# Where Debian, Fedora and openSUSE put QEMU's helper.
BRIDGE_HELPERS = tuple(Path(folder) / "qemu-bridge-helper" for folder in (
    "/usr/lib/qemu", "/usr/libexec", "/usr/lib"))
BRIDGE_RULES = Path("/etc/qemu/bridge.conf")
VHOST, TUN = Path("/dev/vhost-net"), Path("/dev/net/tun")


def examine_devices() -> list[Finding]:
    """Return a finding each for disk tools, passt, taps, the bridge helper and vhost."""
    return [_disk_tools(), _passt(), _tap(), _bridge(), _vhost()]


def _disk_tools() -> Finding:
    found: list[str] = []
    for names, without in ((("mkfs.ext2", "e2fsck"), "no disks can be made or checked"),
                           (("makefs",), "no FFS or ISO disks can be made, for Rumprun's guests")):
        try:
            found += map(find_tool, names)
        except HostError as error:
            return Finding("disk tools", "note", f"{error.message}: {without}", error.next_step)
    return Finding("disk tools", "ok", ", ".join(found))


def _passt() -> Finding:
    try:
        return Finding("passt", "ok", find_passt())
    except HostError:
        return Finding("passt", "note", 'not installed: net="passt" cannot be had',
                       "sudo apt install passt; net=\"user\" needs nothing")


def _tap() -> Finding:
    if os.access(TUN, os.R_OK | os.W_OK):
        return Finding("taps", "ok", f"{TUN} opens")
    if TUN.exists():
        return Finding("taps", "note", f"no permission to open {TUN}",
                       "sudo chmod 666 /dev/net/tun, as most distributions have it")
    return Finding("taps", "note", f'there is no {TUN}: net="tap:NAME" cannot be had',
                   "sudo modprobe tun")


def _bridge() -> Finding:
    helper = next((path for path in BRIDGE_HELPERS if path.exists()), None)
    if helper is None:
        return Finding("bridges", "note", "there is no qemu-bridge-helper",
                       'it comes with QEMU; net="user" needs none')
    allowed = _allowed()
    if not allowed:
        return Finding("bridges", "note", f"{BRIDGE_RULES} allows none",
                       f"write a line such as: allow br0 to {BRIDGE_RULES}")
    if os.geteuid() and not helper.stat().st_mode & stat.S_ISUID:
        return Finding("bridges", "note", f"{helper} may not make taps for this user",
                       f"sudo chmod u+s {helper}")
    return Finding("bridges", "ok", f"{helper} may use {', '.join(allowed)}")


def _allowed() -> list[str]:
    try:
        lines = BRIDGE_RULES.read_text().splitlines()
    except OSError:
        return []
    return [words[1] for line in lines if len(words := line.split()) == 2 and words[0] == "allow"]


def _vhost() -> Finding:
    """Guests' taps do not use it: packets that the kernel carries QEMU cannot capture."""
    found = "opens" if os.access(VHOST, os.R_OK | os.W_OK) else "is not there, or not for this user"
    return Finding("vhost", "ok", f"{VHOST} {found}; not needed: QEMU carries a tap's packets")
