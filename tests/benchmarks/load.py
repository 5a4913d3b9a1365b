"""Load on a server: wrk, what it says, and what processor time the server's QEMU took."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernel_magics.errors import BootError, HostError

__all__ = ["Load", "LoadSample", "under_load", "wrk", "cpu_ns"]

_US = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of a load generator found."""

    requests: int
    per_second: float
    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class LoadSample:
    """One run of the load generator, and the processor time QEMU used for a request."""

    load: Load
    cpu_us: float


def under_load(port: int, used_ns: Callable[[], int], connections: int,
               seconds: int) -> LoadSample:
    """Run wrk on a port of this machine; `used_ns` says what time QEMU has used so far."""
    before_ns = used_ns()
    load = wrk(port, connections, seconds)
    return LoadSample(load, (used_ns() - before_ns) / 1e3 / load.requests)


def wrk(port: int, connections: int, seconds: int, path: str = "/") -> Load:
    """Ask for a page over and over, on connections that stay, from one thread.

    Raises HostError if there is no wrk, BootError if a request failed.  Source: wrk(1).
    """
    if shutil.which("wrk") is None:
        raise HostError("there is no wrk", next_step="install it: sudo apt-get install wrk")
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
         f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True)
    if done.returncode or re.search(r"Socket errors|Non-2xx", done.stdout):
        raise BootError("requests failed under load", log=done.stdout + done.stderr,
                        next_step=f"wrk said: {(done.stdout + done.stderr)[-600:]}")
    return Load(int(_found(r"(\d+) requests in", done.stdout)[1]),
                float(_found(r"Requests/sec: +([\d.]+)", done.stdout)[1]),
                _latency_us("50%", done.stdout), _latency_us("99%", done.stdout))


def cpu_ns(pid: int) -> int:
    """Return the processor time of a process's threads, to the nanosecond; proc(5)."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir())


def _latency_us(which: str, text: str) -> float:
    value = _found(rf"{which} +([\d.]+)(us|ms|s)\b", text)
    return float(value[1]) * _US[value[2]]


def _found(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if found is None:
        raise BootError(f"wrk did not say {pattern!r}", log=text,
                        next_step=f"it said: {text[-600:]}")
    return found
