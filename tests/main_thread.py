"""Where the main thread is, for tests in which another thread interrupts it there."""

import signal
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["interrupt_in", "main_thread_is_in"]


def main_thread_is_in(function: str) -> bool:
    """Return whether a function of this name is being run by the main thread."""
    frame = sys._current_frames().get(threading.main_thread().ident)
    while frame and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


def interrupt_in(function: str, ready: Callable[[], bool] = lambda: True) -> None:
    """Wait until the main thread runs a function of this name, and all is `ready`; then give
    it a SIGINT.  No name that Thread.start calls, like wait: it would come too early."""
    while not (main_thread_is_in(function) and ready()):
        time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
