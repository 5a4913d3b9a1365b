"""One line a step: its name, what it found or did, and how long it took."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .failures import CommandFailed, SetupError

__all__ = ["Progress", "Step", "alone", "end_on_sigterm"]

NAME_WIDTH = 20
SPINNER = "|/-\\"
TICK_SECONDS = 0.1


class Step:
    """A step that is under way: it runs commands into its own log and says what came of it."""

    def __init__(self, name: str, log: Path, show: Callable[[str], None]) -> None:
        self.name = name
        self.log = log
        self.result = "done"
        self.started = time.monotonic()
        self._show = show

    def run(self, argv: list[str], *, cwd: Path | None = None,
            env: Mapping[str, str] | None = None) -> None:
        """Run a command, its output going to the log.

        Parameters: `argv` the command; `cwd` its folder; `env` variables added to this
        process's own.  Raises CommandFailed, and SetupError if there is no such program.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(argv)}\n".encode())
            log.flush()
            try:
                process = subprocess.Popen(
                    argv, cwd=cwd, env={**os.environ, **(env or {})},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            except FileNotFoundError as error:
                raise SetupError(f"{argv[0]} is not installed",
                                 fix=f"install {argv[0]}, then run this again") from error
            status = self._wait(process)
        if status:
            raise CommandFailed(argv, status, self.log)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            while True:
                try:
                    return process.wait(TICK_SECONDS)
                except subprocess.TimeoutExpired:
                    self._show(f"{time.monotonic() - self.started:.0f} s")
        except BaseException:
            # Ctrl-C reaches the child too; SIGTERM to this process alone does not.
            process.terminate()
            process.wait()
            raise


class Progress:
    """Prints the steps; `logs` is the folder that gets one log file a step."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._moving = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._ticks = 0

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Announce a step, run the block, print its result line; a failure is printed too."""
        make_folder(self._logs)
        log = self._logs / f"{name.replace(' ', '-')}.log"
        log.write_bytes(b"")
        step = Step(name, log, lambda text: self._spin(name, text))
        self._spin(name, "")
        try:
            yield step
        except BaseException as error:
            word = "failed" if isinstance(error, Exception) else "interrupted"
            self._line(name, word, time.monotonic() - step.started)
            raise
        self._line(name, step.result, time.monotonic() - step.started)

    def note(self, text: str) -> None:
        """Print something the user must read, between two steps."""
        print("\n".join(f"    {line}".rstrip() for line in text.splitlines()), flush=True)

    def _spin(self, name: str, text: str) -> None:
        if self._moving:
            self._ticks += 1
            spinner = SPINNER[self._ticks % len(SPINNER)]
            print(f"\r\x1b[K  {name:{NAME_WIDTH}} {spinner} {text}", end="", flush=True)

    def _line(self, name: str, result: str, seconds: float) -> None:
        start = "\r\x1b[K" if self._moving else ""
        print(f"{start}  {name:{NAME_WIDTH}} {result:48} {seconds:6.1f} s", flush=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the project's set-up lock: of two at once, the second waits and says so."""
    make_folder(folder)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another set-up of this project is running: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_folder(folder: Path) -> None:
    """Make the folder of logs and of the lock; raises SetupError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be made: {error.strerror}",
            fix="free some space, or clone the project into a folder of your own") from error


def end_on_sigterm() -> None:
    """Let SIGTERM unwind like Ctrl-C, so that a step's command is ended with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
