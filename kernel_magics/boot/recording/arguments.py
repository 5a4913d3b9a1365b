"""A recording or its replay → QEMU's arguments (pure)."""

from pathlib import Path

__all__ = ["EVENTS", "START", "recording_arguments"]

EVENTS, START = "events.bin", "start.qcow2"
"""What QEMU writes into a recording's folder: its log, and the state at the start."""


def recording_arguments(folder: str, *, is_replay: bool, has_network: bool) -> list[str]:
    """Return QEMU's arguments that record a run into a folder, or replay it; [] without one.

    The state at the start is kept as a snapshot, to go back to.
    Source: QEMU docs/system/replay.rst.
    """
    if not folder:
        return []
    path = Path(folder)
    mode = "replay" if is_replay else "record"
    network = ["-object", "filter-replay,id=replay0,netdev=net0"] if has_network else []
    # Nothing is lost that a flush would save: QEMU's page cache has it.  Several replays may
    # read one snapshot, and none writes.
    sharing = ",file.locking=off" if is_replay else ""
    return ["-icount", f"shift=auto,rr={mode},rrfile={_escape(path / EVENTS)},rrsnapshot=start",
            "-drive", f"file={_escape(path / START)},format=qcow2,if=none,id=start,cache=unsafe"
                      f"{sharing}", *network]


def _escape(text: object) -> str:
    """Double commas, as QEMU's option syntax wants."""
    return str(text).replace(",", ",,")
