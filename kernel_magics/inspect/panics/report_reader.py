"""Panic reports from files, checked field by field: a file may be anything.

A field that is not known is left alone; a file that is something else, damaged or too large
is refused in a sentence.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from kernel_magics.errors import UsageError
from kernel_magics.inspect.panics.details import PanicDetails
from kernel_magics.inspect.panics.frame import PanicFrame
from kernel_magics.inspect.panics.panic import PanicReport
from kernel_magics.inspect.panics.report_file import FORMAT, VERSION

__all__ = ["open_report"]

MOST_BYTES = 64 << 20
MOST_FRAMES = 200_000


def open_report(path: Path | str) -> PanicReport:
    """Return the report in a file that `PanicReport.save` wrote.

    Raises UsageError (attribute `path`) if it cannot be read or is something else.
    """
    path = Path(path).absolute()
    record = _load(path)
    frames = record.get("frames")
    if not isinstance(frames, list) or len(frames) > MOST_FRAMES:
        raise _refused(path, "its frames are missing")
    details = _made(PanicDetails, record.get("details"), path)
    made = tuple(_made(PanicFrame, frame, path) for frame in frames)
    return _made(PanicReport, {**record, "frames": made, "gather": lambda: details}, path)


def _load(path: Path) -> dict[str, Any]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _refused(path, "it is not a regular file")
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}",
                         next_step="give the path that report.save returned",
                         path=path) from error
    if len(data) > MOST_BYTES:
        raise _refused(path, f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _refused(path, "it is not JSON, or cut off") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise _refused(path, "it does not say that it is one")
    if record.get("version") != VERSION:
        raise _refused(path, f"it has version {record.get('version')!r}, this lab reads {VERSION}")
    return record


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(f"{path.name} is no panic report: {why}", path=path,
                      next_step="give a file that report.save wrote")


def _made(kind: type, record: Any, path: Path) -> Any:
    """Return a dataclass made from a mapping whose values have the right types."""
    if not isinstance(record, Mapping):
        raise _refused(path, f"a {kind.__name__} is missing")
    hints = get_type_hints(kind)
    values = {}
    for one in fields(kind):
        if one.name not in record:
            raise _refused(path, f"it has no {one.name!r}")
        value = record[one.name]
        wanted = get_origin(hints[one.name]) or hints[one.name]
        if wanted is tuple and isinstance(value, list):
            value = tuple(value)
        if not _fits(value, hints[one.name]):
            raise _refused(path, f"its {one.name!r} is {type(value).__name__}")
        values[one.name] = value
    return kind(**values)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type that a field may have: one level of what it holds too."""
    origin, inside = get_origin(hint) or hint, get_args(hint)
    if origin is Any:
        return True
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, dict) and origin is dict:
        return all(_fits(key, inside[0]) and _fits(one, inside[1]) for key, one in value.items())
    if isinstance(value, tuple) and origin is tuple:
        return all(_fits(one, inside[0]) for one in value)
    return callable(value) if origin is Callable else isinstance(value, origin)
