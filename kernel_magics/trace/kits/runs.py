"""Builds and boots one program under both kits, so that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernel_magics.errors import GuestError
from kernel_magics.trace.kits.comparison import KitComparison

__all__ = ["run_under_kits"]

MACHINE = "pc"    # what both kits' guests start on
MEMORY_MIB = 64   # a Rumprun guest of hw_virtio starts with less, and warns
# What each kit's build is told beside what the user asks for.
_OF_KIT: Mapping[str, Mapping[str, Any]] = {"rumpkit": {}, "rumprun": {"trace": True}}
_KIT_OPTIONS = {"whole": "rumpkit", "heap_calls": "rumpkit", "bake": "rumprun",
                "components": "rumprun"}


def run_under_kits(lab: Any, source: Any, name: str, *, until: str, timeout: float,
                   memory_mib: int, build: Mapping[str, Any],
                   boot: Mapping[str, Any]) -> KitComparison:
    """Build `source` with each kit, boot it on the same machine, traced, and compare; `lab` is
    the Lab that does it.

    The images and guests are called NAME_rumpkit and NAME_rumprun.  One guest runs after the
    other, until it ends or, if `until` is given, until its console shows that; at most
    `timeout` seconds.  `build` and `boot` are further options of lab.build and lab.boot; those
    that one kit alone knows are given to that one.  A guest that ends badly is compared as it
    is, and the result's notes say so.  Raises what lab.build and lab.boot raise.
    """
    images = [lab.build(source, f"{name}_{kit}", kit=kit, **{**more, **{
        key: value for key, value in build.items() if _KIT_OPTIONS.get(key, kit) == kit}})
        for kit, more in _OF_KIT.items()]    # one that does not build boots neither
    guests: list[Any] = []
    said: list[str] = []
    for image in images:
        guest = lab.boot(image, memory_mib, **{"machine": MACHINE, "trace": "hypercalls", **boot})
        try:
            if until:
                guest.console.expect(until, timeout)
            else:
                guest.wait(timeout)
        except GuestError as error:
            said.append(error.message.splitlines()[0])
        guests.append(guest)
    before, after = guests
    return KitComparison(before, after, said)
