"""Panic reports as files: JSON that opens without the guest, its image or its lab.

The file is one object: "format" and "version", then the fields of PanicReport, frames as
objects and details as one.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from kernel_magics.errors import UsageError

__all__ = ["FORMAT", "VERSION", "save_report"]

FORMAT, VERSION = "rumplab panic report", 1


def save_report(report: Any, path: Path) -> Path:
    """Write a PanicReport, details and all; return the file's absolute path.

    Raises UsageError if nothing can be written there; then what was there stays.
    """
    record: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    record |= {one.name: getattr(report, one.name) for one in fields(report)
               if one.name not in ("frames", "gather")}
    record["frames"] = [asdict(frame) for frame in report.frames]
    record["details"] = asdict(report.details)
    path = Path(path).absolute()
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1, ensure_ascii=False)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {(error.strerror or str(error)).lower()}",
                         next_step="give a file in a folder that exists and can be written",
                         path=path) from error
    return path
