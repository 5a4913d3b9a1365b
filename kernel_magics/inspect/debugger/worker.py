"""The one thread that talks to a guest's stub, so that Ctrl-C never cuts a conversation."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["Worker"]


class Worker(threading.Thread):
    """Runs functions in their order, in a thread that does not keep the process alive."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = \
            queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        """Do what comes, until `end`; the thread's body."""
        while (item := self._work.get()) is not None:
            work, result = item
            try:
                result.set_result(work())
            except BaseException as error:  # it belongs to whoever waits for the result
                result.set_exception(error)

    def start_work(self, work: Callable[[], Any]) -> "Future[Any]":
        """Have a function run; return its future at once."""
        result: Future[Any] = Future()
        self._work.put((work, result))
        return result

    def do(self, work: Callable[[], Any]) -> Any:
        """Run a function and return its result; called by one that runs already, directly.

        An interrupted wait (Ctrl-C) leaves the function to run to its end.
        """
        if threading.current_thread() is self:
            return work()
        return self.start_work(work).result()

    def end(self) -> None:
        """Let the thread end after what it has to do."""
        self._work.put(None)
