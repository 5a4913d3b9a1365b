"""A stopped guest's processor: registers, stack words, single instructions, runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.stub import Stub, StubRefused
from kernel_magics.inspect.threads.kits import running_thread

__all__ = ["Point", "Processor", "SYSCALL_INSTRUCTION"]

SYSCALL_INSTRUCTION = b"\x0f\x05"
SIGNAL_INTERRUPT = 2
HARDWARE_POINTS = 4  # debug registers of an x86 processor
# The kinds of the remote protocol's Z packets.
SOFTWARE, HARDWARE = 0, 1
_WATCH = {"write": 2, "read": 3, "access": 4}


@dataclass(frozen=True, slots=True)
class Point:
    """What the stub is told of a breakpoint: protocol kind, address, bytes."""

    kind: int
    address: int
    size_bytes: int = 1


class Processor:
    """Drives the processor through the stub; all its methods want a stopped guest.

    Under KVM breakpoints take the processor's debug registers, of which there are four:
    an int3 in the guest's code is not to be relied on there.
    """

    def __init__(self, stub: Stub, guest: Any) -> None:
        self.stub = stub
        self._guest = guest
        self._inserted: set[Point] = set()
        self._registers: dict[str, int] | None = None
        self._code_kind = HARDWARE if guest.accel == "kvm" else SOFTWARE
        self.dispensable: set[int] = set()
        """Addresses of points that make room for others where there is little."""
        self.moves = 0
        """Changes whenever what was known of the processor may be so no more."""
        self._going_or_not = threading.Lock()
        self._is_going = self._is_wanted = False
        self.stood_ns = self._stands_since_ns = 0
        """How long the guest stood between a motion's first run and its last."""

    # What is

    @property
    def registers(self) -> dict[str, int]:
        """The general registers, rip and rflags."""
        if self._registers is None:
            self._registers = self.stub.registers()
        return self._registers

    @property
    def pc(self) -> int:
        """The instruction that is next."""
        return self.registers["rip"]

    @property
    def sp(self) -> int:
        """The stack pointer."""
        return self.registers["rsp"]

    def write_register(self, name: str, value: int) -> None:
        """Give a general register, or rip, another value."""
        self.stub.write_register(name, value)
        self.forget()

    def forget(self) -> None:
        """The guest may have moved: ask again."""
        self._registers = None
        self.moves += 1

    def word(self, address: int) -> int | None:
        """Return eight bytes of virtual memory, None where nothing is mapped."""
        try:
            return int.from_bytes(self.stub.read(address, 8), "little")
        except (StubRefused, ValueError):
            return None

    def code(self, size_bytes: int) -> bytes:
        """Return the next bytes of code, b"" where nothing is mapped."""
        try:
            return self.stub.read(self.pc, size_bytes)
        except (StubRefused, ValueError):
            return b""

    def thread(self) -> tuple[int, str]:
        """Return number and name of the thread that runs; (0, "") before there are any."""
        return running_thread(self._guest, self.sp)

    def thread_number(self) -> int:
        """Return the number of the thread that runs, 0 before there are any."""
        return self.thread()[0]

    # Points

    def code_point(self, address: int) -> Point:
        """Return the point that stops at an instruction."""
        return Point(self._code_kind, address)

    @staticmethod
    def watch_point(kind: str, address: int, size_bytes: int) -> Point:
        """Return the point that stops when memory is touched."""
        return Point(_WATCH[kind], address, size_bytes)

    def insert(self, wanted: Iterable[Point]) -> None:
        """Have exactly these points inserted.

        Raises GuestError if the processor has no room for them.
        """
        points = set(wanted)
        if self._code_kind == HARDWARE and len(points) > HARDWARE_POINTS:
            points = {point for point in points if point.address not in self.dispensable}
        for point in self._inserted - points:
            with suppress(StubRefused):
                self.stub.remove(point.kind, point.address, point.size_bytes)
            self._inserted.discard(point)
        for point in sorted(points - self._inserted, key=lambda one: (one.kind, one.address)):
            try:
                self.stub.insert(point.kind, point.address, point.size_bytes)
            except StubRefused as error:
                raise self._no_room(point) from error
            self._inserted.add(point)

    def _no_room(self, point: Point) -> GuestError:
        if self._guest.accel == "kvm":
            return GuestError("KVM has no room for another breakpoint or watchpoint: the "
                              f"processor has {HARDWARE_POINTS} debug registers",
                              next_step='remove or disable others, or boot with accel="tcg", '
                                        "which has no such limit")
        return GuestError(f"QEMU does not take a breakpoint at {point.address:#x}",
                          next_step="give another address")

    # Motion

    def step(self) -> StopReply:
        """Execute one instruction, whatever is inserted at it.

        TCG steps over a breakpoint by itself since QEMU 6.2 (accel/tcg/cpu-exec.c,
        check_for_breakpoints); taking it out and in again costs more than all the rest.
        """
        pc = self.pc
        if self._guest.accel == "tcg":
            self.forget()
            reply = self.stub.step()
            self.forget()
            if reply.watch or self.pc != pc:
                return reply
        here = [point for point in self._inserted
                if point.kind in (SOFTWARE, HARDWARE) and point.address == pc]
        for point in here:
            self.stub.remove(point.kind, point.address, point.size_bytes)
        self.forget()
        reply = self.stub.step()
        for point in here:
            self.stub.insert(point.kind, point.address, point.size_bytes)
        return reply

    def run(self, points: Iterable[Point]) -> StopReply:
        """Let the guest go until it reaches one of the points or is interrupted.

        A point where it stands now is passed; a neighbour it reaches by that counts.
        """
        wanted = set(points)
        self.insert(wanted)
        code = {point.address for point in wanted if point.kind in (SOFTWARE, HARDWARE)}
        if self.pc in code:
            reply = self.step()
            if reply.watch or self.pc in code:
                return reply
        self.forget()
        with self._going_or_not:
            if self._is_wanted:
                return StopReply(SIGNAL_INTERRUPT)
            self._is_going = True
            self.stub.go()
            self.stood_ns += time.monotonic_ns() - (self._stands_since_ns or time.monotonic_ns())
        try:
            stopped = self.stub.wait_stop()
        finally:
            self._is_going = False
            self._stands_since_ns = time.monotonic_ns()
            self.forget()
        assert stopped is not None
        return stopped

    # Interruption

    def interrupt(self) -> None:
        """Have the motion that goes on end; called from another thread.

        The stub hears an interruption only while the guest runs, and between two stops that
        nobody is told of it does not.
        """
        with self._going_or_not:
            self._is_wanted = True
            if self._is_going:
                self.stub.interrupt()

    @property
    def is_interrupted(self) -> bool:
        """Whether the motion that goes on is to end."""
        return self._is_wanted

    def begin(self) -> None:
        """A motion begins: what was wanted of the last one is done with."""
        self._is_wanted = False
        self.stood_ns = self._stands_since_ns = 0
