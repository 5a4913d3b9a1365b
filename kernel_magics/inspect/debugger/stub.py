"""A conversation with QEMU's gdb stub over its socket: one command, one answer.

Source: GDB manual, appendix "Remote Serial Protocol"; QEMU gdbstub.c.
"""

import select
import socket
import threading
import time
from pathlib import Path

from kernel_magics.boot.process import poll_in_steps
from kernel_magics.inspect.debugger.packets import (
    ACKNOWLEDGEMENT,
    INTERRUPT,
    PacketReader,
    StopReply,
    frame,
    parse_stop,
)

__all__ = ["Stub", "StubGone", "StubRefused", "GENERAL_REGISTERS"]

ANSWER_S = 10.0
_RECEIVED_BYTES = 64 << 10

GENERAL_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10",
                     "r11", "r12", "r13", "r14", "r15", "rip")
"""The first of the stub's registers, 8 bytes each (QEMU gdb-xml/i386-64bit.xml)."""


class StubGone(Exception):
    """The connection has ended: QEMU is gone, or another debugger has taken the guest."""


class StubRefused(Exception):
    """The stub answers a command with an error, or not at all."""


class Stub:
    """One connection to a stub; connecting stops the guest.

    Commands are for a stopped guest; while it runs, only `wait_stop` and `interrupt`, which
    may be called from another thread.  Every method raises StubGone once the connection is
    lost, and StubRefused if the stub does not do as it is told.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._reader = PacketReader()
        self._packets: list[bytes] = []
        self._talking = threading.RLock()
        self._acknowledgement = b""
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise StubGone(str(error)) from error
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self.features = self.ask("qSupported:swbreak+;hwbreak+").split(";")
        self.ask("?")  # (it also removes what an earlier debugger left)

    @property
    def can_reverse(self) -> bool:
        """Whether it can go back: it replays a recording."""
        return "ReverseStep+" in self.features

    def close(self) -> None:
        """End the connection without a word; the guest stays as it is."""
        self._socket.close()

    def detach(self) -> None:
        """Take out all breakpoints, let the guest go on, and end the connection."""
        try:
            self.ask("D")
        finally:
            self.close()

    # Commands

    def ask(self, command: str, timeout_s: float = ANSWER_S) -> str:
        """Send a command and return the answer."""
        with self._talking:
            self._send(frame(command.encode()))
            answer = self._receive(timeout_s)
            while answer and command != "?" and answer[:1] in b"ST":
                answer = self._receive(timeout_s)  # connecting stopped it, which is told too
            if answer is None:
                raise StubRefused(f"no answer to {command!r} for {timeout_s:g} s")
        text = answer.decode("latin-1")
        if len(text) == 3 and text[0] == "E":
            raise StubRefused(f"{command!r} is answered with error {text[1:]}")
        return text

    def registers(self) -> dict[str, int]:
        """Return the general registers, rip and rflags."""
        data = bytes.fromhex(self.ask("g")[:2 * (8 * len(GENERAL_REGISTERS) + 4)])
        values = {name: int.from_bytes(data[8 * at:8 * at + 8], "little")
                  for at, name in enumerate(GENERAL_REGISTERS)}
        values["rflags"] = int.from_bytes(data[-4:], "little")
        return values

    def write_register(self, name: str, value: int) -> None:
        """Give a general register, or rip, another value."""
        number = GENERAL_REGISTERS.index(name)
        # QEMU takes single registers only from a debugger that has read what there are.
        self.ask("qXfer:features:read:target.xml:0,ff")
        self._do(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return memory at a virtual address, as the processor sees it."""
        return bytes.fromhex(self.ask(f"m{address:x},{size_bytes:x}"))

    def write(self, address: int, data: bytes) -> None:
        """Write memory at a virtual address; code that was translated is translated again."""
        self._do(f"M{address:x},{len(data):x}:{data.hex()}")

    def insert(self, kind: int, address: int, size_bytes: int) -> None:
        """Insert a breakpoint: `kind` 0 software, 1 hardware, 2 to 4 write, read, access."""
        self._do(f"Z{kind},{address:x},{size_bytes:x}")

    def remove(self, kind: int, address: int, size_bytes: int) -> None:
        """Remove a breakpoint."""
        self._do(f"z{kind},{address:x},{size_bytes:x}")

    def _do(self, command: str) -> None:
        if (said := self.ask(command)) != "OK":
            raise StubRefused(f"{command!r} is answered with {said!r}")

    # Motion

    def step(self) -> StopReply:
        """Execute one instruction."""
        with self._talking:
            self.go("s")
            found = self.wait_stop(ANSWER_S)
        if found is None:
            raise StubRefused("one instruction takes longer than "
                              f"{ANSWER_S:g} s")
        return found

    def go(self, command: str = "c") -> None:
        """Set the guest going; `wait_stop` tells when it stops."""
        self._send(frame(command.encode()))

    def interrupt(self) -> None:
        """Stop a running guest; `wait_stop` tells when it has."""
        self._send_all(INTERRUPT)

    def wait_stop(self, timeout_s: float | None = None) -> StopReply | None:
        """Wait until the guest stops; None after `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            packet = self._receive(left)
            if packet is None:
                return None
            if packet[:1] in (b"W", b"X"):
                raise StubGone("the guest has ended")
            if found := parse_stop(packet):
                return found

    def _send(self, packet: bytes) -> None:
        """Send a packet, and with it that the last one has come: QEMU waits for neither."""
        acknowledgement, self._acknowledgement = self._acknowledgement, b""
        self._send_all(acknowledgement + packet)

    def _send_all(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise StubGone(str(error)) from error

    def _receive(self, timeout_s: float | None) -> bytes | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._packets:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                if not poll_in_steps(self._poll, left):
                    return None
                data = self._socket.recv(_RECEIVED_BYTES)
                if not data:
                    raise StubGone("QEMU has ended the connection")
                packets = list(self._reader.feed(data))
                if packets:
                    self._acknowledgement = ACKNOWLEDGEMENT
            except (OSError, ValueError) as error:
                raise StubGone(str(error)) from error
            self._packets += packets
        return self._packets.pop(0)
