"""Fixtures for every test: a lab of its own, and the certainty that no QEMU stays behind."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from capabilities import need

# A run started in the background of a script inherits an ignored SIGINT, and so would every
# process of a test; a notebook's kernel never does.
signal.signal(signal.SIGINT, signal.default_int_handler)

# One short runtime folder for the whole run (a socket's path has 107 bytes), apart from
# the user's; the cache of built images and the calibration stays the user's.
_BASE = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
_PREFIX = "rl-test-"
RUNTIME = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_BASE))
os.environ["RUMPLAB_RUNTIME"] = str(RUNTIME)


def pytest_configure() -> None:
    """Clear up after runs that were killed: their guests and their folders."""
    from kernel_magics.boot.process import ProcessId

    for folder in _BASE.glob(f"{_PREFIX}*-*"):
        number = folder.name.removeprefix(_PREFIX).split("-")[0]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            for pid in qemus_in(folder):
                ProcessId.of(pid).terminate()
            shutil.rmtree(folder, ignore_errors=True)


def pytest_unconfigure() -> None:
    """Remove the run's runtime folder."""
    shutil.rmtree(RUNTIME, ignore_errors=True)


def qemus_in(folder: Path) -> list[int]:
    """Return the QEMU processes that work in a runtime folder."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                line = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line and b"qemu" in line.split(b"\0")[0]:
                found.append(int(path.name))
    return found


@pytest.fixture(autouse=True)
def no_guest_stays_behind():
    """Fail a test that leaves a QEMU behind, and end it so that the next one starts clean.

    A guest that a module's tests share was there before, and is its fixture's to end.
    """
    shared = qemus_in(RUNTIME)
    yield
    from kernel_magics.boot.process import ProcessId

    left = [pid for pid in qemus_in(RUNTIME) if pid not in shared]
    for pid in left:
        ProcessId.of(pid).terminate()
    assert not left, f"the test left QEMU processes behind: {left}"


@pytest.fixture(params=["qemu", "libvirt"])
def driver(request) -> str:
    """Both drivers: they pass the same tests."""
    need("qemu", "libvirt") if request.param == "libvirt" else need("qemu")
    return request.param


@pytest.fixture
def lab(request):
    """A Lab with the test's `driver` if it asks for one, else the direct one; closed after."""
    from kernel_magics.lab import Lab

    need("qemu")
    chosen = request.getfixturevalue("driver") if "driver" in request.fixturenames else "qemu"
    with Lab(driver=chosen) as opened:
        yield opened


@pytest.fixture
def runtime() -> Path:
    """The folder this run's guests live in."""
    return RUNTIME


@pytest.fixture(scope="session")
def probe():
    """A guest of a few instructions that does what its command line says (probe.S)."""
    from kernel_magics.boot.hypervisor.calibration import assemble

    need("compiler")
    return assemble(Path(__file__).parent / "guest" / "probe.S")
