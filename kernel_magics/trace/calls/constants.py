"""Names of the numbers that calls are given: flags, commands, signals, errors.

Source: Linux's headers for x86-64, where possible by way of Python's own modules; for
hypercalls images/rumpkit/include/rumpuser.h.
"""

import errno
import mmap
import os
import signal
import socket
from collections.abc import Callable

from kernel_magics.trace.calls.rumpuser_names import (
    NETBSD_ERRORS,
    RUMPUSER_CHOICES,
    RUMPUSER_FLAGS,
    RUMPUSER_TEXTS,
)

__all__ = ["AT_FDCWD", "DECODERS", "POLL_EVENTS", "WORDS_HELP", "error_name", "flags",
           "rumpuser_error_name"]

AT_FDCWD = -100
NETBSD_OWN_ERRORS = 3900  # as in images/rumprun/trace_netbsd.h
# What choosing.choose understands; here, because a magic's manual says it too.
WORDS_HELP = (
    "Words that must all match: a name or glob of events or groups (write, rumpuser_mutex_*,"
    " syscall); event:NAME exactly; layer:sys, rumpuser, bmk, arch or host; thread:3 or a"
    " thread's name; process:1 or a program's name; caller:GLOB of the function"
    " that made the call; >10us, <2ms by duration; failed, or error:ENOENT; after:1.5s and"
    " before:2s since the start; -WORD for the opposite")
_MASK32 = 0xFFFF_FFFF


def rumpuser_error_name(result: int) -> str:
    """Return "ETIMEDOUT" for 60, "" for what is no error of a rumpuser hypercall."""
    return NETBSD_ERRORS.get(result, "")


def error_name(result: int) -> str:
    """Return "ENOENT" for -2, "" for what is no error of a system call.

    A system call of NetBSD's is recorded with Linux's number of its error, and with one of its
    own, from NETBSD_OWN_ERRORS on, where Linux has none.
    """
    if not -4096 < result < 0:
        return ""
    return errno.errorcode.get(-result) or NETBSD_ERRORS.get(-result - NETBSD_OWN_ERRORS, "")


def flags(value: int, names: dict[int, str], zero: str = "0") -> str:
    """Return "A|B|0x40" for a set of bits; what has no name stays a number."""
    if not value:
        return zero
    found = []
    for bit, name in names.items():
        if bit and value & bit == bit:
            found.append(name)
            value &= ~bit
    return "|".join([*found, *([f"{value:#x}"] if value else [])])


def _named(module: object, *prefixes: str) -> dict[int, str]:
    """Return value → name of a module's constants, composed ones first."""
    found = {int(getattr(module, name)): name for name in sorted(dir(module), reverse=True)
             if name.startswith(prefixes) and isinstance(getattr(module, name), int)}
    return dict(sorted(found.items(), key=lambda pair: -pair[0].bit_count()))


_ACCESS = {0: "O_RDONLY", 1: "O_WRONLY", 2: "O_RDWR"}
_OPEN = {bit: name for bit, name in _named(os, "O_").items()
         if bit > 2 and name not in ("O_FSYNC", "O_RSYNC", "O_NDELAY")} | {0x8000: "O_LARGEFILE"}
_PROTECTION = {mmap.PROT_READ: "PROT_READ", mmap.PROT_WRITE: "PROT_WRITE",
               mmap.PROT_EXEC: "PROT_EXEC"}
_MAP = {1: "MAP_SHARED", 2: "MAP_PRIVATE", 0x10: "MAP_FIXED", 0x20: "MAP_ANONYMOUS",
        0x800: "MAP_DENYWRITE", 0x4000: "MAP_NORESERVE", 0x8000: "MAP_POPULATE",
        0x20000: "MAP_STACK"}
_FUTEX = ("FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE",
          "FUTEX_WAKE_OP", "FUTEX_LOCK_PI", "FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI",
          "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET")
_FUTEX_FLAGS = {128: "FUTEX_PRIVATE_FLAG", 256: "FUTEX_CLOCK_REALTIME"}
_WHENCE = {0: "SEEK_SET", 1: "SEEK_CUR", 2: "SEEK_END"}
_CLOCKS = {0: "CLOCK_REALTIME", 1: "CLOCK_MONOTONIC", 2: "CLOCK_PROCESS_CPUTIME_ID",
           3: "CLOCK_THREAD_CPUTIME_ID", 4: "CLOCK_MONOTONIC_RAW", 7: "CLOCK_BOOTTIME"}
_FCNTL = {0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL", 5: "F_GETLK",
          6: "F_SETLK", 7: "F_SETLKW", 1030: "F_DUPFD_CLOEXEC"}
_EPOLL = {1: "EPOLL_CTL_ADD", 2: "EPOLL_CTL_DEL", 3: "EPOLL_CTL_MOD"}
_IOCTL = {0x5401: "TCGETS", 0x5402: "TCSETS", 0x5413: "TIOCGWINSZ", 0x5421: "FIONBIO",
          0x541B: "FIONREAD", 0x540F: "TIOCGPGRP", 0x5410: "TIOCSPGRP"}
_ARCH_PRCTL = {0x1001: "ARCH_SET_GS", 0x1002: "ARCH_SET_FS", 0x1003: "ARCH_GET_FS"}
_SIGMASK = {0: "SIG_BLOCK", 1: "SIG_UNBLOCK", 2: "SIG_SETMASK"}
_CLONE = {0x100: "CLONE_VM", 0x200: "CLONE_FS", 0x400: "CLONE_FILES", 0x800: "CLONE_SIGHAND",
          0x4000: "CLONE_VFORK", 0x10000: "CLONE_THREAD", 0x40000: "CLONE_SYSVSEM",
          0x80000: "CLONE_SETTLS", 0x100000: "CLONE_PARENT_SETTID",
          0x200000: "CLONE_CHILD_CLEARTID", 0x400000: "CLONE_DETACHED",
          0x1000000: "CLONE_CHILD_SETTID"}
_SOCKET_KINDS = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
_SOCKET_FLAGS = {0x80000: "SOCK_CLOEXEC", 0x800: "SOCK_NONBLOCK"}
_SHUTDOWN = {0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}
_LEVELS = {1: "SOL_SOCKET", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP", 0: "IPPROTO_IP",
           41: "IPPROTO_IPV6"}
_MESSAGE = {0x40: "MSG_DONTWAIT", 0x4000: "MSG_NOSIGNAL", 2: "MSG_PEEK", 0x100: "MSG_WAITALL",
            0x8000: "MSG_MORE"}
_AT = {0x100: "AT_SYMLINK_NOFOLLOW", 0x1000: "AT_EMPTY_PATH", 0x400: "AT_SYMLINK_FOLLOW",
       0x200: "AT_REMOVEDIR"}
POLL_EVENTS = {1: "POLLIN", 2: "POLLPRI", 4: "POLLOUT", 8: "POLLERR", 16: "POLLHUP",
               0x2000: "POLLRDHUP", 1 << 30: "EPOLLONESHOT", 1 << 31: "EPOLLET"}
_MODES = {0: "F_OK", 4: "R_OK", 2: "W_OK", 1: "X_OK"}


def _one(names: dict[int, str]) -> Callable[[int], str]:
    return lambda value: names.get(value & _MASK32, str(_signed(value)))


def _bits(names: dict[int, str], zero: str = "0") -> Callable[[int], str]:
    return lambda value: flags(value & _MASK32, names, zero)


def _signed(value: int) -> int:
    value &= _MASK32
    return value - (1 << 32) if value >> 31 else value


def _open_flags(value: int) -> str:
    rest = flags(value & _MASK32 & ~3, _OPEN, "")
    return "|".join([_ACCESS.get(value & 3, "3"), *([rest] if rest else [])])


def _futex(value: int) -> str:
    operation, rest = value & 127, flags(value & ~127 & _MASK32, _FUTEX_FLAGS, "")
    name = _FUTEX[operation] if operation < len(_FUTEX) else str(operation)
    return "|".join([name, *([rest] if rest else [])])


def _signal(value: int) -> str:
    try:
        return signal.Signals(value & _MASK32).name
    except ValueError:
        return str(_signed(value))


def _family(value: int) -> str:
    try:
        return socket.AddressFamily(value & _MASK32).name
    except ValueError:
        return str(_signed(value))


def _socket_type(value: int) -> str:
    kind = _SOCKET_KINDS.get(value & 15, str(value & 15))
    rest = flags(value & _MASK32 & ~15, _SOCKET_FLAGS, "")
    return "|".join([kind, *([rest] if rest else [])])


def _octal(value: int) -> str:
    return f"0{value & 0o7777777:o}"


def _clone(value: int) -> str:
    rest = _signal(value & 0xFF) if value & 0xFF else ""
    return "|".join([flags(value & _MASK32 & ~0xFF, _CLONE, ""), *([rest] if rest else [])])


# By call and argument; "" is any call.  What is not here is shown as a number or address.
DECODERS: dict[tuple[str, str], Callable[[int], str]] = {
    ("open", "flags"): _open_flags, ("openat", "flags"): _open_flags,
    ("pipe2", "flags"): _open_flags, ("dup3", "flags"): _open_flags,
    ("eventfd2", "flags"): _open_flags, ("epoll_create1", "flags"): _open_flags,
    ("accept4", "flags"): _bits(_SOCKET_FLAGS), ("", "mode"): _octal,
    ("access", "mode"): _bits(_MODES, "F_OK"), ("faccessat", "mode"): _bits(_MODES, "F_OK"),
    ("faccessat2", "mode"): _bits(_MODES, "F_OK"),
    ("", "prot"): _bits(_PROTECTION, "PROT_NONE"), ("mmap", "flags"): _bits(_MAP),
    ("", "futex_op"): _futex, ("", "whence"): _one(_WHENCE), ("", "clockid"): _one(_CLOCKS),
    ("fcntl", "cmd"): _one(_FCNTL), ("epoll_ctl", "op"): _one(_EPOLL),
    ("ioctl", "request"): _one(_IOCTL), ("arch_prctl", "code"): _one(_ARCH_PRCTL),
    ("rt_sigprocmask", "how"): _one(_SIGMASK), ("", "sig"): _signal, ("", "signum"): _signal,
    ("clone", "flags"): _clone, ("", "domain"): _family, ("socket", "type"): _socket_type,
    ("socketpair", "type"): _socket_type, ("shutdown", "how"): _one(_SHUTDOWN),
    ("", "level"): _one(_LEVELS), ("sendto", "flags"): _bits(_MESSAGE),
    ("recvfrom", "flags"): _bits(_MESSAGE), ("sendmsg", "flags"): _bits(_MESSAGE),
    ("recvmsg", "flags"): _bits(_MESSAGE), ("newfstatat", "flags"): _bits(_AT),
    ("unlinkat", "flags"): _bits(_AT), ("fchownat", "flags"): _bits(_AT),
    ("statx", "flags"): _bits(_AT),
    **{key: _one(names) for key, names in RUMPUSER_CHOICES.items()},
    **{key: _bits(names) for key, names in RUMPUSER_FLAGS.items()}, **RUMPUSER_TEXTS,
}
