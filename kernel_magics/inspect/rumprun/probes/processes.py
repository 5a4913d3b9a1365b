"""The processes of a Rumprun guest: one for each program, and the kernel's own.

Source: NetBSD 7, sys/sys/proc.h, sys/rump/librump/rumpkern/lwproc.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.probes.processes import Process, Processes
from kernel_magics.inspect.rumprun.probes.netbsd import (
    RumprunProbe,
    descriptors_of,
    processes_of,
    walk,
)
from kernel_magics.inspect.values.walking import read_text

if TYPE_CHECKING:
    import drgn

__all__ = ["RumprunProcesses"]

_STATES = {1: "starting", 2: "running", 4: "stopped", 5: "ended", 6: "ended", 7: "ended"}
_NS, _US = 1_000_000_000, 1000
MOST_PROGRAMS, MOST_ARGUMENTS = 64, 1024


class RumprunProcesses(RumprunProbe, Processes):
    """See Processes.  `cpu_ns` is 0: nobody counts it.  `page_table` is 0: all share one."""

    def rows(self) -> list[Process]:
        """Return what is there now; see Probe.rows."""
        return super(Processes, self).rows()

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Process]:
        import drgn

        threads, programs = self._threads(), _runners(program)
        running = {pid for pid, _, is_running in threads if is_running}
        for one in processes_of(program, problems):
            try:
                numbers = tuple(number for pid, number, _ in threads if pid == int(one.p_pid))
                name = (_arguments(programs.get(int(one.p_pid))) or [""])[0]
                yield _process(one, name, numbers, problems, int(one.p_pid) in running)
            except drgn.FaultError as error:
                problems.append(f"a process leads to {error.address:#x}, which is not mapped")

    def arguments(self, pid: int) -> list[str]:
        """Return what a program was called with; [] of the kernel's own processes."""
        self.find(pid)
        runner = _runners(self._program()).get(pid)
        return _arguments(runner) if runner is not None else []

    def _threads(self) -> list[tuple[int, int, bool]]:
        """Return process, number and whether it runs, of each thread."""
        try:
            return [(one.process, one.number, one.state == "running")
                    for one in self._subject.threads.read() if one.record.owner]
        except LabError:
            return []


def _runners(program: drgn.Program) -> dict[int, Any]:
    """Return what librumprun_base keeps of each program, by the number of its process."""
    import drgn

    found: dict[int, Any] = {}
    try:
        first = program.variable("rumprunners", "librumprun_base/rumprun.c").lh_first
        for one in walk(first, "rr_entries.le_next", [], "programs", MOST_PROGRAMS):
            if int(one.rr_lwp):
                found[int(one.rr_lwp.l_proc.p_pid)] = one
    except (LookupError, drgn.FaultError):
        return found
    return found


def _arguments(runner: Any) -> list[str]:
    import drgn

    try:
        count = min(int(runner.rr_argc), MOST_ARGUMENTS) if runner is not None else 0
        return [read_text(runner.rr_argv[index]) for index in range(count)]
    except drgn.FaultError:
        return []


def _process(one: Any, name: str, threads: tuple[int, ...], problems: list[str],
             is_running: bool) -> Process:
    group = one.p_pgrp
    started_ns = int(one.p_stats.p_start.tv_sec) * _NS + \
        int(one.p_stats.p_start.tv_usec) * _US if one.p_stats else 0
    return Process(
        pid=int(one.p_pid), parent=int(one.p_pptr.p_pid) if one.p_pptr else 0,
        group=int(group.pg_id) if group else 0,
        session=int(group.pg_session.s_sid) if group and group.pg_session else 0,
        state=_STATES.get(int(one.p_stat), f"unknown ({int(one.p_stat)})"),
        command=name or read_text(one.p_comm), path="", threads=threads,
        files=sum(1 for _ in descriptors_of(one, problems)), cpu_ns=0,
        started_ns=started_ns,
        wait_status=int(one.p_xexit) << 8 | int(one.p_xsig), page_table=0, address=int(one),
        current=is_running)
