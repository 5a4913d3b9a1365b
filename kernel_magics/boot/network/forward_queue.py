"""How many connections wait at a forwarded port until QEMU takes them."""

import ctypes
import os
import socket
from collections.abc import Iterable

from kernel_magics.boot.process import ProcessId

__all__ = ["lengthen_queues"]

CONNECTIONS = 128
_PIDFD_GETFD = 438           # <asm-generic/unistd.h>; the same number everywhere


def lengthen_queues(process: ProcessId, descriptors: Iterable[int]) -> bool:
    """Let 128 connections wait at QEMU's listening sockets `descriptors`; True if they may.

    libslirp listens with a queue of one (tcpx_listen).  Linux ignores what asks for a
    connection while two wait, and the client tries again after a second; of those that it
    admits by a cookie it resets one whose first segment found no room and whose second did,
    as the header and the body of a POST.  listen(2) may be called again, by whoever has the
    socket: this process gets it by pidfd_getfd(2).  False, and nothing is changed, where that
    is not allowed: QEMU is another user's, or this kernel is older than 5.6.
    """
    pidfd = process.open()
    if pidfd is None:
        return False
    try:
        return all([_lengthen(pidfd, descriptor) for descriptor in descriptors])
    finally:
        os.close(pidfd)


def _lengthen(pidfd: int, descriptor: int) -> bool:
    copy = ctypes.CDLL(None).syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
    if copy < 0:
        return False
    try:
        with socket.socket(fileno=copy) as listener:
            if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return False
            listener.listen(CONNECTIONS)
    except OSError:  # not a socket
        return False
    return True
