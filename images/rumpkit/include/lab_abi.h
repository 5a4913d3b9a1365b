/*
 * lab_abi.h - what the guest leaves in its RAM for the laboratory to read.
 *
 * One description, compiled into the guest and held against
 * kernel_magics/trace/records/events.py by a test.  The lab maps the guest's RAM and reads
 * these structures while the guest runs, without stopping it and without an exit; it
 * writes only the fields marked "lab writes".  Everything here belongs to the guest
 * and may be wrong: a reader checks each field before it follows it.
 *
 * All numbers are little-endian.  Addresses in struct lab_header are guest-physical;
 * those of code and stacks are virtual (the image lies where it was linked).  Times are raw time-stamp counter ticks (_tsc)
 * unless the name says _ns.
 */
#ifndef LAB_ABI_H
#define LAB_ABI_H

#include <stdint.h>

#define LAB_ABI_VERSION 1

/* ELF note that finds the header in a stripped image: owner "rumplab", this type. */
#define LAB_NOTE_OWNER "rumplab"
#define LAB_NOTE_HEADER 1

struct lab_note {
	uint32_t abi_version;
	uint32_t header_bytes;    /* sizeof(struct lab_header) */
	uint64_t header_address;  /* of struct lab_header, page aligned */
};

#define LAB_MAGIC 0x0142414c504d5552ull /* "RUMPLAB\1" */

enum lab_state {
	LAB_STATE_UNBORN = 0,   /* RAM loaded, no instruction executed yet */
	LAB_STATE_BOOTING = 1,
	LAB_STATE_RUNNING = 2,  /* the application's first instruction was reached */
	LAB_STATE_EXITED = 3,   /* exit_status is valid */
	LAB_STATE_PANICKED = 4, /* the panic record is valid */
};

/* Boot phases, in the order they are passed; each slot holds the TSC at its start. */
enum lab_phase {
	LAB_PHASE_ENTRY = 0,    /* first instruction of the image */
	LAB_PHASE_RUNTIME = 1,  /* 64-bit C code: memory, traps, clock */
	LAB_PHASE_DEVICES = 2,  /* console and virtio transport */
	LAB_PHASE_KERNEL = 3,   /* factions above the hypercalls */
	LAB_PHASE_LIBC = 4,     /* the application's ELF entry, before main */
	LAB_PHASE_MAIN = 5,     /* first system call after libc's start-up, or main itself */
	LAB_PHASE_OUTPUT = 6,   /* first byte the application wrote to the console */
	LAB_PHASE_EXIT = 7,     /* exit_group or panic */
	LAB_PHASES = 16
};

/* Event numbers: one bit of the enable bitmap and one counter each. */
#define LAB_EVENT_NONE 0
#define LAB_EVENT_PHASE 1         /* args: phase */
#define LAB_EVENT_SWITCH 2        /* args: previous thread, next thread (0: idle), reason */
#define LAB_EVENT_INTERRUPT 3     /* a call; args: vector, interrupted address */
#define LAB_EVENT_PAGE_FAULT 4    /* a call; args: address, error code, instruction */
#define LAB_EVENT_WAKEUP 5        /* args: thread woken, the queue it waited in or 0, late? */
#define LAB_EVENT_HOST_EXIT 6     /* a call or not; args: port or mmio address, value, write? */
#define LAB_EVENT_MARK 7          /* args: four words the application chose */
#define LAB_EVENT_THREAD 8        /* args: thread; its name: 32 bytes from args[1] to caller */
#define LAB_EVENT_REQUEST 9       /* to a device; args: device, cookie, bytes, queue */
#define LAB_EVENT_REQUEST_DONE 10 /* args: device, cookie, bytes written, queue */
#define LAB_EVENT_PACKET 11       /* args: sent?, bytes, interface; with data */
#define LAB_EVENT_SAMPLE 12       /* args: address, how late it came (_ns), from the app? */
#define LAB_EVENT_PROCESS 13      /* a fact; args: thread, process, parent, enum lab_process_fact;
                                     text: the program's name */
#define LAB_EVENT_MAPPED 14       /* a fact; args: process, start, end, offset in the file;
                                     text: the path of the file, whose code is there now */
#define LAB_EVENT_HYPERCALL 64    /* + enum lab_hypercall */
#define LAB_EVENT_UPSTREAM 384    /* + enum lab_upstream */
#define LAB_EVENT_SYSCALL 512     /* + Linux x86-64 system call number (0..511) */
#define LAB_EVENTS 1024

/*
 * Hypercalls, numbered in the order of this list for ever: add at the end.
 * X(name, number of arguments recorded, result recorded?)
 */
#define LAB_HYPERCALLS(X) \
	X(rumpuser_init, 2, 1) \
	X(rumpuser_malloc, 3, 1) \
	X(rumpuser_free, 2, 0) \
	X(rumpuser_anonmmap, 4, 1) \
	X(rumpuser_unmap, 2, 0) \
	X(rumpuser_open, 3, 1) \
	X(rumpuser_close, 1, 1) \
	X(rumpuser_getfileinfo, 3, 1) \
	X(rumpuser_bio, 4, 0) \
	X(rumpuser_iovread, 4, 1) \
	X(rumpuser_iovwrite, 4, 1) \
	X(rumpuser_syncfd, 4, 1) \
	X(rumpuser_clock_gettime, 3, 1) \
	X(rumpuser_clock_sleep, 3, 1) \
	X(rumpuser_getparam, 3, 1) \
	X(rumpuser_seterrno, 1, 0) \
	X(rumpuser_kill, 2, 1) \
	X(rumpuser_exit, 1, 0) \
	X(rumpuser_putchar, 1, 0) \
	X(rumpuser_dprintf, 1, 0) \
	X(rumpuser_getrandom, 4, 1) \
	X(rumpuser_thread_create, 4, 1) \
	X(rumpuser_thread_exit, 0, 0) \
	X(rumpuser_thread_join, 1, 1) \
	X(rumpuser_curlwpop, 2, 0) \
	X(rumpuser_curlwp, 0, 1) \
	X(rumpuser_mutex_init, 2, 0) \
	X(rumpuser_mutex_enter, 1, 0) \
	X(rumpuser_mutex_enter_nowrap, 1, 0) \
	X(rumpuser_mutex_tryenter, 1, 1) \
	X(rumpuser_mutex_exit, 1, 0) \
	X(rumpuser_mutex_destroy, 1, 0) \
	X(rumpuser_mutex_owner, 2, 0) \
	X(rumpuser_mutex_spin_p, 1, 1) \
	X(rumpuser_rw_init, 1, 0) \
	X(rumpuser_rw_enter, 2, 0) \
	X(rumpuser_rw_tryenter, 2, 1) \
	X(rumpuser_rw_tryupgrade, 1, 1) \
	X(rumpuser_rw_downgrade, 1, 0) \
	X(rumpuser_rw_exit, 1, 0) \
	X(rumpuser_rw_destroy, 1, 0) \
	X(rumpuser_rw_held, 3, 0) \
	X(rumpuser_cv_init, 1, 0) \
	X(rumpuser_cv_destroy, 1, 0) \
	X(rumpuser_cv_wait, 2, 0) \
	X(rumpuser_cv_wait_nowrap, 2, 0) \
	X(rumpuser_cv_timedwait, 4, 1) \
	X(rumpuser_cv_signal, 1, 0) \
	X(rumpuser_cv_broadcast, 1, 0) \
	X(rumpuser_cv_has_waiters, 2, 0) \
	X(rumpuser_dl_bootstrap, 4, 0) \
	X(rumpuser_daemonize_begin, 0, 1) \
	X(rumpuser_daemonize_done, 1, 1) \
	X(rumpcomp_console_write, 2, 1) \
	X(rumpcomp_console_read, 3, 1) \
	X(rumpcomp_vm_map, 3, 1) \
	X(rumpcomp_vm_unmap, 2, 0) \
	X(rumpcomp_vm_protect, 3, 1) \
	X(rumpcomp_vm_free_pages, 0, 1) \
	X(rumpcomp_thread_start, 3, 1) \
	X(rumpcomp_virtif_open, 4, 1) \
	X(rumpcomp_virtif_send, 4, 1) \
	X(rumpcomp_virtif_flush, 1, 0) \
	X(rumpcomp_virtif_receive, 3, 1) \
	X(rumpcomp_virtif_release, 2, 0) \
	X(rumpcomp_virtif_notify, 2, 1) \
	X(rumpcomp_9p_open, 2, 1) \
	X(rumpcomp_9p_request, 4, 1)

enum lab_hypercall {
#define LAB_HYPERCALL_NUMBER(name, arguments, result) LAB_HC_##name,
	LAB_HYPERCALLS(LAB_HYPERCALL_NUMBER)
#undef LAB_HYPERCALL_NUMBER
	LAB_HYPERCALL_COUNT
};

/*
 * Hypercalls that only upstream Rumprun's images have, in the same way.  The first two are
 * what all of those that it does not implement are aliases of.
 */
#define LAB_UPSTREAM(X) \
	X(rumpuser_stub_nothing, 4, 1) \
	X(rumpuser_stub_enosys, 4, 1) \
	X(rumpcomp_bmktc_gettime, 0, 1) \
	X(rumpcomp_pci_iospace_init, 0, 1) \
	X(rumpcomp_pci_confread, 4, 1) \
	X(rumpcomp_pci_confwrite, 4, 1) \
	X(rumpcomp_pci_irq_map, 4, 1) \
	X(rumpcomp_pci_irq_establish, 3, 1) \
	X(rumpcomp_pci_map, 2, 1) \
	X(rumpcomp_pci_dmalloc, 4, 1) \
	X(rumpcomp_pci_dmafree, 2, 0) \
	X(rumpcomp_pci_dmamem_map, 4, 1) \
	X(rumpcomp_pci_virt_to_mach, 1, 1) \
	X(rumpuser_sp_init, 4, 1) \
	X(rumpuser_sp_copyin, 4, 1) \
	X(rumpuser_sp_copyinstr, 4, 1) \
	X(rumpuser_sp_copyout, 4, 1) \
	X(rumpuser_sp_copyoutstr, 4, 1) \
	X(rumpuser_sp_anonmmap, 3, 1) \
	X(rumpuser_sp_raise, 2, 1) \
	X(rumpuser_sp_fini, 1, 0)

enum lab_upstream {
#define LAB_UPSTREAM_NUMBER(name, arguments, result) LAB_UP_##name,
	LAB_UPSTREAM(LAB_UPSTREAM_NUMBER)
#undef LAB_UPSTREAM_NUMBER
	LAB_UPSTREAM_COUNT
};

/* REQUEST and REQUEST_DONE, args[0]: the virtio device's kind, and above it which queue. */
#define LAB_DEVICE_QUEUE_SHIFT 8

/*
 * A FACT is no event: it is what addresses and threads in the records after it mean, and is
 * written whenever anything is recorded.  detail 0 is the four words of the event; then come
 * parts of its text, 40 bytes each in args and caller, with detail 1, 2, ….
 *
 * DATA and STACK follow the record that they belong to at once, with the same event.
 * DATA is part of an argument's bytes (detail: which argument; in an EXIT's, what the call
 * left there): 32 of them in args; caller is the length of the whole, and above bit 32
 * the offset of this part.  STACK is five words in args and caller; detail is enum
 * lab_stack_part.
 */
enum lab_record_kind {
	LAB_RECORD_ENTER = 1,
	LAB_RECORD_EXIT = 2,    /* args[0] is the result; of a system call, args[1..2] are its
	                           fifth and sixth argument; the rest is undefined */
	LAB_RECORD_INSTANT = 3,
	LAB_RECORD_DATA = 4,
	LAB_RECORD_STACK = 5,
	LAB_RECORD_FACT = 6,
};

enum lab_process_fact {
	LAB_PROCESS_THREAD = 0,  /* the thread is one more of the process */
	LAB_PROCESS_FORKED = 1,  /* the thread is a new process, which has its parent's mappings */
	LAB_PROCESS_PROGRAM = 2, /* the process runs another program; its mappings follow */
};

enum lab_stack_part {
	LAB_STACK_FRAMES = 0,    /* return addresses in the runtime, innermost first; 0: none */
	LAB_STACK_REGISTERS = 1, /* of the program: rip, rsp, rbp, rbx, r12 */
	LAB_STACK_WORDS = 2,     /* of the program's stack, from rsp upwards */
};

#define LAB_DETAIL_IN_INTERRUPT 1 /* of the first three kinds: from an interrupt's handler */

/*
 * One trace record.  The writer takes an index from ring_write_index, fills the slot, and
 * stores sequence = index + 1 last.  A reader that finds any other value in slot
 * (index & (capacity - 1)) has lost that record; and so has one that finds afterwards
 * that ring_write_index has gone further than index + capacity.
 */
struct lab_record {
	uint64_t sequence;
	uint64_t tsc;
	uint16_t event;
	uint8_t kind;
	uint8_t detail;
	uint32_t thread;        /* bmk thread number; 0 while idle, and before threads exist */
	uint64_t args[4];
	uint64_t caller;        /* return address of the traced call, 0 if unknown */
};

struct lab_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_bytes;
	uint32_t state;              /* enum lab_state, stored last of what it announces */
	int32_t exit_status;         /* 0..255, or 128 + signal */
	uint64_t tsc_hz;             /* 0 until known */
	int64_t wall_offset_ns;      /* Unix time of TSC 0 */
	uint64_t ram_bytes;          /* usable RAM the guest found */

	uint64_t ring_address;       /* of struct lab_record[ring_capacity]; 0: no ring */
	uint32_t ring_record_bytes;
	uint32_t ring_capacity;      /* a power of two */
	uint64_t ring_write_index;   /* records ever begun */

	uint64_t console_written;    /* bytes handed to the console device */
	uint64_t console_consumed;   /* lab writes: bytes it has read; 0: nobody counts */
	uint64_t console_dropped;    /* bytes the guest threw away, see CONSOLE_BACKLOG */

	uint64_t panic_address;      /* of struct lab_panic */
	uint64_t counters_address;   /* of uint64_t[LAB_EVENTS]: calls since boot */
	uint64_t free_pages;         /* of 4096 bytes, updated by the page allocator */
	uint64_t total_pages;
	uint64_t threads_address;    /* of struct lab_thread[threads_capacity] */
	uint32_t threads_capacity;
	uint32_t thread_current;     /* number of the running thread */
	uint64_t page_table_address; /* of the level-4 page table (what cr3 holds) */

	uint64_t phase_tsc[LAB_PHASES];
	uint64_t enabled[LAB_EVENTS / 64]; /* lab writes: bit set = event recorded */

	/* Since these were added; a reader asks header_bytes whether they are there. */
	uint64_t stacks[LAB_EVENTS / 64];  /* lab writes: bit set = and the stack with it */
	uint32_t trace_data_bytes;   /* lab writes: of texts and buffers given to a call; 0: none */
	uint32_t trace_packet_bytes; /* lab writes: of each frame */
	uint32_t trace_stack_words;  /* lab writes: of the program's stack */
	uint32_t reserved;
	uint64_t trace_sample_ns;    /* lab writes: between two samples of what runs; 0: none */

	uint64_t console_window;     /* lab writes: rows, columns and their pixels, 16 bits each,
	                                from the lowest; 0: nobody has said */
	uint64_t console_input;      /* enum lab_console_input */
};

/* Where the guest takes its input from. */
enum lab_console_input {
	LAB_CONSOLE_SERIAL = 0,
	LAB_CONSOLE_VIRTIO = 1,  /* after what was given to the serial port before */
};

/* Bounds on what the lab may ask for. */
#define LAB_DATA_BYTES_MOST 256
#define LAB_PACKET_BYTES_MOST 2048
#define LAB_STACK_WORDS_MOST 512
#define LAB_SAMPLE_NS_LEAST 50000

/* Output not yet read by a lab that counts is dropped (and counted) beyond this. */
#define LAB_CONSOLE_BACKLOG_BYTES (64ull << 20)

enum lab_thread_state {
	LAB_THREAD_FREE = 0,
	LAB_THREAD_RUNNABLE = 1,
	LAB_THREAD_BLOCKED = 2,
	LAB_THREAD_EXITED = 3,
};

struct lab_thread {
	uint32_t number;
	uint32_t state;          /* enum lab_thread_state */
	uint64_t cpu_tsc;        /* ticks on the CPU, without the current slice */
	uint64_t slice_tsc;      /* when the current slice began, if it is running */
	uint64_t stack_pointer;  /* saved while not running */
	char name[32];
};

enum lab_panic_kind {
	LAB_PANIC_NONE = 0,
	LAB_PANIC_ASSERTION = 1,        /* in the runtime */
	LAB_PANIC_PAGE_FAULT = 2,
	LAB_PANIC_NULL_DEREFERENCE = 3, /* page fault below 64 KiB */
	LAB_PANIC_STACK_OVERFLOW = 4,   /* page fault in a guard page under a stack */
	LAB_PANIC_OUT_OF_MEMORY = 5,
	LAB_PANIC_EXCEPTION = 6,        /* any other CPU exception */
	LAB_PANIC_SIGNAL = 7,           /* the application died of a signal, e.g. abort */
	LAB_PANIC_PROTECTION = 8,       /* write to read-only or execution of data */
};

#define LAB_PANIC_MAGIC 0x43494e50u /* "PNIC" */
#define LAB_PANIC_FRAMES 64

struct lab_panic {
	uint32_t magic;              /* stored last */
	uint32_t kind;               /* enum lab_panic_kind */
	uint64_t tsc;
	uint32_t thread;
	uint32_t signal;             /* Linux signal number a process would have got */
	char thread_name[32];
	uint64_t fault_address;
	uint64_t vector;             /* CPU exception vector, or ~0 */
	uint64_t error_code;
	/* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 rip rflags */
	uint64_t registers[18];
	uint64_t cr3;
	uint32_t frame_count;
	uint32_t in_kernel;          /* 1: the runtime itself was running */
	uint64_t frames[LAB_PANIC_FRAMES]; /* return addresses, innermost first; [0] = rip */
	char reason[256];            /* NUL-terminated sentence */
};

#endif
