"""What the probes of Rumprun guests share: the program, NetBSD's lists, its processes.

Source: NetBSD 7, sys/sys/queue.h, sys/sys/proc.h, sys/sys/filedesc.h, sys/sys/file.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.program import has_types, program_of
from kernel_magics.inspect.values.walking import MOST_ITEMS

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunProbe", "descriptors_of", "processes_of", "symbol_at", "walk"]

MOST_DESCRIPTORS = 65_536
MOST_PROCESSES = 4096


class RumprunProbe:
    """Finds the program of a Rumprun guest for a probe; to be named before the probe's class."""

    title: str
    _subject: Any

    def _program(self) -> drgn.Program:
        if not has_types(self._subject):
            raise UsageError(
                f"{self._subject.image.name} has no debugging information of the rump kernel: its "
                f"{self.title} cannot be read", next_step="boot the image from before stripping")
        program = program_of(self._subject)
        try:
            has_begun = bool(program["allproc"].lh_first)
        except LookupError:
            raise UsageError(f"{self._subject.image.name} has no rump kernel in it: there are no "
                             f"{self.title}", next_step="bake it with one of the configurations "
                             "that lab.bakes lists") from None
        if not has_begun:
            raise GuestError(f"{self._subject.name} has not come to its rump kernel: it has no "
                             f"{self.title} yet", name=self._subject.name,
                             next_step="let it go on: guest.resume()")
        return program


def walk(first: drgn.Object, links: str, problems: list[str], what: str,
         most: int = MOST_ITEMS) -> Iterator[drgn.Object]:
    """Yield the items of one of NetBSD's lists, each a pointer.

    `first` points to the first, and `links` is the path of the pointer to the next, as
    "p_list.le_next".  A cycle, a pointer into nothing and too many items end the walk and
    are added to `problems`.
    """
    import drgn

    item, seen = first, set[int]()
    try:
        while int(item):
            if int(item) in seen or len(seen) >= most:
                problems.append(f"the list of {what} comes back to {int(item):#x} after "
                                f"{len(seen)}")
                return
            seen.add(int(item))
            following = item
            for name in links.split("."):
                following = following.member_(name)
            following = following.read_()
            yield item
            item = following
    except drgn.FaultError as error:
        problems.append(f"the list of {what} leads to {error.address:#x}, which is not mapped, "
                        f"after {len(seen)}")


def processes_of(program: drgn.Program, problems: list[str]) -> list[drgn.Object]:
    """Return the rump kernel's processes, by number; 0 is the kernel's own."""
    import drgn

    found = []
    for one in walk(program["allproc"].lh_first, "p_list.le_next", problems, "processes",
                    MOST_PROCESSES):
        try:
            found.append((int(one.p_pid), one))
        except drgn.FaultError:
            continue
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def descriptors_of(process: drgn.Object,
                   problems: list[str]) -> Iterator[tuple[int, drgn.Object, bool]]:
    """Yield number, struct file and whether it is closed by exec, of each open descriptor."""
    import drgn

    pid = -1
    try:
        pid = int(process.p_pid)
        table = process.p_fd.fd_dt.read_()
        count = int(table.dt_nfiles)
        if count > MOST_DESCRIPTORS:
            problems.append(f"process {pid} claims {count} descriptors; {MOST_DESCRIPTORS} are "
                            "looked at")
        slots = table.dt_ff
        for number in range(min(count, MOST_DESCRIPTORS)):
            slot = slots[number]
            if int(slot) and int(slot.ff_file):
                yield number, slot.ff_file.read_(), bool(slot.ff_exclose)
    except drgn.FaultError as error:
        problems.append(f"the descriptors of process {pid} lead to {error.address:#x}, which is "
                        "not mapped")


def symbol_at(subject: Any, address: int) -> str:
    """Return the name of the function or variable at an address without its prefix, "" if none
    begins there."""
    found = subject.image.symbols.at(address) if address else None
    return found[0].name.removeprefix("rumpns_") if found and not found[1] else ""
