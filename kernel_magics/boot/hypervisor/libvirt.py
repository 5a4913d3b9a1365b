"""The libvirt driver: guests as transient domains, by default in libvirt's embedded QEMU.

`qemu:///embed?root=DIR` runs libvirt's QEMU driver inside this process: no daemon, no
privileges.  Its root is locked by one process at a time; QEMU outlives the process, and
the next one that takes the root over finds its domains again.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel_magics.boot.hypervisor.connection import Connection, connect
from kernel_magics.boot.hypervisor.domain import domain_xml
from kernel_magics.boot.hypervisor.machine import Machine
from kernel_magics.boot.hypervisor.qemu import LocalMachine, find_qemu
from kernel_magics.boot.hypervisor.refusals import explained
from kernel_magics.boot.hypervisor.remote import RemoteMachine, upload
from kernel_magics.boot.process import ProcessId
from kernel_magics.boot.ram import MappedRam, PeekedRam
from kernel_magics.boot.registry import GuestFiles, GuestRecord
from kernel_magics.boot.spec import Launch
from kernel_magics.errors import BootError, GuestError, LabError

__all__ = ["LibvirtDriver"]


class LibvirtDriver:
    """Starts guests through one libvirt connection; `uri` None is the embedded driver."""

    name = "libvirt"

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or ""

    def start(self, launch: Launch, marks: dict[str, int]) -> Machine:
        """Create a domain paused, map its RAM, and let it go unless it is to stay paused.

        Raises HostError if libvirt or QEMU is missing or unreachable; BootError
        (attribute `log`) if libvirt refuses the domain.
        """
        connection = connect(self.uri)
        launch.files.make_console()
        if connection.shares_files:
            xml = domain_xml(launch, emulator=find_qemu())
        else:
            launch = _uploaded(connection, launch)
            xml = domain_xml(launch, with_files=False)
        marks["spawned"] = time.monotonic_ns()
        domain = _create(connection, xml, launch)
        try:
            machine = _hold(connection, domain, launch.files, launch.memory_mib << 20)
        except LabError:
            connection.destroy(domain)
            raise
        marks["created"] = time.monotonic_ns()
        if not launch.paused:
            marks["resumed"] = marks["created"]
            machine.resume()
        return machine

    def attach(self, files: GuestFiles, record: GuestRecord) -> Machine:
        """Hold a domain another process started, or an earlier life of this notebook.

        If its libvirt cannot be asked from here, QEMU itself is held: then it can be
        stopped and read, but not paused.
        """
        domain = None
        try:
            connection = connect(self.uri)
            domain = connection.find(record.uuid)
        except LabError:
            if record.qemu is None:
                raise
        if domain is not None:
            return _hold(connection, domain, files, _memory_bytes(record), record)
        if record.qemu is None:
            raise GuestError(f"libvirt at {self.uri or 'embed'} has no guest {record.name} any "
                             "more", name=record.name, next_step="list the guests: lab.guests()")
        return _ForeignMachine(record.qemu, MappedRam(Path(record.ram)), files)


class _DomainMachine(LocalMachine):
    """A domain whose QEMU is a process of this machine and whose RAM is mapped.

    It is stopped by a signal to QEMU, in some milliseconds; libvirt notices the end by
    itself.  virDomainDestroy waits until the process is reaped, which can take seconds.
    """

    def __init__(self, process: ProcessId, ram: MappedRam, files: GuestFiles,
                 connection: Connection, domain: Any) -> None:
        super().__init__(process, ram, files)
        self._connection = connection
        self._domain = domain

    def is_paused(self) -> bool:
        return not self.has_ended() and self._connection.is_paused(self._domain)

    def pause(self) -> None:
        self._connection.suspend(self._domain)

    def resume(self) -> None:
        try:
            self._connection.resume(self._domain)
        except GuestError:
            # The shortest guests are over before libvirt has read QEMU's answer.
            if not (self.process and self.process.wait(1.0)):
                raise


    def monitor(self, line: str) -> str:
        return self._connection.monitor(self._domain, line)


class _ForeignMachine(LocalMachine):
    """A domain of a libvirt inside another process."""

    def monitor(self, line: str) -> str:
        raise _foreign("asked")

    def is_paused(self) -> bool:
        return False

    def pause(self) -> None:
        raise _foreign("paused")

    def resume(self) -> None:
        raise _foreign("resumed")


def _foreign(what: str) -> GuestError:
    return GuestError(f"the guest belongs to another notebook and can only be {what} there",
                      next_step="use that notebook, or stop the guest, which works from here")


def _uploaded(connection: Connection, launch: Launch) -> Launch:
    kernel = upload(connection, Path(launch.kernel))
    initrd = upload(connection, Path(launch.initrd)) if launch.initrd else ""
    return replace(launch, kernel=kernel, initrd=initrd)


def _create(connection: Connection, xml: str, launch: Launch) -> Any:
    try:
        return connection.create_paused(xml)
    except connection.error as error:
        raise explained(launch.devices, str(error)) or BootError(
            f"libvirt could not start {launch.name}: {error}", log=str(error),
            next_step='lab.doctor() looks at QEMU and libvirt; driver="qemu" does without '
                      "libvirt") from error


def _hold(connection: Connection, domain: Any, files: GuestFiles, memory_bytes: int,
          record: GuestRecord | None = None) -> Machine:
    if connection.shares_files:
        process = record.qemu if record and record.qemu else connection.process_of(domain)
        mapped = MappedRam(_ram_file(process) if record is None else Path(record.ram))
        return _DomainMachine(process, mapped, files, connection, domain)
    peeked = PeekedRam(memory_bytes, lambda address, size: connection.peek(domain, address, size))
    return RemoteMachine(connection, domain, peeked, files)


def _memory_bytes(record: GuestRecord) -> int:
    return int(str(record.spec.get("memory_mib", 0))) << 20


def _ram_file(process: ProcessId) -> Path:
    """Return the file that holds a QEMU's RAM: libvirt chooses it and names it to QEMU."""
    for argument in process.command_line():
        if '"mem-path":"' in argument:
            return Path(argument.split('"mem-path":"')[1].split('"')[0])
    raise BootError("libvirt's QEMU does not keep the guest's RAM in a file",
                    next_step="use the embedded driver: Lab() without a URI")
