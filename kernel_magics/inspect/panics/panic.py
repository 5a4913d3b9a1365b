"""A guest's panic record as a report: what happened, where, and what that means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import sizeof
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from kernel_magics.boot.abi import PANIC_MAGIC, REGISTERS, Panic, PanicKind, State
from kernel_magics.errors import GuestError, LabError
from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.inspect.images.source_text import SourceText
from kernel_magics.inspect.memory.mapping import kit_of
from kernel_magics.inspect.memory.ram import PAGE_BYTES, GuestRam
from kernel_magics.inspect.panics.alignment import explain_misalignment
from kernel_magics.inspect.panics.causes import cause_of
from kernel_magics.inspect.panics.details import NO_VECTOR, PanicDetails, gather_details
from kernel_magics.inspect.panics.explanations import (
    GENERAL_PROTECTION,
    UNKNOWN_PLACE,
    describe_fault,
    explain,
    title,
)
from kernel_magics.inspect.panics.frame import PanicFrame, plain_frame
from kernel_magics.inspect.panics.regions import GuestRegions
from kernel_magics.inspect.stacks.backtrace import frames_text, symbolise
from kernel_magics.inspect.stacks.code_objects import CodeObject, CodeObjects
from kernel_magics.inspect.stacks.stack import StackFrame, walk_stack
from kernel_magics.inspect.stacks.unwind import Unwinder

if TYPE_CHECKING:
    import pandas as pd

    from kernel_magics.build.image import GuestImage

__all__ = ["PanicReport", "decode_panic", "make_report", "read_panic"]

TEXT_COLUMNS = 92
# Kits whose guests leave no panic record: a module with a read_panic of its own.
_OTHERS = {"rumprun": "kernel_magics.inspect.rumprun.panics"}
RUNTIME_LAYERS = frozenset(layer.name for layer in LAYERS) - {"app", "libc", "host"}
_REGISTERS_A_LINE = 4


@dataclass(frozen=True)
class PanicReport:
    """Why a guest stopped.

    `kind` is the name of a PanicKind in lower case; `reason` the guest's own sentence;
    `explanation` what it means, in plain words; `frames` the stack, innermost first;
    `registers` by name; `fault_address` the address of a page fault, `fault_place` what
    is there.  `culprit` is the innermost frame in the program itself, if there is one.
    `details` has the failed instruction, the code around it, what each register points to,
    the threads, the last events and the console's end.
    """

    name: str
    kind: str
    title: str
    reason: str
    explanation: str
    thread: int
    thread_name: str
    signal: int
    in_kernel: bool
    fault_address: int
    fault_place: str
    registers: dict[str, int]
    frames: tuple[PanicFrame, ...]
    excerpt: str
    gather: Callable[[], PanicDetails] = field(default=PanicDetails, repr=False, compare=False)

    @cached_property
    def details(self) -> PanicDetails:
        """The rest of the report, read when it is first asked for."""
        return self.gather()

    @property
    def threads(self) -> pd.DataFrame:
        """A row per thread of the guest, as `guest.threads.df` had it."""
        import pandas as pd

        return pd.DataFrame(list(self.details.threads))

    @property
    def events(self) -> pd.DataFrame:
        """The last trace events before the panic, empty if none were recorded."""
        import pandas as pd

        return pd.DataFrame(list(self.details.events))

    @property
    def df(self) -> pd.DataFrame:
        """A row per frame, innermost first: function, offset, layer, file, line, address,
        is_inlined."""
        import pandas as pd

        columns = ["function", "offset", "layer", "file", "line", "address", "is_inlined"]
        return pd.DataFrame([asdict(frame) for frame in self.frames], columns=columns)

    def save(self, path: Path | str) -> Path:
        """Write the whole report to a file that `lab.open_report` opens, without the guest and
        its image; return its path.  Raises UsageError if it cannot be written there."""
        from kernel_magics.inspect.panics.report_file import save_report

        return save_report(self, Path(path))

    @property
    def culprit(self) -> PanicFrame | None:
        """The innermost frame of the application, or None."""
        return _culprit(self.frames)

    def text(self) -> str:
        """Return the whole report."""
        head = f"{self.name} panicked: {self.title}{self._where()}"
        thread = f"thread {self.thread}" + (f" ({self.thread_name})" if self.thread_name else "")
        detail = f"{thread}: {self.reason}" + (f" ({self.fault_place})" if self.fault_place else "")
        parts = [f"{head}\n{detail}", self.excerpt, frames_text(self.frames),
                 fill(self.explanation, TEXT_COLUMNS),
                 _registers_text(self.registers) if any(self.registers.values()) else ""]
        return "\n\n".join(part for part in parts if part)

    def full_text(self) -> str:
        """Return the report with its details: instruction, code, registers, threads, events."""
        from kernel_magics.inspect.panics.report_text import details_text

        return f"{self.text()}\n\n{details_text(self.details)}".rstrip()

    def _where(self) -> str:
        innermost = next((frame for frame in self.frames if frame.function), None)
        if innermost and innermost.layer in RUNTIME_LAYERS:
            called = f", called from {self.culprit.named}" if self.culprit else ""
            return f" in {innermost.named}{called}"
        culprit = self.culprit
        where = culprit if culprit and (culprit.function or not innermost) else innermost
        return f" in {where.named}" if where else ""

    def __repr__(self) -> str:
        return self.text()


def read_panic(guest: Any) -> PanicReport | None:
    """Return the report of a guest that panicked, None of one that did not.

    `guest` is a boot.Guest or a dump; its RAM may be read after QEMU is gone.
    Raises GuestError if the record is damaged.
    """
    other = _OTHERS.get(kit_of(guest))
    if other is not None:
        found: PanicReport | None = import_module(other).read_panic(guest)
        return found
    header = guest.header
    if header.state != State.PANICKED:
        return None
    record = decode_panic(guest.ram.read(header.panic_address, sizeof(Panic)))
    ram = GuestRam(guest.ram.read, header.page_table_address)
    return make_report(record, guest.image, name=guest.name, read=ram.read_virtual, guest=guest,
                       ram_bytes=header.ram_bytes, free_pages=header.free_pages)


def decode_panic(data: bytes) -> Panic:
    """Return struct lab_panic from its bytes; raises GuestError if they are none."""
    if len(data) < sizeof(Panic):
        raise GuestError(f"panic record of {len(data)} bytes, expected {sizeof(Panic)}",
                         next_step="the guest's console may say more: guest.console.text")
    record = Panic.from_buffer_copy(data)
    if record.magic != PANIC_MAGIC or record.kind not in set(PanicKind):
        raise GuestError("the guest's panic record is damaged: "
                         f"magic {record.magic:#x}, kind {record.kind}",
                         next_step="the guest's console may say more: guest.console.text")
    return record


def make_report(record: Panic, image: GuestImage, *, name: str = "",
                read: Callable[[int, int], bytes] | None = None, ram_bytes: int = 0,
                free_pages: int = 0, guest: Any = None,
                known: Mapping[str, int] | None = None) -> PanicReport:
    """Return the report of a decoded record, with names and lines from the guest's image.

    `read(address, size_bytes)` reads the guest's virtual memory, for a deeper look at its
    stack; `ram_bytes` and `free_pages` are the guest's, for an out-of-memory report; `guest`
    is asked for threads, events and console when the report's details are wanted; `known` are
    the registers where the record does not have all of them.
    """
    registers = dict(known) if known is not None else \
        dict(zip(REGISTERS, record.registers, strict=True))
    symbols = image.symbols
    has_trap = any(registers.values())
    told = symbolise(_stack(record, registers, image, read if has_trap else None), symbols,
                     first_is_return=record.vector == NO_VECTOR)
    # Code that is not the image's, in a program's own files, only the guest's memory shows.
    walked = _walk(record, registers, guest) if guest is not None and has_trap else ()
    frames = tuple(map(plain_frame, walked if len(walked) >= len(told) else told))
    kind = PanicKind(record.kind)
    regions = GuestRegions(guest)
    fault_place = describe_fault(kind, record, registers, image)
    if fault_place == UNKNOWN_PLACE:
        fault_place = regions.told(record.fault_address) or fault_place
    return PanicReport(
        name=name or image.name, kind=kind.name.lower(), title=title(kind, record),
        reason=record.reason.decode("utf-8", "replace"),
        explanation=(explain_misalignment(image, registers, read) if has_trap and
                     record.vector == GENERAL_PROTECTION else "") or
        cause_of(kind, record, registers, frames, guest) or
        explain(kind, record, ram_bytes=ram_bytes, free_pages=free_pages),
        thread=record.thread, thread_name=record.thread_name.decode("utf-8", "replace"),
        signal=record.signal, in_kernel=bool(record.in_kernel),
        fault_address=record.fault_address, fault_place=fault_place, registers=registers,
        frames=frames, excerpt=_excerpt(_culprit(frames), SourceText(image)),
        gather=lambda: gather_details(image, registers, frames, vector=record.vector, read=read,
                                      guest=guest, walked=walked, regions=regions))


def _walk(record: Panic, registers: dict[str, int], guest: Any) -> tuple[StackFrame, ...]:
    """Return the stack as it lies in the guest's memory, () if it cannot be walked."""
    try:
        found = walk_stack(guest, registers, after_call=record.vector == NO_VECTOR,
                           page_table=record.cr3 & -PAGE_BYTES)
    except LabError:
        return ()
    return found.frames


def _stack(record: Panic, registers: dict[str, int], image: GuestImage,
           read: Callable[[int, int], bytes] | None) -> list[int]:
    """Return the stack the guest recorded by its frame pointers, or a longer one."""
    code = CodeObject.of_image(image)
    told = [address for depth, address in enumerate(record.frames[:record.frame_count])
            if depth == 0 or code.called(address) is not None] or \
        [registers.get("rip", 0)]
    if read is None:
        return told
    walked = Unwinder(CodeObjects([code]), read).walk(
        registers, after_call=record.vector == NO_VECTOR)
    return max(walked, told, key=len)


def _culprit(frames: tuple[PanicFrame, ...]) -> PanicFrame | None:
    own = [frame for frame in frames if frame.layer == "app"]
    lined = [frame for frame in own if frame.line]
    # What is inlined from a header of C++'s library is not what a user wrote.
    written = [frame for frame in lined if not frame.file.startswith("/usr/")]
    return next(iter(written or lined or own), None)


def _excerpt(frame: PanicFrame | None, source: SourceText) -> str:
    """Return the lines around the culprit's, with an arrow at its own."""
    return source.excerpt(frame.file, frame.line) if frame and frame.line else ""


def _registers_text(registers: dict[str, int]) -> str:
    cells = [f"{name:>7} {value:016x}" for name, value in registers.items()]
    return "\n".join("".join(cells[start:start + _REGISTERS_A_LINE])
                     for start in range(0, len(cells), _REGISTERS_A_LINE))
