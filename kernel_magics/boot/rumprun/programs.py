"""The programs of a Rumprun guest, as its console tells of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ABORTED", "ProgramRecord", "ProgramList"]

ABORTED = "abort()"
NO_UNWINDING = ("; a C++ throw ends so in this image, which has no tables to unwind the stack by: "
                "baked again by the lab (--kit rumprun --from PROGRAM), it is caught")
MOST_PROGRAMS = 64  # an image has eight; what a console may claim is bounded


@dataclass(slots=True)
class ProgramRecord:
    """One program: its `name` (argv[0]), its `state`, and its exit `status` once that is known.

    `state` is "running"; "returned" (from main) or "exited" (by exit, which does not say who
    called it); "aborted", with a `reason`, such as the assertion that failed; "ended" if one of
    several has called exit and it cannot be said which; "cut off" by the guest's end; or "not
    started".
    """

    name: str
    state: str = "running"
    status: int | None = None
    reason: str = ""
    is_told: bool = False   # its _exit has been seen, too

    @staticmethod
    def start(programs: "list[ProgramRecord]", name: str) -> None:
        """Note that a main function is called."""
        if len(programs) < MOST_PROGRAMS:
            programs.append(ProgramRecord(name))

    @staticmethod
    def note_return(programs: "list[ProgramRecord]", name: str, status: int) -> None:
        """Note that the main function of a program returned."""
        own = [one for one in programs if one.name == name and one.state != "returned"]
        # One that seemed to have exited had a thread that did.
        for one in sorted(own, key=lambda one: one.state != "running")[:1]:
            one.state, one.status = "returned", status & 0xFF

    @staticmethod
    def note_exit(programs: "list[ProgramRecord]", status: int, aborts: str = "") -> None:
        """Note a call of exit: of a main that has returned, else of a program that runs.

        `aborts` says why if it was abort's.
        """
        status &= 0xFF
        for one in programs:
            if one.state == "returned" and one.status == status and not one.is_told:
                one.is_told = True
                return
        running = [one for one in programs if one.state == "running"]
        for one in running if len(running) == 1 else ():
            one.state, one.status, one.reason = "aborted" if aborts else "exited", status, aborts
        if len(running) > 1:
            programs.append(ProgramRecord("", "unknown", status))

    @staticmethod
    def settle(programs: "list[ProgramRecord]") -> None:
        """Say who called exit, at the end: all that are left have, in some order."""
        unknown = [one for one in programs if one.state == "unknown"]
        programs[:] = [one for one in programs if one.state != "unknown"]
        left = [one for one in programs if one.state == "running"]
        alike = len({one.status for one in unknown}) == 1 and len(unknown) == len(left)
        for one in left:
            one.state, one.status = "ended", unknown[0].status if alike else None


class ProgramList(tuple[ProgramRecord, ...]):
    """The programs of a guest, in the order in which it starts them; shown as a table."""

    @classmethod
    def of(cls, seen: Iterable[ProgramRecord], asked: Sequence[str]) -> "ProgramList":
        """Return what was seen of each, and those of the names `asked` that were not started."""
        started = [replace(one) for one in seen if one.state != "unknown"]
        return cls([*started, *(ProgramRecord(name, "not started")
                                for name in asked[len(started):])])

    def cut_off(self) -> "ProgramList":
        """Return the programs as the end of their guest left them."""
        return ProgramList(replace(one, state="cut off") if one.state == "running" else one
                           for one in self)

    def without_unwinding(self) -> "ProgramList":
        """Return the programs of an image in which no C++ exception can be caught: a throw aborts
        there, and a program that aborted may have thrown."""
        return ProgramList(replace(one, reason=one.reason + NO_UNWINDING)
                           if one.reason == ABORTED else one for one in self)

    @property
    def status(self) -> int | None:
        """The exit status of the last one that has one: a guest is booted for its last."""
        return next((one.status for one in reversed(self) if one.status is not None), None)

    @property
    def df(self) -> "pd.DataFrame":
        """A row for each program: name, state, status (missing: not known), reason."""
        import pandas as pd

        return pd.DataFrame({"name": [one.name for one in self],
                             "state": [one.state for one in self],
                             "status": pd.array([one.status for one in self], dtype="Int64"),
                             "reason": [one.reason for one in self]})

    def __repr__(self) -> str:
        width = max((len(one.name) for one in self), default=0)
        lines = [f"{one.name:<{width}}  {one.state}"
                 + ("" if one.status is None else f", status {one.status}")
                 + (f": {one.reason}" if one.reason else "") for one in self]
        return "\n".join(lines) or "no programs"
