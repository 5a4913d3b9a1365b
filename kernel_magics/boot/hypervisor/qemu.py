"""The direct driver: QEMU as a process of ours, for the lowest start latency.

QEMU gets a session of its own, so that Ctrl-C in the notebook does not reach it and it
outlives a killed Python; the guests' directory finds it again.
"""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from kernel_magics.boot.hypervisor.commandline import qemu_arguments
from kernel_magics.boot.hypervisor.machine import Machine, log_tail
from kernel_magics.boot.hypervisor.qmp import QmpError, command, command_when_ready
from kernel_magics.boot.hypervisor.refusals import explained
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.ram import MappedRam, Ram
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.boot.spec import Launch
from kernel_magics.errors import BootError, GuestError, HostError

__all__ = ["QemuDriver", "LocalMachine", "find_qemu", "spawn"]

BINARY = "qemu-system-x86_64"


def find_qemu() -> str:
    """Return the path of QEMU: $RUMPLAB_QEMU, else the one on PATH; raises HostError."""
    wanted = os.environ.get("RUMPLAB_QEMU") or BINARY
    found = shutil.which(wanted)
    if not found:
        raise HostError(f"there is no QEMU: {wanted} was not found",
                        next_step="install it: sudo apt install qemu-system-x86"
                                  " (or set RUMPLAB_QEMU to its path)")
    return found


class LocalMachine:
    """A QEMU process of this user, started here or elsewhere."""

    streams_console = False

    def __init__(self, process: ProcessId, ram: Ram, files: GuestFiles, *,
                 is_child: bool = False, paused: bool = False) -> None:
        self.process: ProcessId | None = process
        self.ram = ram
        self.files = files
        self.exit_code: int | None = None
        self._is_child = is_child
        self._paused = paused

    def open_end(self) -> int | None:
        """Return a pidfd of QEMU; None once it is gone."""
        return self.process.open() if self.process else None

    def has_ended(self) -> bool:
        """Whether QEMU is gone; as its parent, take its exit code then."""
        if self._is_child:
            self._reap()
        return not (self.process and self.process.is_alive())

    def _reap(self) -> None:
        try:
            pid, status = os.waitpid(self.process.pid, os.WNOHANG) if self.process else (0, 0)
        except ChildProcessError:  # another thread of ours was faster
            self._is_child = False
            return
        if pid:
            self._is_child = False
            self.exit_code = os.waitstatus_to_exitcode(status)

    def is_paused(self) -> bool:
        """Whether the CPU is stopped, as far as this process has been told."""
        if self.has_ended():
            return False
        try:
            return not command(self.files.qmp_socket, "query-status")["running"]
        except QmpError:
            return self._paused

    def pause(self) -> None:
        """Stop the CPU (QMP stop)."""
        self._control("stop")
        self._paused = True

    def resume(self) -> None:
        """Let the CPU go on (QMP cont); a guest that ends at once is no error."""
        self._control("cont")
        self._paused = False

    def _control(self, what: str) -> None:
        assert self.process is not None
        try:
            command_when_ready(self.process, self.files.qmp_socket, what)
        except QmpError as error:
            if what == "cont" and self.has_ended():
                return
            raise GuestError(f"QEMU does not take the command {what!r}: {error}",
                             next_step="look whether it is still there: lab.guests()") from error

    def monitor(self, line: str) -> str:
        """Run a command of QEMU's human monitor (QMP human-monitor-command)."""
        try:
            return str(command(self.files.qmp_socket, "human-monitor-command",
                               **{"command-line": line}))
        except QmpError as error:
            raise GuestError(f"QEMU does not take the command {line!r}: {error}",
                             next_step="look whether it is still there: lab.guests()") from error

    def stop(self) -> None:
        """End QEMU and wait until it is gone."""
        if self.process:
            self.process.terminate()
        self.has_ended()

    def write_console(self, data: bytes) -> None:
        """Not used: input goes through the console's socket."""
        raise NotImplementedError


class QemuDriver:
    """Starts QEMU without anything in between."""

    name = "qemu"
    uri = ""

    def start(self, launch: Launch, marks: dict[str, int]) -> Machine:
        """Start QEMU; raises HostError if there is none, BootError if it ends at once."""
        binary = find_qemu()
        files = launch.files
        # What the lab writes is not in a recording: the replay would be another run.
        ram = MappedRam(files.ram, create_bytes=launch.memory_mib << 20,
                        writable=not launch.recording)
        files.make_console(serial_to_log=bool(launch.recording))
        marks["spawned"] = time.monotonic_ns()
        pid = spawn(qemu_arguments(binary, launch), files.qemu_log)
        if launch.paused:
            self._wait_created(launch, ProcessId.of(pid))
            marks["created"] = time.monotonic_ns()
        return LocalMachine(ProcessId.of(pid), ram, files, is_child=True, paused=launch.paused)

    def _wait_created(self, launch: Launch, process: ProcessId) -> None:
        """Wait until a paused QEMU answers: its image is then in RAM."""
        try:
            command_when_ready(process, launch.files.qmp_socket, "query-status")
        except QmpError as error:
            process.terminate()
            with suppress(ChildProcessError):
                os.waitpid(process.pid, 0)
            said = log_tail(launch.files)
            raise explained(launch.devices, said) or BootError(
                f"QEMU ended before the guest was loaded: {said}", log=said,
                next_step="lab.doctor() looks at QEMU and the accelerator") from error

    def attach(self, files: GuestFiles, record: GuestRecord) -> Machine:
        """Hold a QEMU that another process started."""
        if record.qemu is None:
            raise GuestError(f"{record.name} is still being started by another notebook",
                             name=record.name, next_step="try again in a moment")
        ram = MappedRam(Path(record.ram), writable=not record.spec.get("record"))
        return LocalMachine(record.qemu, ram, files)


def spawn(arguments: list[str], log: Path) -> int:
    """Start a process in its own session, with its output in `log`; return its number.

    posix_spawn rather than fork: the notebook's process is large, and its page tables
    would be copied.
    """
    return os.posix_spawn(
        arguments[0], arguments, os.environ, setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM], setsigmask=[],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2)])
