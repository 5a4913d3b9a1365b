"""What a panic report holds beside the reason: code, registers in words, threads, events.

All of it is plain data, so that it can be saved and read without the guest and its image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernel_magics.errors import LabError
from kernel_magics.inspect.images.source_text import SourceText
from kernel_magics.inspect.panics.explanations import describe_address
from kernel_magics.inspect.panics.frame import plain_frame
from kernel_magics.inspect.panics.operands import decode_operation
from kernel_magics.inspect.panics.regions import GuestRegions
from kernel_magics.inspect.stacks.backtrace import Frame

if TYPE_CHECKING:
    from kernel_magics.build.image import GuestImage
    from kernel_magics.inspect.stacks.stack import StackFrame

__all__ = ["NO_VECTOR", "PanicDetails", "gather_details"]

KEPT_EVENTS, KEPT_THREADS, KEPT_FRAMES = 500, 1024, 48
KEPT_CONSOLE_LINES, KEPT_EXCERPTS = 40, 64
CODE_LINES_AROUND = 8
KEPT_VARIABLE_FRAMES, KEPT_VARIABLES, LONGEST_VALUE = 16, 64, 200
_LONGEST_TEXT = 32
# No exception: the registers are those of a caller of the panic, or of a system call.
NO_VECTOR = 2**64 - 1

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class PanicDetails:
    """The rest of a panic report.

    `instruction` is the one that failed, with its operands' values; `code` the lines of the
    disassembly around it; `register_notes` what each register points to, by name;
    `excerpts` source lines around each frame, by "file:line"; `threads` and `events` rows by
    column, `events` the last before the panic (times in nanoseconds); `console` the end of
    the output; `variables` of the innermost frames, a mapping of name → value as text for each;
    `facts` about guest and image; `missing` sentences on what could not be read.
    """

    instruction: str = ""
    code: tuple[str, ...] = ()
    register_notes: dict[str, str] = field(default_factory=dict)
    excerpts: dict[str, str] = field(default_factory=dict)
    threads: tuple[dict[str, Any], ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    console: str = ""
    variables: tuple[dict[str, str], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def gather_details(image: GuestImage, registers: Mapping[str, int], frames: Sequence[Frame], *,
                   vector: int = NO_VECTOR, read: Read | None = None, guest: Any = None,
                   walked: Sequence[StackFrame] = (),
                   regions: GuestRegions | None = None) -> PanicDetails:
    """Return the details of a panic.

    `registers` and `frames` are the report's, `vector` the exception's (NO_VECTOR: none, then
    the registers are not those of a failed instruction); `read(address, size_bytes)` reads
    the guest's virtual memory, and `guest` is the boot.Guest or Dump; None if there is none.
    `walked` are the frames as they lie in its memory, `regions` its memory map.
    """
    regions = regions or GuestRegions(guest)
    missing: list[str] = []

    def about(part: str, make: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return make()
        except (LabError, LookupError, ValueError) as error:
            missing.append(f"{part}: {getattr(error, 'message', error)}")
            return otherwise

    known = any(registers.values())
    failed = known and vector != NO_VECTOR
    place = registers.get("rip", 0)
    return PanicDetails(
        instruction=about("instruction", lambda: _instruction(image, registers, read, regions), "")
        if failed else "",
        code=about("code", lambda: _code(image, place), ()) if failed else (),
        register_notes=about("registers", lambda: _notes(image, registers, read, regions), {})
        if known else {},
        excerpts=about("sources", lambda: _excerpts(image, frames), {}),
        threads=about("threads", lambda: _threads(guest), ()) if guest else (),
        events=about("events", lambda: _events(guest), ()) if guest else (),
        console=about("console", lambda: _console(guest), "") if guest else "",
        variables=about("variables", lambda: _variables(walked), ()),
        facts=_facts(image, guest), missing=tuple(missing))


def _instruction(image: GuestImage, registers: Mapping[str, int], read: Read | None,
                 regions: GuestRegions) -> str:
    place = registers["rip"]
    data = image.code.read(place, 16)
    if not data and read is not None:
        try:
            data = read(place, 16)
        except LabError:
            return ""  # a jump to nowhere: there is no instruction
    operation = decode_operation(data, place, registers)
    if operation is None:
        return ""
    return operation.told(lambda value: _about(value, image, registers, None, regions))


def _code(image: GuestImage, place: int) -> tuple[str, ...]:
    if not image.code.read(place, 1):
        return ()
    lines = image.code(place).text().splitlines()[1:]
    at = next((row for row, line in enumerate(lines) if line.startswith("→")), 0)
    return tuple(lines[max(0, at - CODE_LINES_AROUND):at + CODE_LINES_AROUND + 1])


def _notes(image: GuestImage, registers: Mapping[str, int], read: Read | None,
           regions: GuestRegions) -> dict[str, str]:
    notes = {name: _about(value, image, registers, read, regions)
             for name, value in registers.items() if name not in ("rflags", "rsp")}
    return {name: note for name, note in notes.items() if note not in ("", "null")}


def _about(value: int, image: GuestImage, registers: Mapping[str, int], read: Read | None,
           regions: GuestRegions) -> str:
    """Say what a register's value points to; "" for what is a plain number."""
    if value < 1 << 16:
        return "null" if value == 0 else ""
    words = describe_address(value, dict(registers), image)
    if words.startswith(("in ", "an address")) or "stack pointer" in words:
        return words
    return ", ".join(part for part in (regions.told(value), _text_at(value, read)) if part)


def _text_at(address: int, read: Read | None) -> str:
    try:
        data = read(address, _LONGEST_TEXT) if read else b""
    except LabError:
        return ""
    text, end, _ = data.partition(b"\0")
    if len(text) >= 4 and text.isascii() and text.decode().isprintable():
        return f'"{text.decode()}{"" if end else "…"}"'
    return ""


def _excerpts(image: GuestImage, frames: Sequence[Frame]) -> dict[str, str]:
    source = SourceText(image)
    found: dict[str, str] = {}
    for frame in frames:
        if frame.line and frame.place not in found and len(found) < KEPT_EXCERPTS:
            found[frame.place] = source.excerpt(frame.file, frame.line)
    return {place: text for place, text in found.items() if text}


def _console(guest: Any) -> str:
    console = getattr(guest, "console", None)  # a dump has none
    return str(console.tail(KEPT_CONSOLE_LINES)) if console is not None else ""


def _variables(walked: Sequence[StackFrame]) -> tuple[dict[str, str], ...]:
    return tuple({name: _shortened(repr(value)) for name, value in
                  list(frame.locals.items())[:KEPT_VARIABLES]}
                 for frame in walked[:KEPT_VARIABLE_FRAMES])


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _threads(guest: Any) -> tuple[dict[str, Any], ...]:
    threads = guest.threads.read()
    rows = threads.df.reset_index().to_dict("records")
    return tuple(_plain({**row, "stack": [plain_frame(frame).named for frame in one.stack]})
                 for row, one in list(zip(rows, threads, strict=True))[:KEPT_THREADS])


def _events(guest: Any) -> tuple[dict[str, Any], ...]:
    if guest.record.header_address is None:  # no lab header: there is no ring
        return ()
    header = guest.header
    if not header.ring_address or not header.ring_write_index:
        return ()
    trace = getattr(guest, "trace", None)
    if trace is None:
        raise LookupError("the trace of a dump is not read")
    recording = trace.recording
    table, decoder = recording.df.tail(KEPT_EVENTS), recording.decoder
    rows = []
    for values, row in zip(table.to_dict("records"), table.itertuples(), strict=True):
        told = ", ".join(f"{name}={text}" if name else text
                         for name, text in decoder.arguments(row))
        rows.append(_plain({**values, "arguments": told, "text": decoder.text(row)}))
    return tuple(rows)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a table's row with values that any file format has."""
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list | tuple):
        return [_value(one) for one in value[:KEPT_FRAMES]]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return None if value != value else value
    text = str(value)
    return None if text in ("<NA>", "nan", "NaT") else text


def _facts(image: GuestImage, guest: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"image": image.name, "kit": image.kit,
                             "content_hash": image.content_hash, "size_bytes": image.size_bytes,
                             "reported": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if guest is not None:
        spec = dict(getattr(guest, "spec", None) or {})
        facts |= {name: _value(spec[name]) for name in ("memory_mib", "machine", "argv")
                  if spec.get(name) is not None}
        for name in ("accel", "driver", "uuid"):
            facts[name] = str(getattr(guest, name, ""))
    return {name: value for name, value in facts.items() if value not in ("", [])}
