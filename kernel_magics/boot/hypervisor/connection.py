"""Connections to libvirt: one event loop and one connection a URI for the process."""

import atexit
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from kernel_magics.boot.devices.preparing import shares_files
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import BootError, GuestError, HostError
from kernel_magics.places import cache_dir, runtime_dir

__all__ = ["Connection", "connect", "libvirt_module"]

# libvirtd's QEMU driver wants to drop privileges, confine, and put QEMU in cgroups; here
# QEMU is a process of the notebook's user and must reach the guest's folder.
EMBED_CONFIGURATION = """\
user = "{uid}"
group = "{gid}"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
memory_backing_dir = "{ram}"
"""
KEEPALIVE_S, KEEPALIVE_TRIES = 5, 4
_connections: dict[str, "Connection"] = {}
_lock = threading.RLock()


@cache
def libvirt_module() -> Any:
    """Import libvirt and start its event loop; raises HostError if it is not installed."""
    with _quiet():
        try:
            import libvirt
        except ImportError as error:
            raise HostError(f"libvirt's Python module is missing: {error}",
                            next_step="run ./lab-setup/start, or boot with "
                                      'driver="qemu"') from error
    libvirt.registerErrorHandler(lambda *_: None, None)  # the default prints to stderr
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run_events, args=(libvirt,), name="libvirt events",
                     daemon=True).start()
    return libvirt


@contextmanager
def _quiet() -> Iterator[None]:
    """Send libvirt's own diagnostics to a file: what a user needs comes as exceptions.

    The variable is read when the library is loaded, and is not for child processes.
    """
    if "LIBVIRT_LOG_OUTPUTS" in os.environ:
        yield
        return
    os.environ["LIBVIRT_LOG_OUTPUTS"] = f"4:file:{runtime_dir() / 'libvirt.log'}"
    try:
        yield
    finally:
        del os.environ["LIBVIRT_LOG_OUTPUTS"]


def _run_events(libvirt: Any) -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def connect(uri: str) -> "Connection":
    """Return this process's connection to `uri` ("": embedded), opened when needed.

    Raises HostError (attribute `uri`) if libvirt is missing or does not answer.
    """
    with _lock:
        found = _connections.get(uri)
        if found is None or not found.is_alive():
            libvirt = libvirt_module()
            found = Connection(libvirt, uri or _embedded_uri())
            _connections[uri] = found
        return found


@atexit.register
def _close_all() -> None:
    """Close while libvirt's module is still whole (registered before any lab's own)."""
    with _lock:
        while _connections:
            _, connection = _connections.popitem()
            connection.close()


@cache
def _embedded_uri() -> str:
    """Take the first embedded root that no living process holds, and configure it."""
    number = 0
    while (root := _lock_root(runtime_dir() / f"embed-{number}")) is None:
        number += 1
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "qemu.conf").write_text(EMBED_CONFIGURATION.format(
        uid=f"+{os.geteuid()}", gid=f"+{os.getegid()}", ram=root / "ram"))
    # What QEMU can do is asked of it once, not once a root.
    shared = cache_dir() / "libvirt"
    shared.mkdir(exist_ok=True)
    if not (root / "cache").is_symlink():
        (root / "cache").symlink_to(shared)
    return f"qemu:///embed?root={root}"


def _lock_root(root: Path) -> Path | None:
    root.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return root  # the descriptor stays open: the lock is held until the process ends


class Connection:
    """One libvirt connection, with its errors turned into the lab's.

    `shares_files` says whether its QEMUs are this user's processes on this machine, so
    that they reach the guest's folder and their RAM can be mapped.
    """

    def __init__(self, libvirt: Any, uri: str) -> None:
        self.libvirt = libvirt
        self.error: type[Exception] = libvirt.libvirtError
        self.uri = uri
        try:
            self.handle = libvirt.open(uri)
        except libvirt.libvirtError as error:
            raise _unreachable(uri, error) from error
        self.shares_files = shares_files(uri)
        self.on_lost: list[Callable[[], None]] = []
        if not self.shares_files:
            # A host that is gone becomes an error after some seconds, not a silent wait.
            with suppress(libvirt.libvirtError):
                self.handle.setKeepAlive(KEEPALIVE_S, KEEPALIVE_TRIES)
                self.handle.registerCloseCallback(self._lost, None)

    def _lost(self, _handle: Any, _reason: int, _data: Any) -> None:
        for tell in list(self.on_lost):
            tell()

    def is_alive(self) -> bool:
        """Whether the other side still answers."""
        try:
            return bool(self.handle.isAlive())
        except self.error:
            return False

    def close(self) -> None:
        """Close the connection; guests go on."""
        with suppress(self.error):
            self.handle.close()
        self.handle = None

    def create_paused(self, xml: str) -> Any:
        """Create a transient domain, paused; raises libvirtError."""
        return self.handle.createXML(xml, self.libvirt.VIR_DOMAIN_START_PAUSED)

    def find(self, uuid: str) -> Any:
        """Return the running domain with this UUID, or None."""
        try:
            return self.handle.lookupByUUIDString(uuid)
        except self.error:
            return None

    def process_of(self, domain: Any) -> ProcessId:
        """Return a domain's QEMU; raises BootError if it is no process of this machine."""
        name, uuid = domain.name(), domain.UUIDString()
        for path in (*self._pid_files(name), *_proc_pids()):
            process = _process(path)
            if process and uuid in process.command_line():
                return process
        raise BootError(f"the QEMU of {name} is not to be found on this machine",
                        next_step="use the embedded driver: Lab() without a URI")

    def _pid_files(self, name: str) -> list[Path]:
        if "root=" in self.uri:
            return [Path(self.uri.split("root=")[1]) / "run" / "qemu" / f"{name}.pid"]
        run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return [Path(run) / "libvirt" / "qemu" / "run" / f"{name}.pid"]

    def is_paused(self, domain: Any) -> bool:
        """Whether a domain is paused; False if it is gone."""
        try:
            return bool(domain.state()[0] == self.libvirt.VIR_DOMAIN_PAUSED)
        except self.error:
            return False

    def suspend(self, domain: Any) -> None:
        """Pause a domain; raises GuestError."""
        self._do(domain.suspend)

    def resume(self, domain: Any) -> None:
        """Resume a domain; raises GuestError."""
        self._do(domain.resume)

    def destroy(self, domain: Any) -> None:
        """End a domain; one that is gone is no error."""
        with suppress(self.error):
            domain.destroy()

    def peek(self, domain: Any, address: int, size_bytes: int) -> bytes:
        """Return guest-physical memory; raises GuestError."""
        flag = self.libvirt.VIR_MEMORY_PHYSICAL
        return bytes(self._do(lambda: domain.memoryPeek(address, size_bytes, flag)))

    def monitor(self, domain: Any, line: str) -> str:
        """Run a command of QEMU's human monitor; raises GuestError."""
        import libvirt_qemu

        flag = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
        return str(self._do(lambda: libvirt_qemu.qemuMonitorCommand(domain, line, flag)))

    def _do(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except self.error as error:
            raise GuestError(f"libvirt: {error}",
                             next_step="look whether the guest is still there: "
                                       "lab.guests()") from error


def _unreachable(uri: str, error: Exception) -> HostError:
    if uri.startswith("qemu:///embed"):
        step = ("install libvirt's QEMU driver: sudo apt install libvirt-daemon"
                ' (or boot with driver="qemu")')
    else:
        step = "start its daemon, correct the URI, or use Lab() without one"
    return HostError(f"libvirt does not answer at {uri}: {error}", next_step=step, uri=uri)


def _process(path: Path) -> ProcessId | None:
    try:
        pid = int(path.name) if path.parent == Path("/proc") else int(path.read_text())
    except (OSError, ValueError):
        return None
    return ProcessId.of(pid)


def _proc_pids() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]
