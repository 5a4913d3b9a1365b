"""What a Rumprun guest's console tells: how far it has come, its programs, its end.

The console is read once, piece by piece, as it grows.  Whatever a program prints may look like
one of the system's lines, so an end is one only if nothing follows it, and the lab also asks
the processor.
Source: lib/librumprun_base/{rumprun,config,main,syscall_misc}.c, lib/libbmk_core/pgalloc.c and
platform/hw/{kernel.c,arch/amd64/machdep.c} of github.com/rumpkernel/rumprun.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kernel_magics.boot.rumprun.ends import DOING, RumprunEnd
from kernel_magics.boot.rumprun.programs import ABORTED, ProgramList, ProgramRecord
from kernel_magics.boot.rumprun.shortage import MemoryShortage

__all__ = ["STAGES", "RumprunStory", "Reader", "story_of"]

STAGES = ("runtime", "kernel", "config", "main", "exit")
"""The phases of a guest that its console shows the beginning of, in order."""

PIECE_BYTES = 1 << 20
LINE_BYTES = 4096         # a longer line is none of the system's
MOST_SAID = 8             # complaints kept from before main
Reader = Callable[[int, int], tuple[int, bytes]]

# Each of the marks has one of these in it: a search for words takes a fiftieth of the time.
_WORDS = (b"rump kernel ", b"Copyright (c) 1996, ", b"mounted tmpfs ", b"=== ", b"rumprun: ",
          b"assertion ", b"_lwpabort", b"FATAL TRAP: ", b"PANIC: ", b"panic: ",
          b"page request order ", b"pagedaemoness: ", b"halted\n")
_MARKS = re.compile(
    rb'^(?P<runtime>rump kernel bare metal bootstrap)$'
    rb'|^(?P<kernel>Copyright \(c\) 1996, 1997, )'
    rb'|^(?P<config>mounted tmpfs on /tmp)$'
    rb'|^=== calling "(?P<called>.*)" main\(\) ===$'
    rb'|^=== main\(\) of "(?P<returned>.*)" returned (?P<status>-?\d{1,10}) ===$'
    rb'|^=== (?:ERROR: )?_exit\((?P<exited>-?\d{1,10})\) called ===$'
    rb'|^(?P<assertion>assertion "[^\n]*" failed: file "[^\n]*)$'
    rb'|^(?P<aborts>_lwpabort\(\) called)$'
    rb'|^(?P<failed>=== bootstrap failed)$'
    rb'|^rumprun: (?P<said>.+)$'
    rb'|FATAL TRAP: (?P<trap>[^\n]+) at (?P<place>0x[0-9a-f]{1,16}|\(nil\)) '
    rb'\((?P<address>0x[0-9a-f]{1,16})\)$'
    rb'|PANIC: (?P<halts>[^\n]+)$'
    rb'|panic: (?P<panic>[^\n]+)$'
    rb'|cannot handle page request order (?P<order>\d{1,2})/'
    rb'|^rump kernel warning: (?P<low>low on physical memory)'
    rb'|(?P<stuck>pagedaemoness: failed to reclaim memory)'
    rb'|(?P<halting>rump kernel halting\.\.\.)$'
    rb'|^(?P<halted>halted)$', re.MULTILINE)


@dataclass(slots=True)
class _End:
    """A crash or a halt that was read, and where in the stream it ended."""

    end: RumprunEnd
    at_bytes: int


class RumprunStory:
    """Reads one guest's console.

    `read(position, most_bytes)` returns output and where it begins, as Console.since does;
    `memory_mib` is the guest's RAM, `asked` the names of the programs it was told to start.
    `stages` says of each phase when its beginning was last looked for in vain, and first
    seen, both in ns of the host; one that was read in a piece with others has no "before".
    """

    def __init__(self, read: Reader, memory_mib: int, asked: tuple[str, ...] = ()) -> None:
        self._read, self._asked = read, asked
        self._lock = threading.Lock()
        self._at = 0
        self._rest = b""
        self._looked_ns: int | None = None
        self._programs: list[ProgramRecord] = []
        self._said: list[str] = []
        self._panic = self._halts = self._assertion = ""
        self._last_status: int | None = None
        self._halting = self._failed = self._aborts = False
        self._end: _End | None = None
        self.stages: dict[str, tuple[int | None, int]] = {}
        self.shortage = MemoryShortage(memory_mib)

    def look(self) -> RumprunEnd | None:
        """Read what has come since the last look; return the guest's end, None if it goes on."""
        with self._lock:
            before_ns, looked_ns = self._looked_ns, time.monotonic_ns()
            while True:
                start, data = self._read(self._at, PIECE_BYTES)
                if not data:
                    break
                self._take(data, start, before_ns)
                self._at = start + len(data)
            self._looked_ns = looked_ns
            found = self._end
            # After an end nothing is said: what looked like one was a program's text.
            return found.end if found and found.at_bytes == self._at else None

    @property
    def stage(self) -> str:
        """The phase it has come to, "" before the first."""
        return next((name for name in reversed(STAGES) if name in self.stages), "")

    @property
    def programs(self) -> ProgramList:
        """The programs it was told to start, and how each of them has fared."""
        with self._lock:
            return ProgramList.of(self._programs, self._asked)

    def _take(self, data: bytes, start: int, before_ns: int | None) -> None:
        """Read a piece of the stream that begins at byte `start`."""
        if start != self._at:  # what was between is lost
            self._rest = b""
        text = (self._rest + data).replace(b"\r", b"")
        cut = text.rfind(b"\n") + 1
        self._rest = text[cut:] if len(text) - cut <= LINE_BYTES else b"\0"  # no line's start
        seen_ns = time.monotonic_ns()
        last = None
        for begin, end in _lines_with(text, _WORDS, cut):
            for last in _MARKS.finditer(text, begin, end):
                self._note(last, before_ns, seen_ns)
        at_end = last is not None and not text[last.end():].strip(b"\n")
        if self._end and self._end.at_bytes == -1:
            self._end.at_bytes = start + len(data) if at_end else 0

    def _note(self, mark: re.Match[bytes], before_ns: int | None, seen_ns: int) -> None:
        kind = mark.lastgroup or ""
        found = {name: value.decode(errors="replace")
                 for name, value in mark.groupdict().items() if value is not None}
        if kind in _NOTED:
            _NOTED[kind](self, found)
        stage = _STAGE_OF.get(kind, "")
        # Only the first text that looks like the beginning of a phase, and in order.
        if stage and (not self.stage or STAGES.index(stage) > STAGES.index(self.stage)):
            self.stages[stage] = (before_ns, seen_ns)

    def _called(self, found: dict[str, str]) -> None:
        ProgramRecord.start(self._programs, found["called"])

    def _returned(self, found: dict[str, str]) -> None:
        self._last_status = int(found["status"]) & 0xFF
        ProgramRecord.note_return(self._programs, found["returned"], self._last_status)

    def _exited(self, found: dict[str, str]) -> None:
        self._last_status = int(found["exited"]) & 0xFF
        ProgramRecord.note_exit(self._programs, self._last_status,
                                self._assertion or ABORTED if self._aborts else "")
        self._aborts, self._assertion = False, ""

    def _complained(self, found: dict[str, str]) -> None:
        if "main" not in self.stages and len(self._said) < MOST_SAID:
            self._said.append(found["said"])

    def _trapped(self, found: dict[str, str]) -> None:
        place, address = found["place"].replace("(nil)", "0x0"), found["address"]
        # (the processor keeps the address of the last page fault, of whichever trap it is)
        accessed = f", address {address}" if found["trap"] == "page fault" else ""
        self._ended(RumprunEnd(None, f"{found['trap']} at {place}{accessed}{self._where()}",
                               "trap", int(place, 16), int(address, 16)))

    def _halted(self, _: dict[str, str]) -> None:
        if self._halts or (self._panic and self._halting):
            told = self._panic if self._halts in ("", "rumpuser panic") else self._halts
            self._ended(RumprunEnd(None, (told or self._halts) + self._where(), "panic"))
        elif self._halting and self._failed:
            why = self._said[-1] if self._said else "its configuration was refused"
            self._ended(RumprunEnd(None, why, "refused"))
        elif self._halting:
            ProgramRecord.settle(self._programs)
            status = ProgramList.of(self._programs, self._asked).status
            status = self._last_status if status is None else status
            why = "" if status is not None else "it halted and no program had ended"
            self._ended(RumprunEnd(status, why, "exit" if status is not None else "halt"))

    def _ended(self, end: RumprunEnd) -> None:
        self._end = _End(end, -1)

    def _where(self) -> str:
        doing = DOING.get(self.stage, "")
        return f", {doing}" if doing else ""

    def _set(self, **facts: object) -> None:
        for name, value in facts.items():
            setattr(self, f"_{name}", value)


def _lines_with(text: bytes, words: Sequence[bytes], cut: int) -> list[tuple[int, int]]:
    """Return where lines begin and end, in order, that have one of some words, before `cut`."""
    found = set()
    for word in words:
        at = text.find(word, 0, cut)
        while at >= 0:
            end = text.find(b"\n", at, cut)
            found.add((text.rfind(b"\n", 0, at) + 1, end))
            at = text.find(word, end + 1, cut)
    return sorted(found)


def story_of(read: Reader, spec: Mapping[str, object]) -> RumprunStory:
    """Return the story of a guest that was booted as `spec` (a dict of BootSpec's fields) says."""
    rc = spec.get("rc")
    asked = [one.get("argv") for one in rc if isinstance(one, dict)] if isinstance(rc, list) else []
    return RumprunStory(read, int(str(spec.get("memory_mib", 0))),
                        tuple(str(argv[0]) for argv in asked if isinstance(argv, list) and argv))


_STAGE_OF = {"runtime": "runtime", "kernel": "kernel", "config": "config", "called": "main",
             "halting": "exit", "address": "exit"}
_NOTED: dict[str, Callable[[RumprunStory, dict[str, str]], None]] = {
    "called": RumprunStory._called, "status": RumprunStory._returned,
    "exited": RumprunStory._exited, "said": RumprunStory._complained,
    "address": RumprunStory._trapped, "halted": RumprunStory._halted,
    "halts": lambda story, found: story._set(halts=found["halts"]),
    "panic": lambda story, found: story._set(panic=found["panic"]),
    "failed": lambda story, _: story._set(failed=True),
    "aborts": lambda story, _: story._set(aborts=True),
    "assertion": lambda story, found: story._set(assertion=found["assertion"]),
    "halting": lambda story, _: story._set(halting=True),
    "order": lambda story, found: story.shortage.note(int(found["order"])),
    "stuck": lambda story, _: story.shortage.note_stuck(),
    "low": lambda story, _: story.shortage.note_low(),
}
