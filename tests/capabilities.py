"""What a machine must have for a test: missing, the test is skipped, or fails if required.

LAB_REQUIRE=kvm,browser turns the skips for those into failures; LAB_REQUIRE=all, every one.
"""

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from importlib.util import find_spec

import pytest

__all__ = ["need", "required"]


def _kvm() -> str:
    from kernel_magics.boot.hypervisor.accel import calibrate, kvm_problem

    problem = kvm_problem()
    if problem:
        return problem[0]
    chosen = calibrate()
    return "" if any(m.accel == "kvm" and m.works for m in chosen.measurements) else chosen.why


def _program(*names: str) -> Callable[[], str]:
    return lambda: next((f"{name} is not installed" for name in names if not shutil.which(name)),
                        "")


def _libvirt() -> str:
    return "" if find_spec("libvirt") else "libvirt's Python module is not installed"


def _root() -> str:
    return "" if os.geteuid() == 0 else "the tests do not run as root"


def _namespaces() -> str:
    done = subprocess.run(["unshare", "--map-root-user", "--root=/", "true"],
                          capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no user namespaces: {done.stderr.strip()}"


def _debian() -> str:
    """Whether packages can be had: from the archive, or because they were fetched before."""
    from kernel_magics.build.debian import DebianArchive
    from kernel_magics.errors import LabError

    try:
        DebianArchive().binary(["lua5.4"])
    except LabError as error:
        return error.message
    return ""


def _tun() -> str:
    if not shutil.which("ip"):
        return "ip is not installed"
    return "" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "/dev/net/tun is not usable"


def _descriptors() -> str:
    """Whether a descriptor can be had of a process that is nobody's child, as QEMU may be."""
    with subprocess.Popen(["sh", "-c", "sleep 60 > /dev/null & echo $!"], text=True,
                          stdout=subprocess.PIPE) as shell:
        pid = int(shell.stdout.read())
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(438, pidfd, 1, 0)  # pidfd_getfd(2)
    why = os.strerror(ctypes.get_errno())
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    for descriptor in (pidfd, *([copy] if copy >= 0 else [])):
        os.close(descriptor)
    return "" if copy >= 0 else f"no descriptors of other processes here: {why}"


def _rumprun() -> str:
    from kernel_magics.build.rumprun import rumprun_problem

    problem = rumprun_problem()
    return problem[0] if problem else ""


def _browser() -> str:
    found = any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return "" if found and find_spec("playwright") else "Chromium or Playwright is not installed"


CAPABILITIES: dict[str, Callable[[], str]] = {
    "qemu": _program(os.environ.get("RUMPLAB_QEMU") or "qemu-system-x86_64"),
    "libvirt": _libvirt,
    "libvirtd": _program("libvirtd"),
    "compiler": _program("gcc", "musl-gcc"),
    "cpio": _program("cpio"),
    "node": _program("node", "npm"),
    "gdb": _program("gdb"),
    "busybox": _program("busybox"),
    "kvm": _kvm,
    "root": _root,
    "passt": _program("passt"),
    "qemu-img": _program("qemu-img"),
    "tshark": _program("tshark"),
    "tun": _tun,
    "namespaces": _namespaces,
    "makefs": _program("makefs"),
    "debian": _debian,
    "descriptors": _descriptors,
    "browser": _browser,
    "rumprun": _rumprun,
}
"""Capability → a function that returns what is missing, or "" if nothing is."""


def required() -> set[str]:
    """Return the capabilities that LAB_REQUIRE names."""
    return {name.strip() for name in os.environ.get("LAB_REQUIRE", "").split(",") if name.strip()}


def need(*names: str) -> None:
    """Skip the calling test unless the machine has all these; fail it if they are required."""
    for name in names:
        missing = CAPABILITIES[name]()
        if missing and required() & {name, "all"}:
            pytest.fail(f"{name} is required and missing: {missing}", pytrace=False)
        if missing:
            pytest.skip(f"needs {name}: {missing}")
