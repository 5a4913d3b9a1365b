"""A domain of a libvirt that shares neither files nor processes with this machine.

Its console is a stream that is copied into the guest's log from the moment of creation,
its RAM is peeked while it runs.  Lost against a local guest: the exit status and all
memory once it is gone, tracing switched from outside, and console output while no
process of this lab is connected.
"""

import os
import select
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from kernel_magics.boot.hypervisor.connection import Connection
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.ram import Ram
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.errors import GuestError, HostError

__all__ = ["RemoteMachine", "upload"]

STREAM_BYTES = 64 << 10
RESUME_S = 5.0
FINISH_MS = 2000
POOL_FOLDER = "/var/tmp/rumplab"
_POOL = "<pool type='dir'><name>rumplab</name><target><path>{}</path></target></pool>"


def upload(connection: Connection, image: Path) -> str:
    """Bring an image or an archive to the machine of a libvirt; return its path there.

    It is stored under its content's hash in a storage pool of the lab's own, so it
    crosses the network once.  Raises HostError if that libvirt has no storage.
    """
    data = image.read_bytes()
    name = f"{sha256(data).hexdigest()[:32]}{image.suffix}"
    try:
        pool = _pool(connection)
        with suppress(connection.error):
            return str(pool.storageVolLookupByName(name).path())
        volume = pool.createXML(f"<volume><name>{name}</name><capacity>{len(data)}</capacity>"
                                "<target><format type='raw'/></target></volume>", 0)
        stream = connection.handle.newStream(0)
        volume.upload(stream, 0, len(data), 0)
        for at in range(0, len(data), STREAM_BYTES):
            stream.send(data[at:at + STREAM_BYTES])
        stream.finish()
        return str(volume.path())
    except connection.error as error:
        raise HostError(f"the image cannot be brought to {connection.uri}: {error}",
                        next_step="install libvirt's storage driver there, or use Lab() "
                                  "without a URI") from error


def _pool(connection: Connection) -> Any:
    handle, libvirt = connection.handle, connection.libvirt
    try:
        pool = handle.storagePoolLookupByName("rumplab")
    except connection.error:
        pool = handle.storagePoolCreateXML(_POOL.format(POOL_FOLDER),
                                           libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD)
    pool.refresh()
    return pool


class RemoteMachine:
    """One domain behind a connection; its end is told by libvirt's events."""

    streams_console = True
    process: ProcessId | None = None
    exit_code: int | None = None

    def __init__(self, connection: Connection, domain: Any, ram: Ram, files: GuestFiles) -> None:
        self.ram = ram
        self._connection = connection
        self._domain = domain
        self._log = os.open(files.console_log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._end = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.lost = False  # whether libvirt went away before the domain did
        connection.on_lost.append(self._lose)
        libvirt = connection.libvirt
        self._event = connection.handle.domainEventRegisterAny(
            domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None)
        self._stopped = self._all_read = False
        self._stream = connection.handle.newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openConsole(None, self._stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        self._stream.eventAddCallback(
            libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_HANGUP
            | libvirt.VIR_STREAM_EVENT_ERROR, self._output, None)

    def _lifecycle(self, _connection: Any, _domain: Any, event: int, _detail: int,
                   _data: Any) -> None:
        if event == self._connection.libvirt.VIR_DOMAIN_EVENT_STOPPED:
            self._stopped = True
            self._tell_end()
            self._finish_stream()

    def _lose(self) -> None:
        """The connection is closed, by the other side or because it answers no keepalive."""
        self.lost = True
        self._tell_end()

    def _tell_end(self) -> None:
        with suppress(ValueError):
            self._connection.on_lost.remove(self._lose)
        os.eventfd_write(self._end, 1)

    def _output(self, stream: Any, events: int, _data: Any) -> None:
        """Copy what the console has to the log (from libvirt's event loop)."""
        while True:
            try:
                data = stream.recv(STREAM_BYTES)
            except self._connection.error:
                # virStreamRecv: the stream is aborted already; to finish it would wait for
                # an answer that does not come.
                stream.eventRemoveCallback()
                return
            if data == -2:  # nothing now
                return
            if not data:
                stream.eventRemoveCallback()
                self._all_read = True
                self._finish_stream()
                return
            os.write(self._log, data)

    def _finish_stream(self) -> None:
        """Have the stream finished some time after its end and its domain's: see `stop`.

        libvirt announces the end of a domain a little before it lets go of its consoles.
        """
        if self._all_read and self._stopped:
            libvirt = self._connection.libvirt
            libvirt.virEventAddTimeout(FINISH_MS, self._finish_now, self._stream)

    def _finish_now(self, timer: int, stream: Any) -> None:
        self._connection.libvirt.virEventRemoveTimeout(timer)
        with suppress(self._connection.error):
            stream.finish()

    def open_end(self) -> int | None:
        """Return a descriptor that is readable once libvirt says the domain stopped."""
        return os.dup(self._end)

    def has_ended(self) -> bool:
        """Whether the domain is gone."""
        try:
            return not self._domain.isActive()
        except self._connection.error:
            return True

    def is_paused(self) -> bool:
        """Whether the domain is paused."""
        return self._connection.is_paused(self._domain)

    def pause(self) -> None:
        """Pause it."""
        self._connection.suspend(self._domain)

    def resume(self) -> None:
        """Resume it; one that has ended before libvirt had QEMU's answer has run all the same."""
        try:
            self._connection.resume(self._domain)
        except GuestError:
            if not select.select([self._end], [], [], RESUME_S)[0]:
                raise

    def stop(self) -> None:
        """End it.

        The console's stream is ended first: when a domain and its stream end in the same
        moment, libvirtd 9 can wait for ever (virChrdevFree and virStreamFinish each hold
        the lock the other needs).
        """
        with suppress(self._connection.error):
            self._stream.eventRemoveCallback()
            self._stream.abort()
        self._connection.destroy(self._domain)

    def monitor(self, line: str) -> str:
        """Run a command of QEMU's human monitor."""
        return self._connection.monitor(self._domain, line)

    def write_console(self, data: bytes) -> None:
        """Send input through the stream."""
        while data:
            sent = self._stream.send(data)
            data = data[max(sent, 0):]
