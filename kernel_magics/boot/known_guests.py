"""The guests that a lab knows: those it started, and the running ones of other processes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kernel_magics.boot import registry
from kernel_magics.boot.guest import Guest
from kernel_magics.boot.starting import attach_guest
from kernel_magics.errors import LabError

if TYPE_CHECKING:
    import pandas

__all__ = ["GuestList", "KnownGuests"]

ENDED_KEPT = 50   # how many guests that have ended a lab remembers, the latest
HEADS = ("guest", "state", "status", "owner", "memory", "driver", "ports")


class GuestList(list[Guest]):
    """Guests, shown as a table; `.df` is it as a DataFrame, a row a guest."""

    @property
    def df(self) -> "pandas.DataFrame":
        """Columns guest, state, status (int or None), owner, memory_mib, driver, pid and ports
        ({guest's port: this machine's})."""
        import pandas

        return pandas.DataFrame(
            [(guest.name, guest.state, guest.exit_status, guest.owner,
              guest.spec.get("memory_mib"), guest.uri or guest.driver, guest.pid, guest.ports)
             for guest in self],
            columns=["guest", "state", "status", "owner", "memory_mib", "driver", "pid", "ports"]
        ).astype({"status": "Int64", "pid": "Int64"})

    def __repr__(self) -> str:
        if not self:
            return "no guests"
        rows: list[tuple[str, ...]] = [HEADS, *map(_row, self)]
        if not any(row[-1] for row in rows[1:]):
            rows = [row[:-1] for row in rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width
                                   in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(guest: Guest) -> tuple[str, ...]:
    status = guest.exit_status
    return (guest.name, guest.state, "" if status is None else str(status), guest.owner,
            f"{guest.spec.get('memory_mib')} MiB", guest.uri or guest.driver, _ports(guest))


def _ports(guest: Guest) -> str:
    """The forwarded ports: 127.0.0.1:8080→80."""
    return " ".join(f"{guest.address}:{host}→{port}" for port, host in guest.ports.items())


class KnownGuests:
    """The guests of one lab; names are unique among those that run."""

    def __init__(self) -> None:
        self._started: dict[str, Guest] = {}   # by this lab, by uuid
        self._attached: dict[str, Guest] = {}  # by others, by uuid

    def add(self, guest: Guest) -> None:
        """Remember a guest that this lab started, in place of an ended one of its name."""
        for uuid in [uuid for uuid, old in self._started.items() if old.name == guest.name]:
            del self._started[uuid]
        self._started[guest.uuid] = guest
        self._forget_long_ended()

    def _forget_long_ended(self) -> None:
        """Keep no more than ENDED_KEPT ended guests: each has a folder, and its RAM mapped."""
        if len(self._started) <= ENDED_KEPT:
            return
        ended = [guest for guest in self._started.values() if guest.machine.has_ended()]
        for guest in ended[:max(0, len(ended) - ENDED_KEPT)]:
            del self._started[guest.uuid]
            registry.remove(guest.host_files, guest.uuid)

    def listed(self) -> GuestList:
        """Return the guests there are, by name."""
        found = {guest.name: guest for guest in self._started.values()}
        for guest in self._of_others(set(found)):
            found[guest.name] = guest
        return GuestList(found[name] for name in sorted(found))

    def _of_others(self, known: set[str]) -> Iterator[Guest]:
        """Yield the running guests of other processes, those of a killed one included."""
        for uuid in [uuid for uuid, guest in self._attached.items() if guest.machine.has_ended()]:
            del self._attached[uuid]
        for files, record in registry.records():
            if record.name in known or not record.is_running() or record.qemu is None:
                continue
            if record.uuid not in self._attached:
                try:
                    self._attached[record.uuid] = attach_guest(files, record)
                except LabError:  # it ended while we looked
                    continue
            yield self._attached[record.uuid]

    def close(self, keep: bool) -> None:
        """Stop the guests that were started, unless `keep` is true, and forget them."""
        guests, self._started = list(self._started.values()), {}
        for guest in guests:
            if not keep:
                guest.stop()
            if guest.state not in ("running", "paused"):
                registry.remove(guest.host_files, guest.uuid)
