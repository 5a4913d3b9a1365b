"""A panic report as HTML: what happened, where, with source, registers and what came before.

It is static: it stays readable in a stored notebook, without the guest and without a kernel.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.markup import duration_text, escape, report, table

__all__ = ["panic_html"]

_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_MOST_EVENTS, _MOST_THREADS = 40, 200
_REGISTERS_A_LINE = 4


def panic_html(panic: Any) -> str:
    """Return a PanicReport as HTML; what has no place in the first look is folded."""
    details = getattr(panic, "details", None)
    excerpts = getattr(details, "excerpts", {}) or {}
    return report(f"panic of {panic.name}", _header(panic),
                  f"<p>{escape(panic.explanation)}</p>", _instruction(details),
                  _frames(panic, excerpts), _variables(panic, details),
                  _registers(panic, details), _events(details),
                  _threads(details), _console(details), _missing(details))


def _header(panic: Any) -> str:
    thread = f"thread {panic.thread}" + (f" ({panic.thread_name})" if panic.thread_name else "")
    where = f" — {escape(panic.fault_place)}" if panic.fault_place else ""
    culprit = panic.culprit
    inside = f" in <code>{escape(culprit.function)}</code>" if culprit else ""
    return (f'<header><b>{escape(panic.name)} panicked: {escape(panic.title)}{inside}</b> '
            f'<span class="badge">panicked</span></header>'
            f'<p class="soft">{escape(thread)}: {escape(panic.reason)}{where}</p>')


def _instruction(details: Any) -> str:
    said = getattr(details, "instruction", "")
    if not said:
        return ""
    code = "\n".join(getattr(details, "code", ()))
    return (f"<p>it was at <code>{escape(said)}</code></p>"
            + (_folded("the code around it", f"<pre>{escape(code)}</pre>") if code else ""))


def _frames(panic: Any, excerpts: Mapping[str, str]) -> str:
    culprit = panic.culprit
    items = []
    for frame in panic.frames:
        place = frame.place or f"{frame.address:#x}"
        source = excerpts.get(f"{frame.file}:{frame.line}", "")
        if frame is culprit and not source:
            source = panic.excerpt
        inlined = " · inlined" if getattr(frame, "is_inlined", False) else ""
        line = (f'{_dot(frame.layer)}<b><code>{escape(frame.function or "?")}</code></b> '
                f'<span class="soft">{escape(frame.layer)} · {escape(place)}{inlined}</span>')
        if source:
            state = " open" if frame is culprit else ""
            line = (f"<details{state}><summary>{line}</summary>"
                    f"<pre>{escape(source)}</pre></details>")
        items.append(f"<li>{line}</li>")
    return f"<h5>calls, innermost first</h5><ol>{''.join(items)}</ol>" if items else ""


def _variables(panic: Any, details: Any) -> str:
    rows = [(escape(frame.function), f"<code>{escape(name)}</code>",
             f"<code>{escape(value)}</code>")
            for frame, names in zip(panic.frames, getattr(details, "variables", ()), strict=False)
            for name, value in names.items()]
    return _folded("variables of the innermost calls",
                   table(("call", "variable", "value"), rows)) if rows else ""


def _dot(layer: str) -> str:
    colour = _COLOURS.get(layer, "#8a8a8a")
    return f'<i class="dot" style="background:{colour}" aria-hidden="true"></i>'


def _registers(panic: Any, details: Any) -> str:
    if not any(panic.registers.values()):
        return ""
    notes = getattr(details, "register_notes", {}) or {}
    cells = [f"{name:>7} {value:016x}" for name, value in panic.registers.items()]
    lines = ["".join(cells[start:start + _REGISTERS_A_LINE])
             for start in range(0, len(cells), _REGISTERS_A_LINE)]
    rows = [(f"<code>{escape(name)}</code>", f"<code>{panic.registers.get(name, 0):#x}</code>",
             escape(said)) for name, said in notes.items() if said]
    told = table(("register", "value", "points to"), rows, numeric=(1,)) if rows else ""
    return _folded("registers", f"<pre>{escape(chr(10).join(lines))}</pre>{told}")


def _events(details: Any) -> str:
    rows = list(getattr(details, "events", ()) or ())[-_MOST_EVENTS:]
    if not rows:
        return ""
    last_ns = max(int(row.get("time_ns") or 0) for row in rows)
    cells = []
    for row in rows:
        before = duration_text(last_ns - int(row.get("time_ns") or 0))
        result = row.get("result")
        cells.append((f"−{before}", str(row.get("thread", "")),
                      f"<code>{escape(str(row.get('event', '')))}</code>",
                      f"<code>{escape(str(row.get('arguments', '')))}</code>",
                      "" if result is None else escape(str(result)),
                      duration_text(took) if (took := row.get("duration_ns")) else ""))
    heads = ("before the end", "thread", "event", "arguments", "result", "took")
    return _folded(f"the last {len(rows)} events", table(heads, cells, numeric=(0, 1, 4, 5)))


def _threads(details: Any) -> str:
    rows = list(getattr(details, "threads", ()) or ())[:_MOST_THREADS]
    if not rows:
        return ""
    names = [name for name in rows[0] if name not in ("stack_pointer", "current")]
    rows = [{**row, "stack": " ← ".join(row.get("stack") or ())} for row in rows]
    cells = [tuple(_cell(name, row.get(name)) for name in names) for row in rows]
    heads = tuple(name.removesuffix("_ns").replace("_", " ") for name in names)
    numeric = tuple(n for n, name in enumerate(names) if name.endswith("_ns") or name == "thread")
    return _folded(f"{len(rows)} threads", table(heads, cells, numeric=numeric))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return duration_text(int(value)) if name.endswith("_ns") else escape(str(value))


def _console(details: Any) -> str:
    text = getattr(details, "console", "")
    return _folded("the end of its console", f"<pre>{escape(text)}</pre>") if text else ""


def _missing(details: Any) -> str:
    said: Sequence[str] = getattr(details, "missing", ()) or ()
    return "".join(f'<p class="soft">⚠ {escape(line)}</p>' for line in said)


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{inside}</details>"
