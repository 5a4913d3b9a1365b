"""Guest: one booted image, from its start until long after its end."""

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from kernel_magics.boot import abi, registry
from kernel_magics.boot.console.console import Console, ConsoleGuest
from kernel_magics.boot.console.window import ConsoleWindow
from kernel_magics.boot.endings import (
    no_status,
    panicked,
    still_there,
    stopped_by_qemu,
    threads_of,
)
from kernel_magics.boot.header import GuestHeader, HeaderReader
from kernel_magics.boot.hypervisor.machine import Machine
from kernel_magics.boot.network.reaching import Reachable
from kernel_magics.boot.phases import BootPhases, Sightings, boot_phases
from kernel_magics.boot.process import wait_readable
from kernel_magics.boot.ram import Ram
from kernel_magics.boot.registers import Registers, parse_registers
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.boot.rumprun import KIT, NO_INPUT
from kernel_magics.boot.rumprun.phases import rumprun_phases
from kernel_magics.boot.rumprun.told import ToldByConsole
from kernel_magics.boot.watcher import Watcher
from kernel_magics.build.image import GuestImage
from kernel_magics.errors import GuestError

__all__ = ["Guest", "FACETS"]

FACETS: dict[str, Callable[["Guest"], object]] = {}
"""What later packages know to say about a guest ("trace", "panic", "threads", "memory"):
attribute name → function.  They register it here, so that this one need not import them."""

LOOK_S = 0.05    # between looks at a guest that stays after its panic
LOOK_STUCK_S = 0.5  # between looks at one under KVM, which may be unable to go on
FINISH_S = 2.0   # for the watcher to hand over the last output


class Guest(Reachable, ToldByConsole):
    """A guest and its machine.

    `name`, `uuid`, `driver`, `uri`, `spec` (a dict of the BootSpec's fields), `ram`
    (guest-physical memory: `ram.read(address, size_bytes)`), `console`.  What later
    packages add ("trace", "panic", …) is listed by dir().
    """

    def __init__(self, machine: Machine, files: GuestFiles, record: GuestRecord, *,
                 image: GuestImage | None = None, tsc_hz: int = 0) -> None:
        self.machine = machine
        self.host_files = files
        self.record = record
        self.name, self.uuid = record.name, record.uuid
        self.driver, self.uri, self.spec = record.driver, record.uri, record.spec
        self.accel = record.accel
        self.why_accel = ""
        self.marks = dict(record.marks)
        self._tsc_hz = tsc_hz
        self._stopped = record.stopped
        self._sightings = Sightings()
        self._paused_since_ns: int | None = None
        self._watcher: Watcher | None = None
        self._subscribing = threading.Lock()
        if image is not None:
            self.__dict__["image"] = image
        self._header = (HeaderReader(machine.ram, record.header_address)
                        if record.header_address is not None else None)
        self.console = _console(self)

    # What it is

    @cached_property
    def image(self) -> GuestImage:
        """The image it was booted from; raises ImageError if the file is gone."""
        return GuestImage.from_file(self.record.image)

    @property
    def ram(self) -> Ram:
        """Guest-physical memory."""
        return self.machine.ram

    @property
    def pid(self) -> int | None:
        """QEMU's process number; None if it runs on another machine."""
        return self.machine.process.pid if self.machine.process else None

    @property
    def started_ns(self) -> int:
        """When boot was called, CLOCK_MONOTONIC of this machine."""
        return self.marks.get("called", 0)

    @property
    def owner(self) -> str:
        """Who started it: "this notebook", "another notebook", or "survived" if that died."""
        if self.record.owner == registry.own_process():
            return "this notebook"
        return "another notebook" if self.record.owner.is_alive() else "survived"

    # How it is

    @property
    def header(self) -> GuestHeader:
        """The guest's lab header now; raises GuestError if it has none or it is damaged."""
        if self._header is None:
            raise GuestError(f"{self.name} is not a rumpkit guest and keeps no lab header",
                             name=self.name, next_step="its console is all it tells")
        return self._header.read()

    @property
    def state(self) -> str:
        """ "running", "paused", "exited", "panicked", "stopped" (by the lab) or "died"."""
        ended = self.machine.has_ended()
        if (said := self.end) is not None:
            return "exited" if said.status is not None else "panicked"
        told = self._told()
        if told == abi.State.EXITED:
            return "exited"
        if told == abi.State.PANICKED:
            return "panicked"
        if ended:
            if self._was_stopped():
                return "stopped"
            return "exited" if self._exit_code_status() is not None else "died"
        return "paused" if self.machine.is_paused() else "running"

    @property
    def exit_status(self) -> int | None:
        """The application's exit status, 128 + signal if a signal ended it; None before."""
        if (said := self.end) is not None:
            return said.status
        if self._header is None:
            return self._exit_code_status()
        return self.header.exit_status if self._told() == abi.State.EXITED else None

    @property
    def registers(self) -> Registers | None:
        """The processor's registers by name; None unless its CPU is stopped.

        Those of a Rumprun guest stay, as they were when it halted for ever.
        """
        if self.end is not None:
            return self._last_registers
        if self.machine.has_ended() or not self.machine.is_paused():
            return None
        try:
            return parse_registers(self.machine.monitor("info registers"))
        except GuestError:  # it ended meanwhile
            return None

    @property
    def counters(self) -> Any:
        """Calls since boot: a numpy array of uint64, index = event number (abi.Event)."""
        import numpy

        address = self.header.counters_address
        return numpy.frombuffer(self.ram.read(address, 8 * abi.EVENTS), dtype="<u8").copy()

    @property
    def boot_phases(self) -> BootPhases:
        """Where the time of its boot went, in nanoseconds; they sum to the wall time."""
        if self._story is not None:
            _ = self.end  # reads what has come
            return rumprun_phases(self.marks, self._story.stages, time.monotonic_ns())
        stamps: tuple[int, ...] = (0,) * abi.PHASES
        tsc_hz = self._tsc_hz
        if self._header is not None and self._told() is not abi.State.UNBORN:
            header = self._header.read()
            stamps, tsc_hz = header.phase_tsc, header.tsc_hz or tsc_hz
        return boot_phases(self.marks, stamps, tsc_hz, self._sightings, time.monotonic_ns())

    def _was_stopped(self) -> bool:
        """Whether this or another process of the lab stopped it."""
        if not self._stopped:
            record = registry.read_record(self.host_files)
            self._stopped = bool(record and record.uuid == self.uuid and record.stopped)
        return self._stopped

    def _told(self) -> abi.State:
        try:
            return self._header.state() if self._header else abi.State.UNBORN
        except GuestError:  # RAM that could be read while it ran, and now it does not
            return abi.State.UNBORN

    def _exit_code_status(self) -> int | None:
        """Return the status from QEMU's exit code: isa-debug-exit makes it 2 × value + 1."""
        code = self.machine.exit_code
        if self._header is not None or self._story is not None or code is None or code < 0:
            return None
        return code >> 1 if code & 1 else None

    # Waiting

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the guest has ended; return its exit status.

        `timeout` is in seconds, by default the one of the boot, or none.  Raises
        GuestTimeout (the guest is still there); GuestPanic (attribute `report`); GuestError if
        it was stopped, QEMU died, or KVM cannot execute it.  Ctrl-C ends the wait and leaves the
        guest alone.
        """
        if timeout is None and isinstance(limit := self.spec.get("timeout"), int | float):
            timeout = limit
        if not self._wait_end(timeout):
            raise still_there(self, timeout)
        self._finish()
        state = self.state
        if state == "panicked":
            raise panicked(self)
        status = self.exit_status
        if status is None:
            raise no_status(self, state)
        return status

    def _wait_end(self, timeout: float | None) -> bool:
        """Wait for the machine's end, or for a panic that the guest stays after."""
        end = self.machine.open_end()
        if end is None:
            return True
        self.watch_halting()
        deadline = None if timeout is None else time.monotonic() + timeout
        stays = self.spec.get("on_panic") == "halt"
        often_s = LOOK_S if stays else LOOK_STUCK_S if self.accel == "kvm" else None
        try:
            while True:
                left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
                look_s = min((s for s in (often_s, left_s) if s is not None), default=None)
                if wait_readable(end, look_s):
                    return True
                if stays and self.state == "panicked":
                    return True
                if self.accel == "kvm" and (stuck := stopped_by_qemu(self)):
                    raise stuck
                if left_s is not None and look_s == left_s:
                    return False
        finally:
            os.close(end)

    def _finish(self) -> None:
        """Let the watcher hand over the last output before the end is announced."""
        watcher = self._watcher
        if watcher and watcher is not threading.current_thread():
            watcher.join(FINISH_S)

    # Control

    def stop(self) -> None:
        """End the guest and wait until it is gone; one that has ended is no error."""
        if not self.machine.has_ended():
            self._stopped = True
            registry.update(self.host_files, self.uuid, stopped=True)
            self.machine.stop()
        self._finish()
        if self.owner == "survived":
            registry.remove(self.host_files, self.uuid)  # its notebook will not

    def pause(self) -> None:
        """Stop the guest's CPU; raises GuestError if it has ended."""
        self._need_running("paused")
        debugger = vars(self).get("debugger")  # one that leads hears of nothing else
        if debugger is None or not debugger.pause_held():
            self.machine.pause()
        self._paused_since_ns = time.monotonic_ns()

    def resume(self) -> None:
        """Let a paused guest go on; raises GuestError if it has ended."""
        self._need_running("resumed")
        now_ns = time.monotonic_ns()
        if self._paused_since_ns is not None:
            paused_ns = now_ns - self._paused_since_ns
            self.marks["paused_ns"] = self.marks.get("paused_ns", 0) + paused_ns
            self._paused_since_ns = None
        elif "created" in self.marks:
            self.marks.setdefault("resumed", now_ns)
        debugger = getattr(self, "debugger", None)  # one that stands at a breakpoint leads
        if debugger is None or not debugger.resume_held():
            self.machine.resume()

    def _need_running(self, what: str) -> None:
        if self.machine.has_ended():
            raise GuestError(f"{self.name} has ended and cannot be {what}", name=self.name,
                             next_step="boot it again")

    # Following

    def watch(self) -> None:
        """Follow the guest from a thread of its own; done by the lab that started it."""
        with self._subscribing:
            if self._watcher is None:
                self._watcher = Watcher(self.console, self.machine, self._header,
                                        self._sightings, self._ended, self.name,
                                        self._story, self._is_over)
                self._watcher.start()

    def _ended(self, gone_ns: int) -> None:
        self.marks["gone"] = gone_ns
        self.machine.has_ended()          # takes the exit code, and the zombie with it
        if self.record.owner == registry.own_process():
            registry.release_ram(self.host_files, self.uuid)

    def __getattr__(self, name: str) -> Any:
        facet = FACETS.get(name)
        if facet is None:
            raise AttributeError(f"a guest has no {name!r}")
        value = facet(self)
        if value is not None:  # "panic" is None until there is one
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FACETS})

    def __repr__(self) -> str:
        state = self.state
        status = f" with status {self.exit_status}" if state == "exited" else ""
        shortage = self.memory_shortage
        advice = f"\n{shortage}; {shortage.step}" if shortage else ""
        return f"guest {self.name}: {state}{status}{advice}"


def _console(guest: Guest) -> Console:
    machine, header = guest.machine, guest._header

    def counts() -> tuple[int, int]:
        try:
            found = header.read() if header else None
        except GuestError:
            found = None
        return (found.console_written, found.console_dropped) if found else (0, 0)

    def on_virtio() -> bool:
        return bool(header and header.newer("console_input") == abi.ConsoleInput.VIRTIO)

    window = ConsoleWindow(header, guest.host_files.window_bell, guest.name)
    write = machine.write_console if machine.streams_console else None
    facts = ConsoleGuest(guest.name, machine.has_ended, counts, machine.open_end, on_virtio,
                         window, write, guest.watch,
                         NO_INPUT if guest.record.kit == KIT else "",
                         lambda: threads_of(guest))
    return Console(guest.host_files, facts)
