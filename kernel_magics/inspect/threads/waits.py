"""What a blocked thread waits for, from its backtrace and its system call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kernel_magics.inspect.stacks.stack import Backtrace
from kernel_magics.inspect.threads.thread_table import FOREVER
from kernel_magics.inspect.threads.wait_locks import futex_wait, kernel_lock_wait
from kernel_magics.inspect.threads.wait_types import SystemCall, Wait

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread
    from kernel_magics.inspect.threads.wait_facts import WaitFacts

__all__ = ["system_call_of", "wait_of", "with_deadline"]

_ENTRY = "arch_syscall_entry"
_NS_PER_S = 1_000_000_000
MOST_POLLED = 8
_POLLFD_BYTES = 8
# Where a wait goes through whatever it is for; what it is for is further out.
_WAYS = frozenset((
    "next_ready", "switch_away", "bmk_waitq_sleep", "bmk_thread_join", "cv_sleep",
    "rumpuser_cv_wait", "rumpuser_cv_timedwait", "rumpuser_cv_wait_nowrap", "sleep_until",
    "kern_wait", "kern_wait_uninterrupted", "vfs_sleep", "vfs_wait", "vfs_sleep_on",
    "vfs_sleep_on_until", "bmk_schedule_leave"))


@dataclass(frozen=True)
class _Call:
    """How a system call that may sleep is named, and which argument says on what."""

    name: str
    descriptor: int = -1


# Linux's numbers on x86-64.
_CALLS = {
    0: _Call("read", 0), 1: _Call("write", 0), 17: _Call("pread64", 0),
    18: _Call("pwrite64", 0), 19: _Call("readv", 0), 20: _Call("writev", 0),
    34: _Call("pause"), 40: _Call("sendfile", 0), 42: _Call("connect", 0),
    43: _Call("accept", 0), 44: _Call("sendto", 0), 45: _Call("recvfrom", 0),
    46: _Call("sendmsg", 0), 47: _Call("recvmsg", 0), 58: _Call("vfork"), 61: _Call("wait4"),
    73: _Call("flock", 0), 74: _Call("fsync", 0), 75: _Call("fdatasync", 0), 2: _Call("open"),
    128: _Call("rt_sigtimedwait"), 130: _Call("rt_sigsuspend"), 232: _Call("epoll_wait", 0),
    247: _Call("waitid"), 257: _Call("openat"), 275: _Call("splice", 0),
    281: _Call("epoll_pwait", 0), 288: _Call("accept4", 0), 299: _Call("recvmmsg", 0),
    307: _Call("sendmmsg", 0), 16: _Call("ioctl", 0), 59: _Call("execve"), 3: _Call("close", 0),
}
_SLEEPS = {35: "nanosleep", 230: "clock_nanosleep"}
_POLLS = {7: "poll", 271: "ppoll"}
_SELECTS = {23: "select", 270: "pselect6"}
_FUTEX = 202
_CHILDREN = {61: "a child process", 247: "a child process", 58: "the vfork's child"}
_SIGNALS = {34: "a signal", 128: "a signal", 130: "a signal"}


def wait_of(thread: Thread, trace: Backtrace, facts: WaitFacts) -> Wait:
    """Return what a blocked thread waits for; `facts` is what is known of the guest."""
    call = system_call_of(trace)
    found = kernel_lock_wait(thread, trace, facts) or (_of_call(call, thread, trace, facts)
                                               if call is not None else None)
    return with_deadline(found or _of_place(trace, call), thread)


def system_call_of(trace: Backtrace) -> SystemCall | None:
    """Return the system call a thread is in, with its arguments; None if in none."""
    frames = list(trace)
    for frame, caller in pairwise(frames):
        if frame.function == _ENTRY and caller.activation is not None:
            known = caller.registers
            if "rax" in known:
                arguments = [known.get(name, 0)
                             for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9")]
                return SystemCall(known["rax"], tuple(arguments))
    return None


def _of_call(call: SystemCall, thread: Thread, trace: Backtrace,
             facts: WaitFacts) -> Wait | None:
    special: dict[int, Callable[[], Wait]] = {
        _FUTEX: lambda: futex_wait(call, thread, trace, facts),
        **dict.fromkeys(_SLEEPS, lambda: Wait("sleep", "the time to pass")),
        **dict.fromkeys(_POLLS, lambda: _poll(call, thread, facts)),
        **dict.fromkeys(_SELECTS, lambda: Wait("poll", f"{_SELECTS[call.number]} of "
                                               f"{call.arguments[0]} descriptors")),
        **{number: lambda: Wait("child", _CHILDREN[call.number]) for number in _CHILDREN},
        **{number: lambda: Wait("signal", _SIGNALS[call.number]) for number in _SIGNALS},
    }
    if call.number in special:
        return special[call.number]()
    known = _CALLS.get(call.number)
    if known is None:
        return None
    if known.descriptor < 0:
        return Wait("call", known.name)
    descriptor = call.arguments[known.descriptor] & 0xFFFF_FFFF
    return Wait("file", f"{known.name} on {facts.descriptor(thread.process, descriptor)}",
                descriptor=descriptor)


def _poll(call: SystemCall, thread: Thread, facts: WaitFacts) -> Wait:
    count = call.arguments[1] & 0xFFFF_FFFF
    shown = []
    for index in range(min(count, MOST_POLLED)):
        descriptor = thread.space.word(call.arguments[0] + index * _POLLFD_BYTES, 4)
        if descriptor is not None and not descriptor >> 31:  # (negative ones are left out)
            shown.append(facts.descriptor(thread.process, descriptor))
    more = f" and {count - MOST_POLLED} more" if count > MOST_POLLED else ""
    if not shown:
        return Wait("sleep", "the time to pass" if not count else f"poll of {count} descriptors")
    return Wait("poll", f"{_POLLS[call.number]} on {', '.join(shown)}{more}")


def _of_place(trace: Backtrace, call: SystemCall | None) -> Wait:
    """Name the first function that is no general way of waiting."""
    for frame in trace:
        if frame.function and frame.function not in _WAYS and not frame.is_inlined:
            if frame.function in ("handle", _ENTRY):
                break
            return Wait("runtime", f"{frame.named}")
    return Wait("call", f"system call {call.number}") if call else Wait("unknown", "unknown")


def with_deadline(wait: Wait, thread: Thread) -> Wait:
    """Return a wait with the time at which it ends by itself, if it does."""
    deadline = thread.record.deadline_ns
    if deadline >= FOREVER or deadline <= 0:
        return wait
    seconds = f"{deadline / _NS_PER_S:.3f} s after boot"
    text = f"{wait.text}, until {seconds}"
    return wait.changed(text=text, deadline_ns=deadline)
