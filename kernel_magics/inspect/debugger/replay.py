"""The position in a recording that is replayed: asked for, and gone to.

Source: QEMU qapi/replay.json (query-replay, replay-seek, replay-break) and, for what its threads
wait for, accel/tcg/tcg-accel-ops-rr.c and replay/replay-internal.c.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kernel_magics.boot.hypervisor.qmp import QmpError, patient_command
from kernel_magics.errors import GuestError
from kernel_magics.inspect.debugger.packets import StopReply
from kernel_magics.inspect.debugger.processor import Point, Processor
from kernel_magics.inspect.debugger.stub import StubRefused

__all__ = ["Replay"]

SIGNAL_TRAP = 5
SEEK_S = 600.0
PATIENCE_S = 60.0  # going back loads a snapshot of all RAM first


class Replay:
    """Moves a replayed guest to any of its instructions, which are counted from 0."""

    def __init__(self, processor: Processor, guest: Any) -> None:
        self._processor = processor
        self._guest = guest

    @property
    def position(self) -> int:
        """How many instructions were executed before this one."""
        return int(self._ask("query-replay")["icount"])

    def seek(self, position: int) -> None:
        """Go to a position, forward or back; breakpoints on the way are passed.

        Raises GuestError if the recording ends before it.
        """
        self._processor.insert(())
        if position == self.position:
            return
        self._await_idle_processor()
        self._ask("replay-seek", icount=position)
        if self._processor.stub.wait_stop(SEEK_S) is None:
            raise StubRefused(f"no instruction {position} within {SEEK_S:g} s")
        self._processor.forget()

    def _await_idle_processor(self) -> None:
        """Wait until the thread of QEMU's processor sleeps and has nothing to catch up with.

        QEMU 7.2 holds its replay lock while it loads a snapshot, and has that thread reset the
        processor.  A thread that was woken a moment ago, because a breakpoint was taken out,
        waits for the same lock first, and then both wait for ever.  A question to the monitor
        lets go of the lock; a thread that did not move during one is not waiting for it.
        """
        thread = self._ask("query-cpus-fast")[0]["thread-id"]
        status = Path(f"/proc/{self._guest.pid}/task/{thread}/status")
        deadline = time.monotonic() + PATIENCE_S
        before = None
        while time.monotonic() < deadline:
            now = _switches_while_asleep(status)
            if now and now == before:
                return
            before = now
            self._ask("query-replay")

    def run(self, points: Iterable[Point], limit: int) -> StopReply | None:
        """Go forward until one of the points; None once `limit` is reached."""
        self._ask("replay-break", icount=limit)
        try:
            reply = self._processor.run(points)
        finally:
            self._ask("replay-delete-break")
        return reply if reply.signal == SIGNAL_TRAP and self.position < limit else None

    def _ask(self, name: str, **arguments: object) -> Any:
        try:
            return patient_command(self._guest.host_files.qmp_socket, name, PATIENCE_S, arguments)
        except QmpError as error:
            if name == "replay-delete-break":  # it was reached, and is gone
                return None
            raise GuestError(f"QEMU does not take the command {name!r}: {error}",
                             next_step="the recording may end before that") from error


def _switches_while_asleep(status: Path) -> str | None:
    """Return how often a thread was switched to, None if it runs or is about to; proc(5)."""
    try:
        lines = status.read_text().splitlines()
    except OSError:  # it has ended: the next question says so
        return None
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    if not facts["State"].strip().startswith("S"):
        return None
    return facts["voluntary_ctxt_switches"] + facts["nonvoluntary_ctxt_switches"]
