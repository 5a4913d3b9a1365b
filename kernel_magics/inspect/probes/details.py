"""What an open file of each kind has to say for itself, in a few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernel_magics.inspect.values.walking import walk_list

__all__ = ["detail_of"]

MOST_WATCHES = 4096


def detail_of(file: Any, kind: str, problems: list[str]) -> str:
    """Return the state of a pipe, counter, timer … in words, "" where there is none.

    A kind whose structure the image does not know has none.
    """
    describe = _DESCRIBE.get(kind)
    try:
        return describe(file, problems) if describe else ""
    except LookupError:
        return ""


def _pipe(file: Any, _problems: list[str]) -> str:
    pipe = _as(file.data, "struct vfs_pipe *")
    held = int(pipe.ring.tail) - int(pipe.ring.head)
    return f"{held} bytes, {int(pipe.readers)} readers, {int(pipe.writers)} writers"


def _eventfd(file: Any, _problems: list[str]) -> str:
    event = _as(file.data, "struct eventfd *")
    return f"count {int(event.count)}" + (", semaphore" if event.semaphore else "")


def _epoll(file: Any, problems: list[str]) -> str:
    epoll = _as(file.data, "struct epoll *")
    watched = [int(watch.descriptor) for watch in
               walk_list(epoll.watches, "of_epoll", problems, most=MOST_WATCHES,
                         what="the list of an epoll's watches")]
    return f"watches {', '.join(map(str, sorted(watched))) or 'nothing'}"


def _timerfd(file: Any, _problems: list[str]) -> str:
    timer = _as(file.data, "struct kern_timer *")
    if not timer.set:
        return f"not set, expired {int(timer.expirations)} times"
    every = f", every {int(timer.interval_ns) / 1e9:g} s" if timer.interval_ns else ""
    return f"due at {int(timer.deadline_ns) / 1e9:.3f} s{every}"


def _socket(file: Any, problems: list[str]) -> str:
    from kernel_magics.inspect.probes.endpoints import describe_socket

    return describe_socket(_as(file.data, "struct net_socket *"), problems).text()


def _terminal(file: Any, _problems: list[str]) -> str:
    tty = file.prog_["vfs_tty"]
    return f"{int(tty.tail) - int(tty.head)} bytes typed and not read"


def _as(pointer: Any, type_name: str) -> Any:
    import drgn

    return drgn.cast(type_name, pointer)


_DESCRIBE: dict[str, Callable[[Any, list[str]], str]] = {
    "pipe": _pipe, "eventfd": _eventfd, "epoll": _epoll, "timerfd": _timerfd,
    "socket": _socket, "terminal": _terminal,
}
