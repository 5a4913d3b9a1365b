"""Getting hold of a guest's gdb stub: QEMU opens it on demand, and one debugger has it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.debugger.stub import Stub, StubGone, StubRefused
from kernel_magics.places import images_dir

__all__ = ["Attachment", "gdb_command", "listen", "stub_socket"]

_DEVICE = "unix:{},server=on,wait=off"


def stub_socket(guest: Any) -> Path:
    """Return where a guest's stub listens, or will."""
    return Path(guest.host_files.folder) / "gdb.sock"


def listen(guest: Any, *, anew: bool = False) -> Path:
    """Have QEMU open its gdb stub, if it has not, and return its socket.

    `anew` ends the conversation with whoever has it.  The guest is not stopped by this.
    Raises GuestError if the guest has ended, or is another notebook's or machine's.
    """
    _check(guest)
    path = stub_socket(guest)
    if anew or _listener(guest) is None:
        guest.machine.monitor("gdbserver none")
        with suppress(FileNotFoundError):
            path.unlink()
        guest.machine.monitor(f"gdbserver {_DEVICE.format(path)}")
        if not path.exists():
            raise GuestError(f"QEMU does not open its debugging socket for {guest.name}",
                             name=guest.name, next_step="look at the log of QEMU: "
                                                        f"{guest.host_files.qemu_log}")
    return path


def _check(guest: Any) -> None:
    if guest.machine.has_ended():
        raise GuestError(f"{guest.name} has ended ({guest.state}): there is nothing to stop",
                         name=guest.name, next_step="boot it again; guest.panic, guest.vars and "
                                                    "guest.threads read one that has ended")
    if guest.pid is None:
        raise GuestError(f"{guest.name} runs on another machine, where its debugging socket is",
                         name=guest.name, next_step="debug it there, or boot it here")


def _listener(guest: Any) -> bool | None:
    """Whether the stub has a debugger; None: it does not listen."""
    for line in str(guest.machine.monitor("info chardev")).splitlines():
        name, _, state = line.partition(": filename=")
        if name.strip() == "gdb" and "unix:" in state:
            return not state.startswith("disconnected:")
    return None


def gdb_command(guest: Any) -> str:
    """Return the shell command with which a plain gdb attaches to a guest.

    The sources of a cell are files for it in the guest's folder.
    """
    folder = Path(guest.host_files.folder) / "sources"
    folder.mkdir(exist_ok=True)
    for source in guest.image.sources:
        with suppress(OSError):
            lines = "\n" * (source.first_line - 1) + source.text
            path = folder / Path(source.filename).name
            path.write_text(lines)
            os.utime(path, (0, 0))  # gdb warns of sources that are younger than the program
    sources = f"{folder}:{images_dir() / 'rumpkit'}"
    return (f"gdb -ex 'directory {sources}' -ex 'target remote {stub_socket(guest)}' "
            f"{guest.image.path}")


class Attachment:
    """The stub of one guest, held by this debugger until `release`.

    Raises GuestError (attribute `holder`: its process, if it is one of this lab's) if
    another debugger has it.
    """

    def __init__(self, guest: Any, *, take_over: bool = False) -> None:
        self.guest = guest
        _check(guest)
        self._lock = self._claim(take_over)
        try:
            path = listen(guest, anew=take_over)
            if _listener(guest):
                raise _taken(guest, "a plain gdb, or another program")
            self.stub = Stub(path)
        except (StubGone, StubRefused) as error:
            self._unlock()
            raise GuestError(f"QEMU's debugging socket for {guest.name} does not answer: {error}",
                             name=guest.name,
                             next_step="try again; or guest.debugger.attach(take_over=True)"
                             ) from error
        except BaseException:
            self._unlock()
            raise

    def _claim(self, take_over: bool) -> int:
        path = Path(self.guest.host_files.folder) / "debugger.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if not take_over:
                os.close(descriptor)
                who = "this notebook" if holder == str(os.getpid()) else \
                    f"another notebook (process {holder})"
                raise _taken(self.guest, who, holder) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def release(self, *, resume: bool) -> None:
        """Give the stub up; the guest goes on if `resume`, else stays where it is."""
        try:
            if resume:
                self.stub.detach()
        except (StubGone, StubRefused):
            pass  # it has ended, or somebody else has it: given up all the same
        finally:
            self.stub.close()
            self._unlock()


def _taken(guest: Any, who: str, holder: str = "") -> GuestError:
    return GuestError(f"{guest.name} is being debugged by {who}: QEMU talks to one debugger",
                      name=guest.name, holder=holder,
                      next_step="detach there, or take it: "
                                "guest.debugger.attach(take_over=True)")
