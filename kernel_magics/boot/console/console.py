"""A guest's console: everything it wrote, what it is told, and waiting for a text.

Any number of readers see all of the output, a notebook that starts later sees what was
written before, and no reader can hold a guest up: see console_log.py.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kernel_magics.boot.console.input import ConsoleInput
from kernel_magics.boot.console.log import ConsoleLog
from kernel_magics.boot.console.window import ConsoleWindow, WindowSize
from kernel_magics.boot.guest_files import GuestFiles
from kernel_magics.boot.notify import FileChanges
from kernel_magics.errors import GuestError, GuestTimeout, UsageError

__all__ = ["Console", "ConsoleGuest"]

RETAINED_BYTES = 16 << 20
TAIL_LINES = 10
SEARCH_BYTES_PER_S = 100e6  # paces the searches of a flooded console
SEND_PATIENCE_S = 5.0

Bytes = bytes  # the class below has an attribute of that name
Subscriber = Callable[[Bytes], None]


@dataclass(frozen=True, slots=True)
class ConsoleGuest:
    """What a console needs to know about its guest."""

    name: str
    has_ended: Callable[[], bool]
    counts: Callable[[], tuple[int, int]]  # bytes the guest wrote, bytes it dropped
    open_end: Callable[[], int | None]     # descriptor readable at the guest's end
    on_virtio: Callable[[], bool]          # whether it takes its input from the virtio console
    window: ConsoleWindow
    write: Callable[[bytes], None] | None = None  # input by other means than the socket
    watch: Callable[[], None] = lambda: None      # starts the thread that calls pump
    no_input: str = ""                     # why it can be given none
    doing: Callable[[], str] = str         # what its threads do, further lines of a message


class Console:
    """The console of one guest, during its life and after."""

    def __init__(self, files: GuestFiles, guest: ConsoleGuest) -> None:
        self._guest = guest
        self._input = ConsoleInput(files.serial_input, files.console_input, guest.name,
                                   guest.has_ended, guest.on_virtio)
        self._log = ConsoleLog(files.console_log)
        self._expected = 0
        self._subscribers: dict[Subscriber, int] = {}
        self._delivering = threading.RLock()
        self._finished = False
        self.retained_bytes = RETAINED_BYTES
        self.followers: set[Callable[[], int | None]] = set()
        """Each says from which byte on it still wants the output, or None for nothing."""

    # Reading

    @property
    def size_bytes(self) -> int:
        """How many bytes the console ever took, lost ones included."""
        return self._log.size_bytes

    @property
    def bytes(self) -> Bytes:
        """All output that is still there; complete unless `lost_bytes` is not 0."""
        return b"".join(self._log.chunks(self._log.start_bytes, self.size_bytes))

    @property
    def text(self) -> str:
        """`bytes` as text; what is not UTF-8 becomes U+FFFD."""
        return self.bytes.decode(errors="replace")

    @property
    def lost_bytes(self) -> int:
        """Output that cannot be read any more: behind the retained tail, dropped by the
        guest because nobody read, or not written by QEMU (a full disk)."""
        written, dropped = self._guest.counts()
        missing = max(0, written - self.size_bytes) if self._guest.has_ended() else 0
        return self._log.start_bytes + dropped + missing

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of output as text."""
        size = self.size_bytes
        start = max(self._log.start_bytes, size - 1024 * max(lines, 1))
        near = b"".join(self._log.chunks(start, size))
        return "\n".join(near.decode(errors="replace").splitlines()[-lines:])

    def since(self, position: int, most_bytes: int) -> tuple[int, Bytes]:
        """Return output from byte `position` of the stream on, at most so many bytes, and
        where it begins: later than `position` if what was there is lost."""
        return self._log.since(position, most_bytes)

    def changes(self, end: int | None) -> FileChanges:
        """Return what waits for more output, or for `end` to be readable."""
        return FileChanges(self._log.path, end)

    # Waiting for output

    def expect(self, pattern: str | re.Pattern[str],
               timeout: float | None = 10.0) -> re.Match[str]:
        """Wait until output matches `pattern` (searched after the last match); return it.

        `timeout` is in seconds, None for no limit.  Raises UsageError for a pattern that is
        no regular expression; GuestTimeout, or GuestError if the guest ends first; both show
        the console's tail, and the guest and its output are left as they are.
        """
        regex = _compiled(pattern)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changes() as changes:
            while True:
                ended = self._guest.has_ended()  # asked first: what came before is complete
                if match := self._search(regex):
                    return match
                if ended:
                    raise self._unmatched(regex, "ended", GuestError)
                time.sleep(min(self.size_bytes / SEARCH_BYTES_PER_S, 0.1))
                if not changes.wait(deadline and deadline - time.monotonic()):
                    raise self._unmatched(regex, f"has gone on for {timeout:g} s", GuestTimeout)

    def _search(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        # Latin-1 keeps one character a byte, so that a match's end is an offset in the
        # log; the match handed out is made on the decoded text.
        start = max(self._expected, self._log.start_bytes)
        data = b"".join(self._log.chunks(start, self.size_bytes))
        text = data.decode(errors="surrogateescape")
        match = regex.search(text)
        if match:
            self._expected = start + len(text[:match.end()].encode(errors="surrogateescape"))
        return match

    def _unmatched(self, regex: re.Pattern[str], what: str,
                   kind: type[GuestError]) -> GuestError:
        name = self._guest.name
        since = " since the last match" if self._expected else ""
        return kind(f"{name} {what} and its console has not shown {regex.pattern!r}{since}; "
                    f"it ends with:\n{self.tail() or '(nothing)'}"
                    + (self._guest.doing() if kind is GuestTimeout else ""), name=name,
                    next_step="look at guest.console.text, or expect something else")

    @contextmanager
    def _changes(self) -> Iterator[FileChanges]:
        end = self._guest.open_end()
        try:
            with self.changes(end) as changes:
                yield changes
        finally:
            if end is not None:
                os.close(end)

    # Sending

    def send(self, text: str | Bytes, timeout: float = SEND_PATIENCE_S) -> None:
        """Give the guest input, exactly as it is (end a line with a newline yourself).

        Waits until QEMU has taken all of it.  Raises GuestError if the guest has ended;
        GuestTimeout if it takes nothing for `timeout` seconds.
        """
        if self._guest.no_input:
            raise GuestError(f"{self._guest.name} cannot be given input: {self._guest.no_input}",
                             name=self._guest.name,
                             next_step="give it arguments, or a file on a disk, instead")
        data = text.encode() if isinstance(text, str) else bytes(text)
        if self._guest.has_ended():
            raise GuestError(f"{self._guest.name} has ended and reads no input",
                             name=self._guest.name, next_step="boot it again")
        if self._guest.write:
            self._guest.write(data)
            return
        self._input.send(data, timeout)

    # The window

    @property
    def window(self) -> WindowSize | None:
        """The size that the guest was told of the window its console is in; None: none yet,
        and it assumes 24 rows of 80 columns."""
        return self._guest.window.size()

    def resize(self, rows: int, columns: int, width_pixels: int = 0,
               height_pixels: int = 0) -> bool:
        """Tell the guest the window's size: TIOCGWINSZ has it at once, and the programs in the
        foreground get SIGWINCH.  False if it is the size it was.

        Raises UsageError for a size that is none; GuestError if the guest has ended, or cannot
        be told.
        """
        size = WindowSize(rows, columns, width_pixels, height_pixels).check()
        if self._guest.has_ended():
            raise GuestError(f"{self._guest.name} has ended and has no window any more",
                             name=self._guest.name, next_step="boot it again")
        return self._guest.window.resize(size)

    # Following (called by the guest's watcher)

    def subscribe(self, callback: Subscriber, *, from_start: bool = True) -> Callable[[], None]:
        """Call `callback(bytes)` for all output, in order: for what is there now at once,
        for what comes from a thread of the lab.

        With `from_start` False only for what comes from now on.  b"" is the last call,
        after the guest's end.  Returns a function that ends the subscription.
        """
        with self._delivering:
            self._subscribers[callback] = 0 if from_start else self.size_bytes
            if self._finished:
                self.finish()
            else:
                # The watcher may have seen all that a silent guest will ever write.
                self._pump()
        self._guest.watch()

        def unsubscribe() -> None:
            self._subscribers.pop(callback, None)

        return unsubscribe

    def pump(self) -> None:
        """Hand new output to the subscribers and trim what is behind the retained tail."""
        with self._delivering:
            self._pump()

    def _pump(self) -> None:
        size, start = self.size_bytes, self._log.start_bytes
        for callback, seen in list(self._subscribers.items()):
            for chunk in self._log.chunks(max(seen, start), size):
                callback(chunk)
            if callback in self._subscribers:
                self._subscribers[callback] = size
        self._log.trim(self.retained_bytes,
                       [at for follower in tuple(self.followers)
                        if (at := follower()) is not None])

    def finish(self) -> None:
        """Hand over the last output and tell the subscribers that it was the last."""
        with self._delivering:
            self._finished = True
            self._pump()
            for callback in list(self._subscribers):
                callback(b"")
            self._subscribers.clear()

    def __repr__(self) -> str:
        lost = f"[{self.lost_bytes} bytes lost]\n" if self.lost_bytes else ""
        return lost + self.text


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"not a regular expression: {pattern!r}: {error}",
                         next_step="put a backslash before . * + ? ( ) [ ] to match them "
                                   "as they are") from error
