"""Waits for locks: futexes of musl and glibc, and the runtime's own mutexes.

A futex is a word at an address; what it stands for is known from the function of the C
library that waits at it, and then from the layout of that library's structures.

Source: musl 1.2.3, pthread_impl.h; glibc 2.36, struct_mutex.h, struct_rwlock.h and
thread-shared-types.h; images/rumpkit/rumpuser/locks.c, vfs/mutex.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel_magics.errors import LabError
from kernel_magics.inspect.stacks.stack import Backtrace, StackFrame
from kernel_magics.inspect.threads.lock_layouts import GLIBC, MUSL, Holder
from kernel_magics.inspect.threads.wait_types import SystemCall, Wait
from kernel_magics.inspect.values.object_names import pointer_path

if TYPE_CHECKING:
    from kernel_magics.inspect.threads.thread import Thread
    from kernel_magics.inspect.threads.wait_facts import WaitFacts

__all__ = ["futex_wait", "kernel_lock_wait", "kind_of_futex"]

# Parts of function names, the first that fits: musl's, glibc's, C11's.
_KINDS = (("mutex", ("pthread_mutex", "mtx_", "lll_lock_wait")),
          ("rwlock", ("pthread_rwlock",)),
          ("condition", ("pthread_cond_", "cnd_")),
          ("join", ("pthread_join", "pthread_timedjoin", "pthread_clockjoin", "thrd_join",
                    "pthread_tryjoin")),
          ("semaphore", ("sem_wait", "sem_timedwait", "sem_clockwait")),
          ("barrier", ("pthread_barrier",)),
          ("once", ("pthread_once", "call_once")),
          ("C library's lock", ("__lock", "lockfile", "flockfile")))


def kind_of_futex(trace: Backtrace) -> tuple[str, StackFrame | None]:
    """Return what a thread in futex(2) waits at, and the C library's frame that says so."""
    for frame in trace:
        if frame.layer == "libc":
            for kind, parts in _KINDS:
                if any(part in frame.function for part in parts):
                    return kind, frame
        elif frame.layer == "app":
            break
    return "futex", None


def futex_wait(call: SystemCall, thread: Thread, trace: Backtrace, facts: WaitFacts) -> Wait:
    """Return the wait of a thread in futex(2)."""
    address = call.arguments[0]
    kind, frame = kind_of_futex(trace)
    if kind == "join" or (kind == "futex" and _is_thread_word(address, thread, facts)):
        return _join(address, thread, facts)
    layouts = GLIBC if frame is not None and frame.module and "musl" not in frame.module \
        else MUSL
    if kind == "condition" and frame is not None:
        address = layouts.condition(address, frame, thread.space.word) or address
    else:
        address = layouts.start(kind, address)
    if kind in ("mutex", "rwlock"):
        return lock_wait(kind, address, layouts.holder(kind, address, thread.space.word),
                         thread, trace, facts)
    name = name_of(address, thread, trace, facts)
    return Wait(kind, f"{kind} {name or hex(address)}", address=address, name=name)


def _is_thread_word(address: int, thread: Thread, facts: WaitFacts) -> bool:
    """Whether the word is where another thread's number is, cleared at its end."""
    other = facts.by_structure(address, thread.process)
    return other is not None and other is not thread \
        and thread.space.word(address, 4) == other.record.tid


def lock_wait(kind: str, address: int, holder: Holder, thread: Thread, trace: Backtrace,
              facts: WaitFacts) -> Wait:
    """Return the wait for a lock of the program."""
    name = name_of(address, thread, trace, facts)
    owner = facts.by_tid(holder.tid, thread.process) if holder.tid else None
    text = f"{kind} {name or hex(address)}"
    if owner is not None:
        text += f" held by {who(owner, thread)}"
    elif holder.tid:
        text += f" held by thread {holder.tid}, which is gone"
    elif holder.readers:
        text += f" held by {holder.readers} reader{'s' if holder.readers > 1 else ''}"
    return Wait(kind, text, address=address, name=name, holder=owner.number if owner else 0,
                taken_at=holder.taken_at)


def who(owner: Thread, thread: Thread | None = None) -> str:
    """Return a thread in words."""
    return "itself" if owner is thread else owner.named


def name_of(address: int, thread: Thread, trace: Backtrace, facts: WaitFacts) -> str:
    """Return the name of a lock: of a variable, or as a frame's pointer leads to it."""
    return facts.name_at(address, thread) or _through_pointer(address, trace)


def _through_pointer(address: int, trace: Backtrace) -> str:
    """Return "to->lock" where a variable of the innermost frame of the program leads there."""
    frame = next((one for one in trace if one.layer == "app" and one.line), None)
    return pointer_path(frame.locals, address) if frame is not None else ""


def _join(address: int, thread: Thread, facts: WaitFacts) -> Wait:
    found = facts.by_structure(address, thread.process)
    if found is None or found is thread:
        return Wait("join", f"the end of the thread at {address:#x}", address=address)
    return Wait("join", f"the end of {who(found)}", address=address, holder=found.number)


# The runtime's own

_MUTEX, _RW = ("struct rumpuser_mtx", "holder"), ("struct rumpuser_rw", "writer")
_HOLDERS = {"mutex_wait": _MUTEX, "rumpuser_mutex_enter": _MUTEX,
            "rumpuser_mutex_enter_nowrap": _MUTEX, "rw_wait": _RW, "rumpuser_rw_enter": _RW}


def kernel_lock_wait(thread: Thread, trace: Backtrace, facts: WaitFacts) -> Wait | None:
    """Return the wait for a mutex or reader/writer lock of the runtime, None if for neither."""
    for frame in trace:
        if frame.layer in ("app", "libc"):
            return None
        if frame.function in _HOLDERS:
            # The queue a thread sleeps on is the first member of both.
            address = thread.record.waiting_on
            holder = facts.number_at(*_HOLDERS[frame.function], address)
            return _kernel_wait(address, facts.by_address(holder), facts)
        if frame.function == "vfs_mutex_enter":
            return _volume_lock(frame, facts)
    return None


def _volume_lock(frame: StackFrame, facts: WaitFacts) -> Wait:
    found = frame.locals.get("mutex")
    try:
        address = int(found.object_) if found is not None else 0
        number = facts.number_at("struct vfs_mutex", "holder", address) - 1
    except (LookupError, ValueError, LabError):
        address, number = 0, -1
    return _kernel_wait(address, facts.by_number(number), facts)


def _kernel_wait(address: int, owner: Thread | None, facts: WaitFacts) -> Wait:
    name = facts.names.at(address) if address else ""
    text = f"the runtime's lock {name or (hex(address) if address else '')}".rstrip()
    if owner is not None:
        text += f" held by {who(owner)}"
    return Wait("kernel lock", text, address=address, name=name,
                holder=owner.number if owner else 0)
