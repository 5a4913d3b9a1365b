"""How a Rumprun guest has ended, and what the user is told of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel_magics.errors import GuestPanic

if TYPE_CHECKING:
    from kernel_magics.boot.guest import Guest

__all__ = ["RumprunEnd", "RESET", "DOING", "crash_error"]

DOING = {"": "before it said anything", "runtime": "while it started",
         "kernel": "while the rump kernel started",
         "config": "while it set up what its configuration asks for"}
"""The phase a guest had come to → what it was doing."""


@dataclass(frozen=True, slots=True)
class RumprunEnd:
    """How a guest has ended.

    `status` is the exit status, 0 to 255, of the program it was started for, None if it did not
    come to one; `reason` is a sentence about that, "" for an orderly end.  `kind` is "exit";
    "trap" (a processor's exception, at `place`, with `address` the one that was accessed);
    "panic" (the kernel gave up); "refused" (its configuration could not be carried out);
    "halt" (no program had ended); or "reset" (the processor gave up).
    """

    status: int | None
    reason: str = ""
    kind: str = "exit"
    place: int = 0
    address: int = 0


RESET = RumprunEnd(None, "its processor reset: an exception within an exception (a triple fault), "
                         "as after a stack that overflowed", "reset")

_STEPS = {
    "trap": "guest.image.code(guest.end.place) is the instruction, guest.panic the report",
    "panic": "read what comes before it in guest.console.text",
    "halt": "read guest.console.text",
    "reset": "PTHREAD_STACKSIZE in env= is the stack's size in KiB; the last lines of its console "
             "say how far it had come",
}
# What a complaint before main has in it → what to do.
_REFUSALS = (
    ('type "kernfs"', "is it baked with that file system? --component rumpfs_kernfs adds it"),
    ("vndset", "path= names a file of a disk that an earlier entry has mounted"),
    ("failed to mount", "is there a file system on it that Rumprun mounts (ext2 without newer "
                        "features, ffs, ISO 9660)? lab.disk(path, size_mib=…, fstype=…) makes one"),
    ("dhcp", 'is there a network with a DHCP server? net="user" has one; or give a static address'),
    ("autoconfig", 'is there a router on the network? or give a static address'),
    ("ifconfig", "the guest refused its address: give another one"),
    ("json parse", "guest.spec has what it was asked to do; look for unusual characters there"),
)


# With NetBSD from 7.99.31 on, it sets the interface of a packet to NULL, by m_set_rcvif(9).
_AUTO_STEP = ('address="auto" crashes upstream (rump_netconfig_auto_ipv6): give a static address, '
              'such as "fec0::15/64"')


def _has_auto(spec: dict[str, object]) -> bool:
    addresses = spec.get("address")
    return isinstance(addresses, list) and "auto" in addresses


def crash_error(guest: "Guest", end: RumprunEnd) -> GuestPanic:
    """Return the error of a guest that ended with no status."""
    step = _STEPS.get(end.kind, "")
    if end.kind == "refused":
        what = f"{guest.name} started no program: {end.reason}"
        step = next((told for mark, told in _REFUSALS if mark in end.reason),
                    "guest.console.text has the lines before")
    else:
        what = f"{guest.name} crashed: {end.reason}"
    shortage, advice = guest.memory_shortage, ""
    if end.kind == "trap" and DOING["config"] in end.reason and _has_auto(guest.spec):
        advice = step = _AUTO_STEP
    if shortage is not None and (shortage or shortage.is_low):
        what, step = f"{what}; {shortage}", shortage.step
        advice = f"{shortage}: {step}"
    return GuestPanic(what, name=guest.name, report=getattr(guest, "panic", None), end=end,
                      advice=advice, next_step=step)
