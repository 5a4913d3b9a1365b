"""The processes of a guest: `guest.processes`.  Source: images/rumpkit/kern/process.h."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import sizeof
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.abi import Thread
from kernel_magics.errors import GuestError, UsageError
from kernel_magics.inspect.memory.program import DIRECT_BASE
from kernel_magics.inspect.memory.ram import GuestRam
from kernel_magics.inspect.probes.probe import Probe
from kernel_magics.inspect.values.walking import address_of, read_text, walk_list

if TYPE_CHECKING:
    import drgn

__all__ = ["Process", "Processes", "current_process", "processes_of"]

MOST_PROCESSES = 4096
MOST_THREADS = 65_536
MOST_ARGUMENT_BYTES = 4096
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Process:
    """One process, or what is left of one that nobody has waited for ("ended").

    `cpu_ns` is its time on the CPU, without the slice that is running; `threads` are the
    numbers they have in guest.threads; `wait_status` is as wait4(2) tells it; `page_table`
    the physical address of its tables, for reading its memory.
    """

    pid: int
    parent: int
    group: int
    session: int
    state: str
    command: str
    path: str
    threads: tuple[int, ...]
    files: int
    cpu_ns: int
    started_ns: int
    wait_status: int
    page_table: int
    address: int
    current: bool


class Processes(Probe[Process]):
    """Every process, the oldest first; `df` by pid, and `processes.find(pid)`."""

    title = "processes"
    row = Process
    index = "pid"

    def _look(self, program: drgn.Program, problems: list[str]) -> Iterator[Process]:
        current = current_process(program)
        header = self._subject.header
        times = {thread.number: thread.cpu_tsc * _NS_PER_S // header.tsc_hz
                 for thread in _thread_records(self._subject)} if header.tsc_hz else {}
        for item in reversed(list(processes_of(program, problems))):
            found = _process(item, current, problems)
            on_cpu = sum(times.get(number, 0) for number in found.threads)
            yield replace(found, cpu_ns=found.cpu_ns + on_cpu)

    def find(self, pid: int) -> Process:
        """Return a process by its number; raises UsageError naming those there are."""
        rows = {process.pid: process for process in self.rows()}
        if pid not in rows:
            raise UsageError(f"there is no process {pid}",
                             next_step=f"there are {', '.join(map(str, sorted(rows)))}")
        return rows[pid]

    def arguments(self, pid: int) -> list[str]:
        """Return a process's arguments as they stand on its stack now."""
        process = self.find(pid)
        found = self._program().object("kern_processes")
        item = next((one for one in walk_list(found, "next", [], most=MOST_PROCESSES)
                     if int(one.pid) == pid), None)
        if item is None:
            return []
        start, end = int(item.arguments_start), int(item.arguments_end)
        size = min(max(end - start, 0), MOST_ARGUMENT_BYTES)
        ram = GuestRam(self._subject.ram.read, process.page_table)
        try:
            data = ram.read_virtual(start, size)
        except GuestError:
            return []
        return [text.decode("utf-8", "replace") for text in data.split(b"\0")[:-1]]


def _thread_records(subject: Any) -> list[Thread]:
    """Return the records of the threads there are, [] if the table is damaged."""
    header = subject.header
    count = min(header.threads_capacity, MOST_THREADS)
    try:
        data = subject.ram.read(header.threads_address, count * sizeof(Thread))
    except GuestError:
        return []
    return [thread for thread in (Thread * count).from_buffer_copy(data) if thread.state]


def processes_of(program: drgn.Program, problems: list[str]) -> Iterator[Any]:
    """Yield every struct kern_process *, the newest first."""
    return walk_list(program["kern_processes"], "next", problems, most=MOST_PROCESSES,
                     what="the list of processes")


def current_process(program: drgn.Program) -> int:
    """Return the address of the struct kern_process that runs, 0 if none does."""
    return address_of(program["kern_process"])


def _process(item: Any, current: int, problems: list[str]) -> Process:
    whole = item[0].read_()
    parent = whole.parent
    pid = int(whole.pid)
    threads = walk_list(whole.threads, "next", problems, most=MOST_THREADS,
                        what=f"the list of threads of process {pid}")
    return Process(
        pid=pid, parent=_pid_of(parent, problems), group=int(whole.group),
        session=int(whole.session), state="ended" if int(whole.state) else "runs",
        command=read_text(whole.command), path=read_text(whole.path),
        threads=tuple(int(thread.number) for thread in threads),
        files=_count_files(whole.files, problems),
        cpu_ns=int(whole.cpu_ns_of_ended), started_ns=int(whole.start_ns),
        wait_status=int(whole.wait_status), page_table=_page_table(whole.vm),
        address=int(item), current=int(item) == current)


def _pid_of(process: Any, problems: list[str]) -> int:
    import drgn

    try:
        return int(process.pid) if process else 0
    except drgn.FaultError as error:
        problems.append(f"a process's parent would be at {error.address:#x}, which is not mapped")
        return 0


def _count_files(files: Any, problems: list[str]) -> int:
    from kernel_magics.inspect.probes.slots import slots_of

    return sum(1 for _ in slots_of(files, problems))


def _page_table(vm: Any) -> int:
    """Return the physical address of a process's tables, 0 if it has none."""
    import drgn

    try:
        space = int(vm.space) if vm else 0
    except drgn.FaultError:
        return 0
    return space - DIRECT_BASE if space >= DIRECT_BASE else space
