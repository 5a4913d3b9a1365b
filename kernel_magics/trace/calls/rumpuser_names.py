"""Names of the numbers that hypercalls are given and return: NetBSD's.

Source: sys/rump/include/rump/rumpuser.h and sys/sys/errno.h of NetBSD; rumpuser(3).
"""

from collections.abc import Callable

__all__ = ["NETBSD_ERRORS", "RUMPUSER_CHOICES", "RUMPUSER_FLAGS", "RUMPUSER_TEXTS"]

# From 1 on, in order.
_ERRORS = """
EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK ENOMEM EACCES EFAULT ENOTBLK
EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE
EROFS EMLINK EPIPE EDOM ERANGE EAGAIN EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ EMSGSIZE
EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED ELOOP ENAMETOOLONG EHOSTDOWN EHOSTUNREACH
ENOTEMPTY EPROCLIM EUSERS EDQUOT ESTALE EREMOTE EBADRPC ERPCMISMATCH EPROGUNAVAIL EPROGMISMATCH
EPROCUNAVAIL ENOLCK ENOSYS EFTYPE EAUTH ENEEDAUTH EIDRM ENOMSG EOVERFLOW EILSEQ ENOTSUP ECANCELED
EBADMSG ENODATA ENOSR ENOSTR ETIME ENOATTR EMULTIHOP ENOLINK EPROTO
"""
NETBSD_ERRORS = dict(enumerate(_ERRORS.split(), 1))

_CLOCKS = {0: "RUMPUSER_CLOCK_RELWALL", 1: "RUMPUSER_CLOCK_ABSMONO"}
_LOCKS = {0: "RUMPUSER_RW_READER", 1: "RUMPUSER_RW_WRITER"}
# By call and argument: one of these, or a set of bits.
RUMPUSER_CHOICES: dict[tuple[str, str], dict[int, str]] = {
    ("rumpuser_clock_gettime", "clock"): _CLOCKS, ("rumpuser_clock_sleep", "clock"): _CLOCKS,
    ("rumpuser_curlwpop", "operation"): {0: "RUMPUSER_LWP_CREATE", 1: "RUMPUSER_LWP_DESTROY",
                                         2: "RUMPUSER_LWP_SET", 3: "RUMPUSER_LWP_CLEAR"},
    ("rumpuser_rw_enter", "kind"): _LOCKS, ("rumpuser_rw_tryenter", "kind"): _LOCKS,
    ("rumpuser_rw_held", "kind"): _LOCKS,
    ("rumpuser_seterrno", "error"): {0: "0", **NETBSD_ERRORS},
    ("rumpuser_exit", "status"): {0xFFFF_FFFF: "RUMPUSER_PANIC"}}
RUMPUSER_FLAGS: dict[tuple[str, str], dict[int, str]] = {
    ("rumpuser_mutex_init", "flags"): {1: "RUMPUSER_MTX_SPIN", 2: "RUMPUSER_MTX_KMUTEX"},
    ("rumpuser_getrandom", "flags"): {1: "RUMPUSER_RANDOM_HARD", 2: "RUMPUSER_RANDOM_NOWAIT"},
    ("rumpuser_bio", "operation"): {1: "RUMPUSER_BIO_READ", 2: "RUMPUSER_BIO_WRITE",
                                    4: "RUMPUSER_BIO_SYNC"},
    ("rumpuser_syncfd", "flags"): {1: "RUMPUSER_SYNCFD_READ", 2: "RUMPUSER_SYNCFD_WRITE",
                                   4: "RUMPUSER_SYNCFD_BARRIER", 8: "RUMPUSER_SYNCFD_SYNC"},
    ("rumpuser_open", "mode"): {1: "RUMPUSER_OPEN_WRONLY", 2: "RUMPUSER_OPEN_RDWR",
                                4: "RUMPUSER_OPEN_CREATE", 8: "RUMPUSER_OPEN_EXCL",
                                16: "RUMPUSER_OPEN_BIO"}}


def _character(value: int) -> str:
    """Return a character as C writes it."""
    text = chr(value & 0xFF)
    return f"'{text}'" if text.isprintable() and text != "'" else \
        f"'{text.encode('unicode_escape').decode()}'"


RUMPUSER_TEXTS: dict[tuple[str, str], Callable[[int], str]] = {
    ("rumpuser_putchar", "character"): _character}
