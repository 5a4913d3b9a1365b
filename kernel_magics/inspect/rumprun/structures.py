"""Structures of bmk, libpthread and the rump kernel as plain numbers.

Where the image has debugging information, members are looked up by name.  bmk's own were
last changed in 2015; in an image that has only its symbols they are taken to be as they were
published, and that is said.

Source: lib/libbmk_core/sched.c, lib/libbmk_rumpuser/rumpuser_synch.c and
lib/librumprun_base/_lwp.c of github.com/rumpkernel/rumprun; NetBSD's sys/sys/lwp.h,
sys/sys/proc.h, sys/sys/tls.h and lib/libpthread/pthread_int.h.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from kernel_magics.errors import GuestError
from kernel_magics.inspect.memory.address_space import AddressSpace
from kernel_magics.inspect.memory.program import has_types, program_of
from kernel_magics.inspect.values.records import FixedReader, RecordReader

__all__ = ["Structures"]

_MEMBERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "thread": ("struct bmk_thread", (
        "bt_name", "bt_wakeup_time", "bt_flags", "bt_errno", "bt_stackbase", "bt_cookie",
        "bt_tcb.btcb_sp", "bt_tcb.btcb_ip", "bt_tcb.btcb_tp", "bt_threadq.tqe_next")),
    "cookie": ("struct rumprun_lwp", ("rl_thread", "rl_lwpid", "rl_name")),
    "tcb": ("struct tls_tcb", ("tcb_self", "tcb_pthread")),
    "pthread": ("struct __pthread_st", (
        "pt_self", "pt_name", "pt_lid", "pt_sleepobj", "pt_stack.ss_sp", "pt_stack.ss_size",
        "pt_func", "pt_arg")),
    "runner": ("struct rumprunner", ("rr_mainfun", "rr_argc", "rr_argv")),
    "lwp": ("struct lwp", ("l_lid", "l_name", "l_proc", "l_wchan", "l_wmesg", "l_stat",
                           "l_list.le_next")),
    "proc": ("struct proc", ("p_pid", "p_comm")),
    "pthread_mutex": ("pthread_mutex_t", ("ptm_magic", "ptm_owner")),
    "pthread_rwlock": ("pthread_rwlock_t", ("ptr_magic", "ptr_nreaders", "ptr_owner")),
    "mutex": ("struct rumpuser_mtx", ("v", "flags", "o", "bmk_o")),
    "rw": ("struct rumpuser_rw", ("v", "o")),
}
# Offset and struct's letter of bmk's members, as published.
_PUBLISHED: dict[str, tuple[int, Mapping[str, tuple[int, str]]]] = {
    "thread": (112, {
        "bt_name": (0, "16s"), "bt_wakeup_time": (16, "q"), "bt_flags": (24, "i"),
        "bt_errno": (28, "i"), "bt_stackbase": (32, "Q"), "bt_cookie": (40, "Q"),
        "btcb_sp": (48, "Q"), "btcb_ip": (56, "Q"), "btcb_tp": (64, "Q"),
        "tqe_next": (96, "Q")}),
}
MOST_TEXT_BYTES = 64


class Structures:
    """Reads the structures of one subject; `space` is its memory."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject
        self.space = AddressSpace(subject)

    @cached_property
    def has_types(self) -> bool:
        """Whether the image says how its structures are laid out."""
        return has_types(self.subject)

    def read(self, kind: str, address: int) -> Mapping[str, Any] | None:
        """Return the members of a structure, None where it cannot be read or is not known."""
        reader = self._reader(kind)
        if reader is None or not address:
            return None
        try:
            return reader.read(self.space.read, address)
        except GuestError:
            return None

    def _reader(self, kind: str) -> RecordReader | FixedReader | None:
        known: dict[str, Any] = vars(self.subject.image).setdefault("_rumprun_readers", {})
        if kind not in known:
            known[kind] = self._make(kind)
        found: RecordReader | FixedReader | None = known[kind]
        return found

    def _make(self, kind: str) -> RecordReader | FixedReader | None:
        name, members = _MEMBERS[kind]
        if self.has_types:
            try:
                return RecordReader(program_of(self.subject), name, *members)
            except LookupError:  # (an image without libpthread has no threads of its own)
                return None
        return FixedReader(*_PUBLISHED[kind]) if kind in _PUBLISHED else None

    def offset(self, type_name: str, member: str) -> int:
        """Return where a member lies in a structure, 0 if nobody knows."""
        import drgn

        try:
            return int(drgn.offsetof(program_of(self.subject).type(type_name), member))
        except LookupError:
            return 0

    def text(self, address: int) -> str:
        """Return the text at an address, "" where none can be read."""
        if not address:
            return ""
        for size in (MOST_TEXT_BYTES, 16, 1):  # (it may lie at the end of RAM)
            try:
                data = self.space.read(address, size)
            except GuestError:
                continue
            return data.split(b"\0")[0].decode("utf-8", "replace")
        return ""

    def number(self, name: str, file: str = "") -> int | None:
        """Return a global variable of eight bytes, None if it is not known or readable."""
        address = self.address(name, file)
        return self.space.word(address) if address else None

    def address(self, name: str, file: str = "") -> int:
        """Return where a global variable of upstream's lies, 0 if the image has none.

        `file` is the source file that it is from, with as many folders as tell it from a
        program's own: "libbmk_core/sched.c".
        """
        kept: dict[str, int] = vars(self.subject.image).setdefault("_rumprun_places", {})
        if name not in kept:
            kept[name] = self._typed_address(name, file) or self._symbol(name, "object")
        return kept[name]

    def _typed_address(self, name: str, file: str) -> int:
        if not self.has_types or not file:
            return 0
        try:
            return int(program_of(self.subject).variable(name, file).address_ or 0)
        except LookupError:
            return 0

    def thread_local(self, name: str) -> int | None:
        """Return where in a thread's block a thread-local variable of upstream's lies."""
        kept: dict[str, int | None] = vars(self.subject.image).setdefault(
            "_rumprun_thread_locals", {})
        if name not in kept:
            found = [one.address for one in self._symbols(name) if one.kind == "tls"]
            kept[name] = found[0] if found else None
        return kept[name]

    def _symbol(self, name: str, kind: str) -> int:
        return next((one.address for one in self._symbols(name) if one.kind == kind), 0)

    def _symbols(self, name: str) -> list[Any]:
        """Return the symbols of a name, a program's own last."""
        found = self.subject.image.symbols.search(re.compile(f"^{re.escape(name)}$"))
        return sorted(found, key=lambda one: one.layer == "app")
