/*
 * rumpcomp.h - hypercalls of device components, beside rumpuser(3)'s own.
 *
 * Results are a count or 0; failures are negative Linux error numbers.
 */
#ifndef RUMPKIT_RUMPCOMP_H
#define RUMPKIT_RUMPCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Console.  Write takes all bytes (or counts them as dropped); never blocks long. */
int rumpcomp_console_write(const void *data, size_t bytes);
#define RUMPCOMP_NONBLOCK 1
/* Returns at least one byte, or -EAGAIN with NONBLOCK, or -EINTR. */
int rumpcomp_console_read(void *data, size_t bytes, int flags);
/* Called from interrupt level whenever input arrives; for poll. */
void rumpcomp_console_notify(void (*input_arrived)(void));
size_t rumpcomp_console_pending(void);
/* Bytes to be read that were not looked at before; they stay to be read. */
size_t rumpcomp_console_look(void *data, size_t bytes);

/* The window in which somebody looks at the console; pixels may be 0: not known. */
struct rumpcomp_window {
	uint16_t rows, columns, width_pixels, height_pixels;
};
/* False: nobody has said yet.  changed comes from interrupt level, after the first call. */
bool rumpcomp_console_window(struct rumpcomp_window *window);
void rumpcomp_console_on_window(void (*changed)(void));
/* Is what reads the console a terminal (it wants CR before LF), or takes it as it is? */
bool rumpcomp_console_is_terminal(void);

/*
 * Network interfaces, from 0.  A frame is an Ethernet frame without its check sequence,
 * MTU counts what follows the 14 bytes of header.  None of these calls sleeps.
 */
struct rumpcomp_virtif;

struct rumpcomp_segment {
	const void *data;            /* kernel memory */
	size_t bytes;
};

enum rumpcomp_segmentation { RUMPCOMP_SEGMENT_NONE, RUMPCOMP_SEGMENT_TCP4,
	RUMPCOMP_SEGMENT_TCP6 };

/* What the sender leaves to the interface, or what the interface left to the receiver. */
struct rumpcomp_offload {
	uint16_t checksum_start;     /* where summing begins, bytes from the frame's start */
	uint16_t checksum_offset;    /* from there to the field, which holds the pseudo sum */
	bool needs_checksum;         /* the field is not complete; received: the data is good */
	bool checksum_good;          /* received: the interface has verified it */
	uint16_t segment_bytes;      /* payload of each TCP segment; 0: an ordinary frame */
	uint16_t header_bytes;       /* Ethernet to TCP, where segment_bytes is set */
	uint8_t kind;                /* enum rumpcomp_segmentation */
};

/*
 * Start an interface.  input_ready(argument) comes from interrupt level, with interrupts
 * off, after frames have come in while notification was on, and turns it off; also when
 * there is room to send again after -ENOBUFS, and when the device has failed.  -ENODEV: no
 * such interface; -EBUSY: it is open; -EIO: the device refuses; -ENOMEM.
 */
int rumpcomp_virtif_open(unsigned index, uint8_t *mac, unsigned *mtu,
    void (*input_ready)(void *), void *argument, struct rumpcomp_virtif **interface);

#define RUMPCOMP_VIRTIF_CHECKSUM 1   /* it completes checksums */
#define RUMPCOMP_VIRTIF_TCP4 2       /* it segments TCP over IPv4 */
#define RUMPCOMP_VIRTIF_TCP6 4
#define RUMPCOMP_VIRTIF_LARGE_RECEIVE 8 /* frames longer than the MTU may come in */
unsigned rumpcomp_virtif_features(const struct rumpcomp_virtif *interface);

/*
 * Queue one frame; data may be reused on return.  offload may be null.  -ENOBUFS: full, try
 * again after input_ready or later; -EMSGSIZE: longer than the interface takes;
 * -EOPNOTSUPP: an offload it lacks; -EIO: it has failed.
 */
int rumpcomp_virtif_send(struct rumpcomp_virtif *interface,
    const struct rumpcomp_segment *segments, unsigned count,
    const struct rumpcomp_offload *offload);
/* What send queued since the last flush is on its way; without it, some of it may wait. */
void rumpcomp_virtif_flush(struct rumpcomp_virtif *interface);

/* The next frame: its bytes, 0 if there is none, -EIO.  It stays until it is released. */
long rumpcomp_virtif_receive(struct rumpcomp_virtif *interface, void **frame,
    struct rumpcomp_offload *offload);
void rumpcomp_virtif_release(struct rumpcomp_virtif *interface, void *frame);

/* Turn notification on or off (polling).  True: frames are waiting already, it is off. */
bool rumpcomp_virtif_notify(struct rumpcomp_virtif *interface, bool on);

/*
 * 9P: messages to the server of a host folder, by its mount tag.  A request sleeps for
 * its reply and gives the reply's bytes; several threads may have requests out.  The
 * message's own tag must be one no other thread uses.  -ENODEV: no such server; -EBUSY: it
 * is open; -EMSGSIZE: more than the transport takes; -ENOMEM; -ETIMEDOUT: no reply by the
 * deadline (monotonic, INT64_MAX for none), which may still come and is then dropped, so
 * its tag is not free; -EIO: the server is gone, or what came is no reply to this.
 */
struct rumpcomp_9p;
int rumpcomp_9p_open(const char *tag, struct rumpcomp_9p **server);
long rumpcomp_9p_request(struct rumpcomp_9p *server, const void *request, size_t bytes,
    void *reply, size_t reply_bytes, int64_t deadline_ns);

/*
 * Application memory: pages at virtual addresses the factions choose, from
 * rumpcomp_vm_lowest() to RUMPCOMP_VM_END.  Protection is a mask of RUMPCOMP_VM_*.
 */
#define RUMPCOMP_VM_START 0x0000001000000000ull /* 64 GiB: where there is always room */
#define RUMPCOMP_VM_END 0x0000700000000000ull
#define RUMPCOMP_VM_READ 1
#define RUMPCOMP_VM_WRITE 2
#define RUMPCOMP_VM_EXECUTE 4
/* Map a fresh zeroed page at each of the page addresses; -ENOMEM maps none of the rest. */
int rumpcomp_vm_map(uintptr_t address, size_t bytes, int protection);
/* Unmap and free what is mapped in the range. */
void rumpcomp_vm_unmap(uintptr_t address, size_t bytes);
/* Change what is mapped in the range; pages not mapped are left for later faults. */
int rumpcomp_vm_protect(uintptr_t address, size_t bytes, int protection);
/* Move mapped pages from one range to another, both page aligned; -ENOMEM undoes it. */
int rumpcomp_vm_move(uintptr_t from, uintptr_t to, size_t bytes);
/* Map a page of rumpuser_anonmmap's; it is the range's from now on. */
int rumpcomp_vm_give(uintptr_t address, void *page, int protection);
/*
 * Map a page that its owner keeps: one of rumpuser_anonmmap's, which is then freed by
 * whoever is the last to have it, or one of the archive's.  copy: a write makes a copy.
 */
int rumpcomp_vm_lend(uintptr_t address, const void *page, int protection, bool copy);
/* Before a write: 1 if the page at address was shared and is no more, 0, -ENOMEM. */
int rumpcomp_vm_unshare(uintptr_t address, int protection);
/* Is there a page at address?  With clean, its having been written to is forgotten. */
bool rumpcomp_vm_mapped(uintptr_t address);
bool rumpcomp_vm_dirty(uintptr_t address, bool clean);
uintptr_t rumpcomp_vm_lowest(void);

/* Spaces: sets of application memory, one of them in use.  Calls above mean that one. */
struct rumpcomp_space;
struct rumpcomp_space *rumpcomp_space_current(void);
struct rumpcomp_space *rumpcomp_space_create(void); /* NULL: no memory */
void rumpcomp_space_use(struct rumpcomp_space *space);
/* Another space than the one in use, with nothing mapped; the first one stays. */
void rumpcomp_space_destroy(struct rumpcomp_space *space);
/* What is mapped here is mapped there too; private: either side's writes are its own. */
int rumpcomp_space_copy(struct rumpcomp_space *to, uintptr_t address, size_t bytes, bool private);
size_t rumpcomp_vm_free_pages(void);
size_t rumpcomp_vm_total_pages(void);

enum rumpcomp_fault { RUMPCOMP_FAULT_HANDLED, RUMPCOMP_FAULT_BAD, RUMPCOMP_FAULT_NO_MEMORY,
	RUMPCOMP_FAULT_GUARD, RUMPCOMP_FAULT_PROTECTION };
/*
 * The handler runs with interrupts off, on the fault stack, and must not block.  stack
 * is the stack pointer at the fault, or 0 if the runtime itself was running.
 */
typedef enum rumpcomp_fault (*rumpcomp_fault_fn)(uintptr_t address, uintptr_t stack,
    bool write, bool execute);
void rumpcomp_vm_on_fault(rumpcomp_fault_fn handler);

/* The registers an application thread has while it is inside a system call. */
struct rumpcomp_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r9, r8, r10, rdx, rsi, rdi, rax;
	uint64_t rip, rflags, rsp;
};

/*
 * Start an application thread: it runs with the registers of *frame and fs_base, and
 * owner is rumpcomp_current_owner in it.  Its number, or -ENOMEM.
 */
int rumpcomp_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner);
/* One that begins in the factions, with function(owner), and ends or resumes there. */
int rumpcomp_thread_begin(void *(*function)(void *owner), const char *name, void *owner);
__attribute__((noreturn)) void rumpcomp_thread_end(void);
/* The owner of the thread that runs, NULL if it has none; a variable, being asked so often. */
extern void *rumpcomp_current_owner;
uint32_t rumpcomp_thread_number(void);
void rumpcomp_thread_name(const char *name);
/* The same for another thread, if there is one of this number. */
void rumpcomp_thread_name_of(uint32_t number, const char *name);
void rumpcomp_thread_tls(uint64_t fs_base);
uint64_t rumpcomp_thread_get_tls(void);
uint64_t rumpcomp_thread_cpu_ns(void);
uint64_t rumpcomp_thread_cpu_ns_of(uint32_t number); /* 0 if there is no such thread */
void rumpcomp_thread_yield(void);

/*
 * Vector registers of the calling thread, rumpcomp_fpu_bytes() of them in XSAVE's format
 * (its first 512 bytes are FXSAVE's), 64-aligned.  Load only what was checked, or made
 * by save: anything else may be an exception here.
 */
size_t rumpcomp_fpu_bytes(void);
uint64_t rumpcomp_fpu_features(void); /* XSAVE's mask of what is in it */
void rumpcomp_fpu_save(void *area);
void rumpcomp_fpu_load(const void *area);
/* As at a program's start. */
void rumpcomp_fpu_reset(void);

/* How the host enters the factions: system calls arrive with the caller's registers. */
typedef long (*rumpcomp_syscall_fn)(struct rumpcomp_frame *frame);
void rumpcomp_on_syscall(rumpcomp_syscall_fn handler);

/* All registers of application code that was interrupted. */
struct rumpcomp_registers {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t rip, rflags, rsp;
	uint64_t trap, error_code, address; /* of an exception */
};
/*
 * An exception the application caused; true if the registers now lead to a handler.  The
 * signal is SIGKILL when there was no memory for a page.
 */
void rumpcomp_on_exception(bool (*handler)(struct rumpcomp_registers *registers, int signal));
/* Application code was interrupted: when wanted() says so, handler may redirect it. */
void rumpcomp_on_return(bool (*wanted)(void), void (*handler)(struct rumpcomp_registers *));
/* Called with the owner of each application thread that gets the processor. */
void rumpcomp_on_switch(void (*handler)(void *owner));
/* Leave the factions with these registers. */
__attribute__((noreturn)) void rumpcomp_resume(const struct rumpcomp_registers *registers);

/* Copies that survive a bad address: 0 or -EFAULT; length with NUL or -ENAMETOOLONG. */
int rumpcomp_copy(void *to, const void *from, size_t bytes);
long rumpcomp_copy_string(char *to, const char *from, size_t max);

/* The configuration, a JSON object; it stays where it is. */
const char *rumpcomp_config(void);

/* The archive that came with the image, and its size; NULL if there is none. */
const void *rumpcomp_initrd(size_t *bytes);

/* The ELF header of the host's vDSO, for AT_SYSINFO_EHDR (vdso(7)); NULL if it has none. */
const void *rumpcomp_vdso(void);

/* The program's own ELF headers in memory, and its entry; NULL, 0 in a packaged image. */
const void *rumpcomp_program_headers(void);
uintptr_t rumpcomp_program_entry(void);
/* The application's first instruction is next. */
void rumpcomp_program_starts(void);

/*
 * What the host tells whoever reads a trace of processes and of the code they have mapped
 * (lab_abi.h, LAB_EVENT_PROCESS and _MAPPED); while none is recorded, nothing.
 */
bool rumpcomp_is_traced(void);
void rumpcomp_tell_process(uint32_t thread, uint32_t process, uint32_t parent, unsigned what,
    const char *command);
void rumpcomp_tell_mapped(uint32_t process, uint64_t start, uint64_t end, uint64_t offset,
    const char *path);

/* The application died of a signal: panic record, then the end. */
__attribute__((noreturn)) void rumpcomp_application_died(int signal,
    const struct rumpcomp_registers *registers, const char *reason);

#endif
