"""The guest's side of images/rumpkit/include/lab_abi.h, as ctypes layouts.

This is the only place where the lab knows offsets and numbers of that header; inspect/
and trace/ import them from here.  A unit test compiles the C header and compares every
size, offset, constant and hypercall with what stands here.
"""

from ctypes import (
    Structure,
    c_char,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    sizeof,
)
from enum import IntEnum
from typing import NamedTuple

__all__ = [
    "ABI_VERSION", "MAGIC", "NOTE_OWNER", "NOTE_HEADER", "EVENTS", "PHASES",
    "State", "Phase", "Event", "ConsoleInput", "RecordKind", "ProcessFact", "StackPart",
    "ThreadState", "PanicKind",
    "PANIC_MAGIC", "PANIC_FRAMES", "CONSOLE_BACKLOG_BYTES", "DATA_BYTES_MOST",
    "PACKET_BYTES_MOST", "STACK_WORDS_MOST", "SAMPLE_NS_LEAST", "DETAIL_IN_INTERRUPT",
    "DEVICE_QUEUE_SHIFT",
    "Note", "Header", "Record", "Thread", "Panic", "Hypercall", "HYPERCALLS", "UPSTREAM",
    "REGISTERS",
    "assembler_defines",
]

ABI_VERSION = 1
NOTE_OWNER = "rumplab"
NOTE_HEADER = 1
MAGIC = 0x0142414C504D5552
PHASES = 16
EVENTS = 1024
CONSOLE_BACKLOG_BYTES = 64 << 20
DATA_BYTES_MOST = 256
PACKET_BYTES_MOST = 2048
STACK_WORDS_MOST = 512
SAMPLE_NS_LEAST = 50_000
DETAIL_IN_INTERRUPT = 1
DEVICE_QUEUE_SHIFT = 8
PANIC_MAGIC = 0x43494E50
PANIC_FRAMES = 64


class State(IntEnum):
    """enum lab_state: how far the guest says it is."""

    UNBORN = 0
    BOOTING = 1
    RUNNING = 2
    EXITED = 3
    PANICKED = 4


class Phase(IntEnum):
    """enum lab_phase: index into Header.phase_tsc, in the order they are passed."""

    ENTRY = 0
    RUNTIME = 1
    DEVICES = 2
    KERNEL = 3
    LIBC = 4
    MAIN = 5
    OUTPUT = 6
    EXIT = 7


class Event(IntEnum):
    """LAB_EVENT_*: event numbers; HYPERCALL and SYSCALL are the bases of two ranges."""

    NONE = 0
    PHASE = 1
    SWITCH = 2
    INTERRUPT = 3
    PAGE_FAULT = 4
    WAKEUP = 5
    HOST_EXIT = 6
    MARK = 7
    THREAD = 8
    REQUEST = 9
    REQUEST_DONE = 10
    PACKET = 11
    SAMPLE = 12
    PROCESS = 13
    MAPPED = 14
    HYPERCALL = 64
    UPSTREAM = 384
    SYSCALL = 512


class ConsoleInput(IntEnum):
    """enum lab_console_input: where the guest takes its input from."""

    SERIAL = 0
    VIRTIO = 1


class RecordKind(IntEnum):
    """enum lab_record_kind."""

    ENTER = 1
    EXIT = 2
    INSTANT = 3
    DATA = 4
    STACK = 5
    FACT = 6


class ProcessFact(IntEnum):
    """enum lab_process_fact: what a fact about a process says."""

    THREAD = 0
    FORKED = 1
    PROGRAM = 2


class StackPart(IntEnum):
    """enum lab_stack_part: what a STACK record's five words are."""

    FRAMES = 0
    REGISTERS = 1
    WORDS = 2


class ThreadState(IntEnum):
    """enum lab_thread_state."""

    FREE = 0
    RUNNABLE = 1
    BLOCKED = 2
    EXITED = 3


class PanicKind(IntEnum):
    """enum lab_panic_kind."""

    NONE = 0
    ASSERTION = 1
    PAGE_FAULT = 2
    NULL_DEREFERENCE = 3
    STACK_OVERFLOW = 4
    OUT_OF_MEMORY = 5
    EXCEPTION = 6
    SIGNAL = 7
    PROTECTION = 8


class Note(Structure):
    """struct lab_note: the ELF note that finds the header."""

    _fields_ = [("abi_version", c_uint32), ("header_bytes", c_uint32),
                ("header_address", c_uint64)]


class Record(Structure):
    """struct lab_record: one trace record of 64 bytes."""

    _fields_ = [
        ("sequence", c_uint64), ("tsc", c_uint64), ("event", c_uint16), ("kind", c_uint8),
        ("detail", c_uint8), ("thread", c_uint32), ("args", c_uint64 * 4),
        ("caller", c_uint64),
    ]


class Header(Structure):
    """struct lab_header: the page the guest keeps for the lab."""

    _fields_ = [
        ("magic", c_uint64), ("version", c_uint32), ("header_bytes", c_uint32),
        ("state", c_uint32), ("exit_status", c_int32), ("tsc_hz", c_uint64),
        ("wall_offset_ns", c_int64), ("ram_bytes", c_uint64),
        ("ring_address", c_uint64), ("ring_record_bytes", c_uint32),
        ("ring_capacity", c_uint32), ("ring_write_index", c_uint64),
        ("console_written", c_uint64), ("console_consumed", c_uint64),
        ("console_dropped", c_uint64), ("panic_address", c_uint64),
        ("counters_address", c_uint64), ("free_pages", c_uint64), ("total_pages", c_uint64),
        ("threads_address", c_uint64), ("threads_capacity", c_uint32),
        ("thread_current", c_uint32), ("page_table_address", c_uint64),
        ("phase_tsc", c_uint64 * PHASES), ("enabled", c_uint64 * (EVENTS // 64)),
        ("stacks", c_uint64 * (EVENTS // 64)), ("trace_data_bytes", c_uint32),
        ("trace_packet_bytes", c_uint32), ("trace_stack_words", c_uint32),
        ("reserved", c_uint32), ("trace_sample_ns", c_uint64),
        ("console_window", c_uint64), ("console_input", c_uint64),
    ]


class Thread(Structure):
    """struct lab_thread: one slot of the guest's thread table."""

    _fields_ = [("number", c_uint32), ("state", c_uint32), ("cpu_tsc", c_uint64),
                ("slice_tsc", c_uint64), ("stack_pointer", c_uint64), ("name", c_char * 32)]


class Panic(Structure):
    """struct lab_panic: why and where the guest stopped."""

    _fields_ = [
        ("magic", c_uint32), ("kind", c_uint32), ("tsc", c_uint64), ("thread", c_uint32),
        ("signal", c_uint32), ("thread_name", c_char * 32), ("fault_address", c_uint64),
        ("vector", c_uint64), ("error_code", c_uint64), ("registers", c_uint64 * 18),
        ("cr3", c_uint64), ("frame_count", c_uint32), ("in_kernel", c_uint32),
        ("frames", c_uint64 * PANIC_FRAMES), ("reason", c_char * 256),
    ]


# Names of Panic.registers, in order.
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10",
             "r11", "r12", "r13", "r14", "r15", "rip", "rflags")


class Hypercall(NamedTuple):
    """One line of LAB_HYPERCALLS: a name, how many arguments are recorded, a result?"""

    name: str
    arguments: int
    result: bool


def _hypercalls(table: str) -> tuple[Hypercall, ...]:
    rows = (line.split() for line in table.split("\n") if line.strip())
    return tuple(Hypercall(name, int(count), result == "1") for name, count, result in rows)


# The event number of HYPERCALLS[i] is Event.HYPERCALL + i.
HYPERCALLS = _hypercalls("""
rumpuser_init 2 1
rumpuser_malloc 3 1
rumpuser_free 2 0
rumpuser_anonmmap 4 1
rumpuser_unmap 2 0
rumpuser_open 3 1
rumpuser_close 1 1
rumpuser_getfileinfo 3 1
rumpuser_bio 4 0
rumpuser_iovread 4 1
rumpuser_iovwrite 4 1
rumpuser_syncfd 4 1
rumpuser_clock_gettime 3 1
rumpuser_clock_sleep 3 1
rumpuser_getparam 3 1
rumpuser_seterrno 1 0
rumpuser_kill 2 1
rumpuser_exit 1 0
rumpuser_putchar 1 0
rumpuser_dprintf 1 0
rumpuser_getrandom 4 1
rumpuser_thread_create 4 1
rumpuser_thread_exit 0 0
rumpuser_thread_join 1 1
rumpuser_curlwpop 2 0
rumpuser_curlwp 0 1
rumpuser_mutex_init 2 0
rumpuser_mutex_enter 1 0
rumpuser_mutex_enter_nowrap 1 0
rumpuser_mutex_tryenter 1 1
rumpuser_mutex_exit 1 0
rumpuser_mutex_destroy 1 0
rumpuser_mutex_owner 2 0
rumpuser_mutex_spin_p 1 1
rumpuser_rw_init 1 0
rumpuser_rw_enter 2 0
rumpuser_rw_tryenter 2 1
rumpuser_rw_tryupgrade 1 1
rumpuser_rw_downgrade 1 0
rumpuser_rw_exit 1 0
rumpuser_rw_destroy 1 0
rumpuser_rw_held 3 0
rumpuser_cv_init 1 0
rumpuser_cv_destroy 1 0
rumpuser_cv_wait 2 0
rumpuser_cv_wait_nowrap 2 0
rumpuser_cv_timedwait 4 1
rumpuser_cv_signal 1 0
rumpuser_cv_broadcast 1 0
rumpuser_cv_has_waiters 2 0
rumpuser_dl_bootstrap 4 0
rumpuser_daemonize_begin 0 1
rumpuser_daemonize_done 1 1
rumpcomp_console_write 2 1
rumpcomp_console_read 3 1
rumpcomp_vm_map 3 1
rumpcomp_vm_unmap 2 0
rumpcomp_vm_protect 3 1
rumpcomp_vm_free_pages 0 1
rumpcomp_thread_start 3 1
rumpcomp_virtif_open 4 1
rumpcomp_virtif_send 4 1
rumpcomp_virtif_flush 1 0
rumpcomp_virtif_receive 3 1
rumpcomp_virtif_release 2 0
rumpcomp_virtif_notify 2 1
rumpcomp_9p_open 2 1
rumpcomp_9p_request 4 1
""")


# Those of upstream Rumprun alone; the event number of UPSTREAM[i] is Event.UPSTREAM + i.
UPSTREAM = _hypercalls("""
rumpuser_stub_nothing 4 1
rumpuser_stub_enosys 4 1
rumpcomp_bmktc_gettime 0 1
rumpcomp_pci_iospace_init 0 1
rumpcomp_pci_confread 4 1
rumpcomp_pci_confwrite 4 1
rumpcomp_pci_irq_map 4 1
rumpcomp_pci_irq_establish 3 1
rumpcomp_pci_map 2 1
rumpcomp_pci_dmalloc 4 1
rumpcomp_pci_dmafree 2 0
rumpcomp_pci_dmamem_map 4 1
rumpcomp_pci_virt_to_mach 1 1
rumpuser_sp_init 4 1
rumpuser_sp_copyin 4 1
rumpuser_sp_copyinstr 4 1
rumpuser_sp_copyout 4 1
rumpuser_sp_copyoutstr 4 1
rumpuser_sp_anonmmap 3 1
rumpuser_sp_raise 2 1
rumpuser_sp_fini 1 0
""")


def assembler_defines() -> list[str]:
    """Return -D options with the offsets that guests written in assembly use: H_<FIELD> in
    struct lab_header and HEADER_BYTES, PANIC_REASON in struct lab_panic and PANIC_BYTES."""
    fields = [f"-DH_{name.upper()}={getattr(Header, name).offset}"
              for name, *_ in Header._fields_]
    return [*fields, f"-DHEADER_BYTES={sizeof(Header)}",
            f"-DPANIC_REASON={Panic.reason.offset}", f"-DPANIC_BYTES={sizeof(Panic)}"]
