/*
 * process.h - processes and their threads, for the kern faction and system calls.
 */
#ifndef KERN_PROCESS_H
#define KERN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "kern.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumpuser.h"

#define KERN_FIRST_PID 1
#define KERN_NS_PER_S 1000000000ll
#define KERN_SIGNALS 64
#define KERN_NAME_BYTES 16   /* of a thread, with its NUL */

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

/* What a signal's handler is told: the fields of siginfo_t that the kernel fills. */
struct kern_siginfo {
	int32_t code;
	int32_t pid, status;         /* of the sender, or of the child */
	uint64_t address;            /* of a fault */
	uint64_t value;              /* of sigqueue */
};

/* This is the struct lwp that rumpuser_curlwp() answers with. */
struct kern_thread {
	struct kern_process *process;
	uint32_t tid;                /* as programs know it; a process's first has its pid */
	uint32_t number;             /* as the host knows it */
	char name[KERN_NAME_BYTES];  /* PR_SET_NAME's, /proc's comm */
	struct rumpuser_cv *cv;
	struct kern_waiter waiter;
	struct kern_thread *next;    /* of the same process */
	uint64_t clear_child_tid;    /* address to zero and wake at the end, or 0 */
	uint64_t robust_list;
	uint64_t signal_mask;
	uint64_t signals_pending;
	struct kern_siginfo info[KERN_SIGNALS + 1];
	uint64_t saved_mask;         /* of a sigsuspend, to restore after the handler */
	bool has_saved_mask;
	long interrupted_call;       /* number of a call that may be restarted, or -1 */
	bool must_exit;              /* its process ends, or becomes another program */
	struct kern_altstack altstack;
	struct rumpcomp_frame *frame; /* of the system call it is in */
};

struct kern_region;
struct vfs_context;
struct vfs_queue;

/* Sleep until woken, whatever signals come. */
void kern_wait_uninterrupted(struct kern_wait *where);

/* A set of mappings; a child of vfork shares its parent's until it runs a program. */
struct kern_vm {
	unsigned references;
	struct kern_region *regions; /* by address */
	struct kern_region *hint;    /* one that was looked for; NULL is fine */
	uint64_t brk_end;
	struct rumpcomp_space *space;
};

/* Who a process is: user and group, credentials(7). */
struct kern_ids {
	uint32_t real, effective, saved;
};
#define KERN_GROUPS_MOST 32
#define KERN_CAPABILITIES 41
#define KERN_CAPABILITIES_ALL ((1ul << KERN_CAPABILITIES) - 1)
struct kern_identity {
	struct kern_ids user, group;
	uint64_t permitted, effective; /* capabilities(7) */
	bool keeps;                  /* PR_SET_KEEPCAPS: permitted stays when root is given up */
	unsigned group_count;
	uint32_t groups[KERN_GROUPS_MOST];
};

enum kern_process_state { KERN_PROCESS_RUNS, KERN_PROCESS_ENDED };

struct kern_process {
	struct kern_process *next;
	struct kern_process *parent; /* NULL: started by the configuration */
	uint32_t pid, group, session;
	enum kern_process_state state;
	int wait_status;             /* as wait4 tells it, once ended */
	struct kern_thread *threads;
	unsigned thread_count;
	struct kern_vm *vm;
	struct vfs_context *files;
	struct kern_identity identity;
	bool no_new_privileges;      /* PR_SET_NO_NEW_PRIVS: programs' owners do not count */
	struct kern_sigaction actions[KERN_SIGNALS + 1];
	uint64_t signals_pending;
	struct kern_siginfo info[KERN_SIGNALS + 1];
	struct kern_wait changed;    /* a child ended, or this process's threads did */
	bool borrows_vm;             /* a vfork's child before exec; the parent sleeps */
	bool exiting;
	int exit_signal;             /* what the parent gets */
	struct kern_process_timer *timers;
	int64_t start_ns;
	int64_t cpu_ns_of_ended;     /* CPU time of threads that are gone */
	int64_t cpu_ns_of_children;
	char command[256];           /* last component of argv[0] */
	char path[256];              /* of the program; empty: part of the image */
	uint64_t arguments_start, arguments_end, environment_end; /* on its stack */
	struct kern_rc_entry *entry; /* of the configuration, if it started this */
};

/* The process that runs, and all of them. */
extern struct kern_process *kern_process;
extern struct kern_process *kern_processes;
extern struct rumpuser_mtx *kern_lock;

static inline struct kern_thread *kern_current(void)
{
	return (struct kern_thread *)rumpcomp_current_owner;
}

/* --- processes --- */

/* A process without threads or memory, with these files or a copy of its parent's. */
struct kern_process *kern_process_create(struct kern_process *parent,
    struct vfs_context *files);
/* Give up one that never ran. */
void kern_process_discard(struct kern_process *process);
struct kern_process *kern_process_find(uint32_t pid);
/* fork, vfork and posix_spawn's clone: the child's pid or -errno. */
long kern_process_fork(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls);
/* The whole process ends, wait_status as in wait4. */
__attribute__((noreturn)) void kern_process_exit(int wait_status);
/* Have all other threads of this process end, and wait until they have. */
void kern_process_end_others(void);
/* wait4(2). */
long kern_process_wait(int pid, int *wait_status, int options, int64_t *cpu_ns);
/* CPU time of all threads since the start. */
int64_t kern_process_cpu_ns(const struct kern_process *process);
#define KERN_STATUS_EXITED(code) (((code) & 0xff) << 8)

/* --- threads --- */

struct kern_thread *kern_thread_create(struct kern_process *process);
void kern_thread_destroy(struct kern_thread *thread);
struct kern_thread *kern_thread_find(uint32_t tid);
/* Give a thread a name, cut off if it is too long; traces and the lab show it. */
void kern_thread_set_name(struct kern_thread *thread, const char *name);
/* A clone with CLONE_THREAD; registers are the caller's.  tid or -errno. */
long kern_thread_clone(const struct rumpcomp_frame *parent, uint64_t flags, uint64_t stack,
    uint64_t parent_tid, uint64_t child_tid, uint64_t tls);
__attribute__((noreturn)) void kern_thread_exit(int wait_status);
/* Tell tid to those a clone's flags name: itself, its parent, a futex at its end. */
void kern_thread_announce(struct kern_thread *thread, uint64_t flags, uint64_t parent_tid,
    uint64_t child_tid);

/* --- futexes: -errno, 0 or a count, as futex(2); private: no other process is meant --- */
long kern_futex_wait(uint64_t address, bool private, uint32_t value, uint32_t bitset,
    int64_t deadline_ns);
long kern_futex_wake(uint64_t address, bool private, int count, uint32_t bitset);
long kern_futex_requeue(uint64_t from, uint64_t to, bool private, int wake, int move,
    bool compare, uint32_t value);

/* --- signals --- */
#define KERN_SIGNAL_BIT(signal) (1ull << ((signal) - 1))
/* The signals that nothing blocks, catches or ignores. */
#define KERN_SIGNALS_UNBLOCKABLE (KERN_SIGNAL_BIT(SIGKILL) | KERN_SIGNAL_BIT(SIGSTOP))
/* Woken when any signal has become pending, for those who read them (signalfd). */
extern struct vfs_queue kern_signal_arrived;
void kern_signal_send(struct kern_thread *thread, int signal, const struct kern_siginfo *info);
void kern_signal_send_process(struct kern_process *process, int signal,
    const struct kern_siginfo *info);
/* ^C and the like on the console: to the processes of a group, or, if there are none, to all. */
void kern_signal_send_console(int signal, uint32_t group);
void kern_signal_create(void);
/* Before the return from a system call: run a handler, or die; restore the mask. */
void kern_signal_deliver(struct rumpcomp_frame *frame);
/* Undo what a handler's start put on the stack; goes on where that was. */
__attribute__((noreturn)) void kern_signal_return(const struct rumpcomp_frame *frame);
/* The same for code that is about to be resumed. */
void kern_signal_redeliver(struct rumpcomp_registers *registers);
const char *kern_signal_name(int signal);
/* Take one of these signals if it is pending: its number, or 0. */
int kern_signal_take(struct kern_thread *thread, uint64_t set, struct kern_siginfo *info);
/* A signal whose handler or default does something. */
bool kern_signal_has_effect(const struct kern_process *process, int signal);
/* Put a frame for the handler on the stack; false if the stack cannot hold it. */
bool kern_signal_frame(struct kern_thread *thread, struct rumpcomp_registers *registers,
    int signal, const struct kern_siginfo *info);
/* What a frame of that kind takes on the stack, for AT_MINSIGSTKSZ. */
uint64_t kern_signal_frame_bytes(void);

/* Inline, because every system call asks. */
static inline bool kern_signal_pending(const struct kern_thread *thread)
{
	return (thread->signals_pending | thread->process->signals_pending) & ~thread->signal_mask;
}

static inline bool kern_signal_attention(const struct kern_thread *thread)
{
	return thread->has_saved_mask || thread->must_exit || kern_signal_pending(thread);
}

/* --- timers that send this process a signal --- */
/* setitimer's have these numbers; the last two count CPU time. */
#define KERN_TIMER_REAL (-1)
#define KERN_TIMER_VIRTUAL (-2)
#define KERN_TIMER_PROFILING (-3)
struct kern_timer *kern_process_timer_find(int id);
/* One of those, or 0 for a new number; signal 0: none.  The number, -EAGAIN. */
int kern_process_timer_create(int id, int signal, uint32_t thread,
    const struct kern_siginfo *info);
/* Those of CPU time: nanoseconds of the process's, 0 for none. */
int kern_process_timer_set_cpu(int id, int64_t first_ns, int64_t interval_ns);
void kern_process_timer_get_cpu(int id, int64_t *left_ns, int64_t *interval_ns);
int kern_process_timer_destroy(int id);
/* Without all, ITIMER_REAL stays: it survives execve. */
void kern_process_timers_end(bool all);

/* --- virtual memory --- */
void kern_vm_create(void);
/* NULL: no memory. */
struct kern_vm *kern_vm_make(void);
struct kern_vm *kern_vm_copy(struct kern_vm *from);
struct kern_vm *kern_vm_get(struct kern_vm *vm);
/* Give up a reference; the last one unmaps everything. */
void kern_vm_put(struct kern_vm *vm);
/* Have the current process use these mappings from now on. */
void kern_vm_use(struct kern_vm *vm);
long kern_vm_mmap(uint64_t address, uint64_t bytes, int protection, int flags, int fd,
    uint64_t offset);
struct vfs_file;
/* The same with an open file, NULL for none; keeps a reference of its own. */
long kern_vm_map_file(uint64_t address, uint64_t bytes, int protection, int flags,
    struct vfs_file *file, uint64_t offset);
/* A file without a name for memory that processes share; 0 or -errno. */
int kern_vm_shared_file(uint64_t bytes, struct vfs_file **file);
long kern_vm_munmap(uint64_t address, uint64_t bytes);
long kern_vm_msync(uint64_t address, uint64_t bytes, int flags);
long kern_vm_mprotect(uint64_t address, uint64_t bytes, int protection);
long kern_vm_mremap(uint64_t old, uint64_t old_bytes, uint64_t new_bytes, int flags,
    uint64_t new_address);
long kern_vm_madvise(uint64_t address, uint64_t bytes, int advice);
long kern_vm_brk(uint64_t end);
/* Is anything mapped at address? */
bool kern_vm_has(uint64_t address);
/* Make the main thread's stack; its top. */
uint64_t kern_vm_stack_create(void);

/* --- programs --- */

/* Where a loaded program begins, and what its auxiliary vector says. */
struct kern_program {
	uint64_t start;              /* first instruction: the loader's if there is one */
	uint64_t entry;              /* AT_ENTRY: the program's own */
	uint64_t program_headers;    /* AT_PHDR: an address */
	uint64_t program_header_bytes, program_header_count;
	uint64_t base;               /* AT_BASE: of the loader, 0 without */
};
/* Map an ELF program and its loader.  -ENOENT, -EACCES, -ENOEXEC, -ENOMEM, -EINVAL. */
int kern_elf_load(struct vfs_file *file, struct kern_program *program);

/* Arguments and environment of a program to be: texts in memory of kern_alloc. */
struct kern_strings {
	char *text;                  /* argv, then environment, each with its NUL */
	size_t bytes, capacity;
	unsigned arguments, variables;
};
#define KERN_STRINGS_BYTES 0x100000ul /* ARG_MAX here */
int kern_strings_add(struct kern_strings *strings, const char *text, size_t bytes);
void kern_strings_free(struct kern_strings *strings);
/* Put them below top for the current process; the stack pointer, argc, argv, environment and
 * auxiliary vector above it. */
uint64_t kern_stack_build(uint64_t top, const struct kern_strings *strings,
    const struct kern_program *program);
/*
 * Become another program: of a path, or the image's own (NULL).  Consumes strings when
 * it succeeds, and does not return; -errno otherwise, and nothing has changed.
 */
int kern_exec(const char *path, struct kern_strings *strings);

/* --- what a trace is told (told.c) --- */
/* A thread began; forked: and with it a process that has its parent's memory. */
void kern_tell_thread(const struct kern_thread *thread, bool forked);
/* The current process has a file's code mapped. */
void kern_tell_mapped(struct vfs_file *file, uint64_t start, uint64_t end, uint64_t offset);
/* The current process runs another program, which is mapped already. */
void kern_tell_program(void);

/* --- what the configuration starts (rc.c) --- */
void kern_rc_start(void);
/* The files that its programs begin with. */
extern struct vfs_context *kern_rc_files;
/* One of its programs ended; does not return if that was the end of the guest. */
void kern_rc_ended(struct kern_process *process);
/* Is this all that the configuration starts? */
bool kern_rc_is_guest(const struct kern_process *process);
__attribute__((noreturn)) void kern_guest_exit(int status);

#endif
