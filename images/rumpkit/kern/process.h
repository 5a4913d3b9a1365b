/*
 * process.h - the one process and its threads, for the kern faction and system calls.
 */
#ifndef KERN_PROCESS_H
#define KERN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "kern.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumpuser.h"

#define KERN_PID 1
#define KERN_NS_PER_S 1000000000ll
#define KERN_SIGNALS 64

struct kern_waiter {
	struct kern_waiter *next;
	struct kern_thread *thread;
	struct kern_wait *where;
	bool woken;
};

/* Linux x86-64's struct sigaction as rt_sigaction passes it, and stack_t. */
struct kern_sigaction {
	uint64_t handler, flags, restorer, mask;
};
struct kern_altstack {
	uint64_t sp;
	int32_t flags, reserved;
	uint64_t bytes;
};

/* This is the struct lwp that rumpuser_curlwp() answers with. */
struct kern_thread {
	uint32_t tid;
	struct rumpuser_cv *cv;
	struct kern_waiter waiter;
	struct kern_thread *next;
	uint64_t clear_child_tid;    /* address to zero and wake at the end, or 0 */
	uint64_t robust_list;
	uint64_t signal_mask;
	uint64_t signals_pending;
	uint64_t saved_mask;         /* of a sigsuspend, to restore after the handler */
	bool has_saved_mask;
	bool interrupted;            /* a wait of this thread ended for a signal */
	struct kern_altstack altstack;
	struct rumpcomp_frame *frame; /* of the system call it is in */
};

struct kern_process {
	struct kern_thread *threads;
	unsigned thread_count;
	uint32_t main_tid;           /* shown to programs as KERN_PID */
	int64_t cpu_ns_of_ended;     /* CPU time of threads that are gone */
	struct kern_sigaction actions[KERN_SIGNALS + 1];
	uint64_t signals_pending;
	uint64_t brk_end;
	int64_t start_ns;
	char command[256];
};

extern struct kern_process kern_process;
extern struct rumpuser_mtx *kern_lock;

static inline struct kern_thread *kern_current(void)
{
	return (struct kern_thread *)rumpcomp_thread_owner();
}

/* Threads. */
struct kern_thread *kern_thread_create(void);
void kern_thread_destroy(struct kern_thread *thread);
struct kern_thread *kern_thread_find(uint32_t tid);
/* A clone with CLONE_THREAD; registers are the caller's.  tid or -errno. */
long kern_thread_clone(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls);
__attribute__((noreturn)) void kern_thread_exit(int status);
__attribute__((noreturn)) void kern_process_exit(int status);

/* CPU time of all threads since the start. */
int64_t kern_process_cpu_ns(void);

/* Futexes: -errno, 0 or a count, as futex(2). */
long kern_futex_wait(uint64_t address, uint32_t value, uint32_t bitset, int64_t deadline_ns);
long kern_futex_wake(uint64_t address, int count, uint32_t bitset);
long kern_futex_requeue(uint64_t from, uint64_t to, int wake, int move, bool compare,
    uint32_t value);

/* Signals. */
#define KERN_SIGNAL_BIT(signal) (1ull << ((signal) - 1))
void kern_signal_send(struct kern_thread *thread, int signal);
void kern_signal_send_process(int signal);
/* Before the return from a system call: run a handler, or die; restore the mask. */
void kern_signal_deliver(struct rumpcomp_frame *frame);
/* Undo what deliver put on the stack; the value for rax. */
long kern_signal_return(struct rumpcomp_frame *frame);
bool kern_signal_pending(const struct kern_thread *thread);

static inline bool kern_signal_attention(const struct kern_thread *thread)
{
	return thread->has_saved_mask || kern_signal_pending(thread);
}

/* Virtual memory. */
void kern_vm_create(void);
long kern_vm_mmap(uint64_t address, uint64_t bytes, int protection, int flags, int fd,
    uint64_t offset);
struct vfs_file;
/* The same with an open file, NULL for none; keeps a reference of its own. */
long kern_vm_map_file(uint64_t address, uint64_t bytes, int protection, int flags,
    struct vfs_file *file, uint64_t offset);
long kern_vm_munmap(uint64_t address, uint64_t bytes);
long kern_vm_mprotect(uint64_t address, uint64_t bytes, int protection);
long kern_vm_mremap(uint64_t old, uint64_t old_bytes, uint64_t new_bytes, int flags,
    uint64_t new_address);
long kern_vm_madvise(uint64_t address, uint64_t bytes, int advice);
long kern_vm_brk(uint64_t end);
/* Make the main thread's stack; its top. */
uint64_t kern_vm_stack_create(void);

/* Where a loaded program begins, and what its auxiliary vector says. */
struct kern_program {
	uint64_t start;              /* first instruction: the loader's if there is one */
	uint64_t entry;              /* AT_ENTRY: the program's own */
	uint64_t program_headers;    /* AT_PHDR: an address */
	uint64_t program_header_bytes, program_header_count;
	uint64_t base;               /* AT_BASE: of the loader, 0 without */
};
/* Map an ELF program and its loader.  -ENOENT, -EACCES, -ENOEXEC, -ENOMEM, -EINVAL. */
int kern_elf_load(const char *path, struct kern_program *program);

/* Build the arguments on the main stack and start the program. */
void kern_exec_program(void);

#endif
