"""What a blocked thread of a Rumprun guest waits for, from its backtrace.

A thread of a program blocks in libpthread, which parks it with bmk's scheduler, or in the
rump kernel, which blocks through a hypercall: rumpuser_cv_wait and its like.

Source: lib/libpthread of NetBSD 7, sys/rump/librump/rumpkern, and
lib/libbmk_rumpuser/rumpuser_synch.c of github.com/rumpkernel/rumprun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kernel_magics.inspect.rumprun.system_calls import MOST_POLLED, RumpCall, system_call_of
from kernel_magics.inspect.rumprun.values import pointer_of
from kernel_magics.inspect.stacks.stack import Backtrace, StackFrame
from kernel_magics.inspect.threads.wait_types import Wait
from kernel_magics.inspect.threads.waits import with_deadline
from kernel_magics.inspect.values.object_names import pointer_path

if TYPE_CHECKING:
    from kernel_magics.inspect.rumprun.thread_facts import RumprunFacts
    from kernel_magics.inspect.threads.thread import Thread

__all__ = ["wait_of"]

_PREFIX, _TRACED = "rumpns_", "__wrap_"
_OWNER_BITS = 0xF  # of a mutex's owner: flags of libpthread's
# Functions through which everything blocks; what for is further out.
_WAYS = frozenset((
    "schedule", "bmk_sched_block", "bmk_platform_cpu_block", "hlt", "wait", "rumpuser_cv_wait",
    "rumpuser_cv_timedwait", "rumpuser_cv_wait_nowrap", "docvwait", "cv_wait", "cv_wait_sig",
    "cv_timedwait", "cv_timedwait_sig", "sleepq_block", "mtsleep", "ltsleep", "tsleep",
    "kpause", "rumpuser_clock_sleep", "threadbouncer", "bmk_cpu_sched_bouncer",
    "bmk_sched_exit", "rumpuser_thread_join", "workqueue_worker", "sithread", "doclock",
    "rump_schedule_cpu_interlock", "rumpkern_sched", "rump_schedule"))
# Functions of libpthread, and the parameter that is what they wait for.
_PARKED = (("pthread_join", "join", "thread"),
           ("pthread__mutex_lock_slow", "mutex", "ptm"), ("pthread_mutex_", "mutex", "ptm"),
           ("pthread_rwlock_", "rwlock", "ptr"), ("pthread__rwlock_", "rwlock", "ptr"),
           ("pthread_barrier_wait", "barrier", "barrier"), ("sem_", "semaphore", "sem"),
           ("pthread_cond_", "condition", "cond"))
_KERNEL = {
    "doisr": Wait("runtime", "an interrupt"),
    "doclock": Wait("sleep", "the next tick of the rump kernel's clock"),
    "workqueue_worker": Wait("runtime", "work for its queue"),
    "sithread": Wait("runtime", "a software interrupt"),
    "sithread_cpu_bouncer": Wait("runtime", "a software interrupt for another processor"),
    "xc_thread": Wait("runtime", "a call for another processor"),
    "uvm_pageout": Wait("runtime", "memory to run short"),
    "rump_schedule_cpu_interlock": Wait("kernel lock", "the rump kernel's one processor"),
}


def wait_of(thread: Thread, trace: Backtrace, facts: RumprunFacts) -> Wait:
    """Return what a blocked thread waits for; `facts` is what is known of the guest."""
    found = _parked(thread, trace, facts) or _joined(trace, facts) \
        or _kernel_lock(trace, facts) or _known_place(trace) \
        or _in_system_call(thread, trace, facts) or _of_place(trace, thread)
    return with_deadline(found, thread)


def plain(frame: StackFrame) -> str:
    """Return a frame's function without the prefix that the rump kernel's names have, or that
    a hypercall's has in an image that traces its calls."""
    return frame.function.removeprefix(_PREFIX).removeprefix(_TRACED)


# In libpthread

def _parked(thread: Thread, trace: Backtrace, facts: RumprunFacts) -> Wait | None:
    names = [frame.function for frame in trace]
    if not any(name.startswith(("___lwp_park", "_lwp_park")) for name in names):
        return None
    for start, kind, parameter in _PARKED:
        frame = next((one for one in trace if one.function.startswith(start)), None)
        if frame is not None:
            address = _object(frame, kind, parameter, thread, facts)
            return _OF_KIND.get(kind, _other)(kind, address, thread, trace, facts)
    return Wait("runtime", "to be woken by another thread")


def _object(frame: StackFrame, kind: str, parameter: str, thread: Thread,
            facts: RumprunFacts) -> int:
    """Return the address of what is waited for."""
    slept_on: int = getattr(thread.record, "sleeps_on", 0)
    if kind == "condition" and slept_on:
        return slept_on
    found = pointer_of(frame, parameter)
    if found or kind != "rwlock":
        return found or slept_on
    # (those who want to read and to write sleep on a queue each, inside the lock)
    for queue in ("ptr_rblocked", "ptr_wblocked"):
        start = slept_on - facts.structures.offset("pthread_rwlock_t", queue)
        row = facts.structures.read("pthread_rwlock", start) if slept_on else None
        if row is not None and row["ptr_magic"] == facts.RWLOCK_MAGIC:
            return start
    return slept_on


def _mutex(kind: str, address: int, thread: Thread, trace: Backtrace,
           facts: RumprunFacts) -> Wait:
    owner = facts.structures.read("pthread_mutex", address) if address else None
    return _held(kind, address, facts.by_pthread((owner or {}).get("ptm_owner", 0)
                                                 & ~_OWNER_BITS), thread, trace, facts)


def _rwlock(kind: str, address: int, thread: Thread, trace: Backtrace,
            facts: RumprunFacts) -> Wait:
    row = (facts.structures.read("pthread_rwlock", address) if address else None) or {}
    word = row.get("ptr_owner", 0)
    if word & facts.WRITE_LOCKED or not word:
        return _held(kind, address, facts.by_pthread(word & ~_OWNER_BITS), thread, trace, facts)
    readers = word >> facts.READERS_SHIFT
    name = name_of(address, thread, trace, facts)
    return Wait(kind, f"{kind} {name or hex(address)} held by {readers} "
                      f"reader{'s' if readers > 1 else ''}", address=address, name=name)


def _join(_kind: str, address: int, _thread: Thread, _trace: Backtrace,
          facts: RumprunFacts) -> Wait:
    found = facts.by_pthread(address)
    if found is None:
        return Wait("join", "the end of a thread", address=address)
    return Wait("join", f"the end of {found.named}", address=address, holder=found.number)


def _other(kind: str, address: int, thread: Thread, trace: Backtrace,
           facts: RumprunFacts) -> Wait:
    name = name_of(address, thread, trace, facts)
    said = name or (hex(address) if address else "")
    return Wait(kind, f"{kind} {said}".rstrip(), address=address, name=name)


_OF_KIND: dict[str, Callable[..., Wait]] = {"mutex": _mutex, "rwlock": _rwlock, "join": _join}


def _held(kind: str, address: int, owner: Thread | None, thread: Thread, trace: Backtrace,
          facts: RumprunFacts) -> Wait:
    name = name_of(address, thread, trace, facts)
    text = f"{kind} {name or (hex(address) if address else '')}".rstrip()
    if owner is not None:
        text += f" held by {'itself' if owner is thread else owner.named}"
    return Wait(kind, text, address=address, name=name, holder=owner.number if owner else 0)


def name_of(address: int, thread: Thread, trace: Backtrace, facts: RumprunFacts) -> str:
    """Return the name of an object: of a variable, or as a frame's pointer leads to it."""
    if not address:
        return ""
    found = facts.name_at(address, thread)
    frame = next((one for one in trace if one.layer == "app" and one.line), None)
    return found or (pointer_path(frame.locals, address) if frame is not None else "")


# In bmk and the rump kernel

def _joined(trace: Backtrace, facts: RumprunFacts) -> Wait | None:
    """Return the wait of a thread that has ended, or for one that has not."""
    for frame in trace:
        if frame.function == "bmk_sched_exit_withtls":
            return Wait("join", "another thread to see that it has ended")
        if frame.function == "bmk_sched_join":
            wanted = facts.by_address(pointer_of(frame, "joinable"))
            return Wait("join", f"the end of {wanted.named if wanted else 'a thread'}",
                        holder=wanted.number if wanted else 0)
    return None


def _kernel_lock(trace: Backtrace, facts: RumprunFacts) -> Wait | None:
    for frame in trace:
        if frame.function in ("rumpuser_mutex_enter", "rumpuser_mutex_enter_nowrap"):
            address = pointer_of(frame, "mtx")
            row = facts.structures.read("mutex", address) or {}
            return _kernel_wait(address, facts.by_address(row.get("bmk_o", 0)), trace)
        if frame.function == "rumpuser_rw_enter":
            address = pointer_of(frame, "rw")
            row = facts.structures.read("rw", address) or {}
            return _kernel_wait(address, facts.by_lwp(row.get("o", 0)), trace)
    return None


def _kernel_wait(address: int, owner: Thread | None, trace: Backtrace) -> Wait:
    caller = next((one for one in trace if plain(one) not in _WAYS
                   and not plain(one).startswith(("rumpuser_", "mutex_", "rw_"))), None)
    text = f"a lock of the rump kernel's in {plain(caller)}" if caller else \
        "a lock of the rump kernel's"
    if owner is not None:
        text += f", held by {owner.named}"
    return Wait("kernel lock", text, address=address, holder=owner.number if owner else 0)


def _known_place(trace: Backtrace) -> Wait | None:
    return next((_KERNEL[plain(one)] for one in trace if plain(one) in _KERNEL), None)


def _in_system_call(thread: Thread, trace: Backtrace, facts: RumprunFacts) -> Wait | None:
    call = system_call_of(trace)
    if call is None:
        return None
    if call.name in ("nanosleep", "clock_nanosleep"):
        return Wait("sleep", "the time to pass")
    if call.descriptor >= 0:
        return Wait("file", f"{call.name} on {facts.descriptor(thread.process, call.descriptor)}",
                    descriptor=call.descriptor)
    if call.name in ("poll", "pollts", "select", "pselect", "kevent"):
        return Wait("poll", _polled(call, thread, facts))
    if call.name.startswith(("ksem_", "do_ksem_")):
        return Wait("semaphore", "a semaphore")
    if call.name in ("wait4", "waitid", "wait6"):
        return Wait("child", "a child process")
    if call.name in ("sigsuspend", "sigtimedwait", "pause"):
        return Wait("signal", "a signal")
    return Wait("call", call.name)


def _polled(call: RumpCall, thread: Thread, facts: RumprunFacts) -> str:
    """Return a poll and its descriptors in words."""
    address, count = call.polled
    shown = []
    for index in range(min(count, MOST_POLLED) if address else 0):
        number = thread.space.word(address + 8 * index, 4)  # struct pollfd begins with it
        if number is not None and not number >> 31:
            shown.append(facts.descriptor(thread.process, number))
    more = f" and {count - MOST_POLLED} more" if count > MOST_POLLED else ""
    return f"{call.name} on {', '.join(shown)}{more}" if shown else call.name


def _of_place(trace: Backtrace, thread: Thread) -> Wait:
    """Name the first function that is no general way of waiting."""
    message: str = getattr(thread.record, "wait_message", "")
    for frame in trace:
        if frame.function and plain(frame) not in _WAYS and not frame.is_inlined:
            why = f", which says {message!r}" if message else ""
            if any(one.function == "rumpuser_clock_sleep" for one in trace):
                return Wait("sleep", f"the time to pass in {plain(frame)}{why}")
            return Wait("runtime", f"{plain(frame)}{why}")
    return Wait("unknown", message or "unknown")
