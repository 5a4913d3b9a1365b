"""The guests' directory: what every process of this user knows about running guests.

runtime_dir()/guests/NAME/ belongs to one guest.  Making that folder claims the name;
guest.json in it says which process is the guest's QEMU and which one owns it.  Nothing
here needs a running lab: a restarted notebook finds its guests again by reading.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.process import ProcessId, own_process
from kernel_magics.errors import GuestError, HostError
from kernel_magics.places import runtime_dir

__all__ = ["GuestFiles", "GuestRecord", "claim", "read_record", "records", "update",
           "remove", "release_ram", "clean_stale", "own_process"]

SOCKET_PATH_BYTES = 107  # sizeof(sun_path) - 1, unix(7)


@dataclass(frozen=True, slots=True)
class GuestRecord:
    """What guest.json holds; times are host CLOCK_MONOTONIC in nanoseconds."""

    name: str
    uuid: str
    driver: str
    uri: str
    image: str
    owner: ProcessId
    spec: dict[str, object] = field(default_factory=dict)
    header_address: int | None = None
    qemu: ProcessId | None = None
    ram: str = ""
    accel: str = ""
    marks: dict[str, int] = field(default_factory=dict)
    keep: bool = False
    stopped: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    kit: str = "rumpkit"

    def is_running(self) -> bool:
        """Whether the guest's QEMU is there, or is being started by a living owner."""
        return self.qemu.is_alive() if self.qemu else self.owner.is_alive()


def guests_dir() -> Path:
    """Return the folder of all guests' folders; created."""
    path = runtime_dir() / "guests"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def _locked() -> Iterator[Path]:
    """Hold the directory's lock: claims and removals of two processes don't interleave."""
    folder = guests_dir()
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)


def claim(record: GuestRecord, *, numbered: bool = False) -> tuple[GuestFiles, GuestRecord]:
    """Claim `record.name` and write the record; a guest that has ended makes way.

    With `numbered` a name that a running guest has becomes name-2, name-3 …; the record
    returned has the name that was claimed.  Raises GuestError (attribute `name`) if it is
    taken; HostError if the folder cannot be written, or its path is too long for a socket.
    """
    with _locked() as folder:
        wanted, number = record.name, 2
        while _is_taken(folder / record.name):
            if not numbered:
                raise GuestError(f"the name {wanted} is taken by a running guest", name=wanted,
                                 next_step=f'stop it with lab.stop("{wanted}")'
                                           " or boot with another name=")
            record, number = replace(record, name=f"{wanted}-{number}"), number + 1
        files = GuestFiles(folder / record.name)
        _check_socket_path(files.qmp_socket)
        try:
            shutil.rmtree(files.folder, ignore_errors=True)
            files.folder.mkdir(mode=0o700)
            write_record(files, record)
        except OSError as error:
            shutil.rmtree(files.folder, ignore_errors=True)
            raise _unwritable(folder, error) from error
    return files, record


def _is_taken(folder: Path) -> bool:
    found = read_record(GuestFiles(folder))
    return found is not None and found.is_running()


def write_record(files: GuestFiles, record: GuestRecord) -> None:
    """Write guest.json so that a reader sees the old or the new one, never half of it."""
    fresh = files.record.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)))
    os.replace(fresh, files.record)


def read_record(files: GuestFiles) -> GuestRecord | None:
    """Return a guest's record, or None if there is none that can be read."""
    try:
        facts = json.loads(files.record.read_text())
        owner, qemu = ProcessId(**facts.pop("owner")), facts.pop("qemu")
        return GuestRecord(owner=owner, qemu=ProcessId(**qemu) if qemu else None, **facts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def update(files: GuestFiles, uuid: str, **changes: Any) -> GuestRecord | None:
    """Change fields of guest `uuid`'s record; None if it is gone from the directory."""
    with _locked():
        record = read_record(files)
        if record and record.uuid == uuid:
            record = replace(record, **changes)
            write_record(files, record)
        return record


def records() -> list[tuple[GuestFiles, GuestRecord]]:
    """Return every guest in the directory, by name, running or not."""
    found = []
    for folder in sorted(path for path in guests_dir().iterdir() if path.is_dir()):
        record = read_record(GuestFiles(folder))
        if record:
            found.append((GuestFiles(folder), record))
    return found


def remove(files: GuestFiles, uuid: str) -> None:
    """Remove the folder of guest `uuid`; another guest that took its name keeps its own."""
    with _locked():
        record = read_record(files)
        if record is None or record.uuid == uuid:
            shutil.rmtree(files.folder, ignore_errors=True)


def release_ram(files: GuestFiles, uuid: str) -> None:
    """Remove the name of guest `uuid`'s RAM file: mappings keep the memory, nothing else.

    By now another guest may have the folder, and with it a file of the same name.
    """
    with _locked():
        record = read_record(files)
        if record and record.uuid == uuid:
            files.ram.unlink(missing_ok=True)


def clean_stale() -> list[str]:
    """Remove what guests left whose QEMU and owner are both gone; return their names."""
    removed = []
    with _locked() as folder:
        for path in [path for path in folder.iterdir() if path.is_dir()]:
            record = read_record(GuestFiles(path))
            if record is None or not (record.is_running() or record.owner.is_alive()):
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path.name)
    return removed


def _check_socket_path(path: Path) -> None:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise HostError(f"the path {path} is too long for a socket, which may have "
                        f"{SOCKET_PATH_BYTES} bytes",
                        next_step="set RUMPLAB_RUNTIME to a short path, or use a shorter name")


def _unwritable(folder: Path, error: OSError) -> HostError:
    reason = (error.strerror or str(error)).lower()
    return HostError(f"cannot write to {folder}: {reason}",
                     next_step="free some space or memory there, or set RUMPLAB_RUNTIME "
                               "to another folder", path=folder)
