"""RAM in each kit: the least that hello and an HTTP server run in, and an idle guest's PSS."""

from functools import partial
from typing import Any

from kernel_magics import Lab
from kernel_magics.errors import LabError

from . import kits_sides
from .guest_memory import pss_mib
from .kits_sides import SIDES, KitSide
from .linux_guest import smallest_mib
from .measuring import Report
from .programs import HELLO, HELLO_TEXT

__all__ = ["run"]

_MOST_MIB, _IDLE_MIB = 64, 32
_WAIT_S = 15
_WARNING = "suggest increasing guest allocation"  # of Rumprun's kernel, as it starts


def run(quick: bool) -> Report:
    """Bisect the smallest RAM on pc, and add up the memory of guests that wait."""
    report = kits_sides.kits_report("kits_memory", quick)
    report.note("smallest RAM by bisection: hello ends with 0; the server answers a request;"
                " without a warning: the guest's kernel does not ask for more")
    with Lab(driver="qemu") as lab:
        hello = kits_sides.images(lab, HELLO, "hello")
        server = kits_sides.images(lab, kits_sides.POLL_SERVER, "server")
        _add_smallest(report, "hello", partial(_says_hello, lab, hello, False))
        if not quick:  # a guest with too little does not end, and is waited for
            _add_smallest(report, "hello without a warning", partial(_says_hello, lab, hello,
                                                                     True))
            _add_smallest(report, "HTTP server", partial(_answers, lab, server))
        with kits_sides.running_sides(lab, server, "ready", ports=[80],
                                      memory_mib=_IDLE_MIB) as guests:
            kits_sides.add_side_by_side(
                report, f"PSS of the idle server's QEMU, {_IDLE_MIB} MiB", "MiB",
                {side: [pss_mib(guest.pid)] for side, guest in guests.items()})
    return report


def _add_smallest(report: Report, what: str, works: Any) -> None:
    kits_sides.add_side_by_side(report, f"smallest RAM, {what}", "MiB", {
        side: [float(smallest_mib(partial(works, side), most=_MOST_MIB))] for side in SIDES})


def _says_hello(lab: Lab, built: Any, quiet: bool, side: KitSide, memory_mib: int) -> bool:
    try:
        guest = lab.boot(built[side.kit], memory_mib, machine=side.machine)
        try:
            ended = guest.wait(_WAIT_S) == 0 and HELLO_TEXT in guest.console.bytes
            return ended and not (quiet and _WARNING in guest.console.text)
        finally:
            guest.stop()
    except LabError:
        return False


def _answers(lab: Lab, built: Any, side: KitSide, memory_mib: int) -> bool:
    try:
        guest = lab.boot(built[side.kit], memory_mib, machine=side.machine, ports=[80])
        try:
            guest.console.expect("ready", timeout=_WAIT_S)
            return guest.http("/", timeout=_WAIT_S).status == 200
        finally:
            guest.stop()
    except LabError:
        return False
