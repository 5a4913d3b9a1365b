/*
 * bmk.h - the bare-metal core: pages, address space, threads, clock, console.
 *
 * One processor.  Functions are called with interrupts off unless they say otherwise:
 * the runtime never runs with interrupts on except while idle.
 */
#ifndef BMK_H
#define BMK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab_abi.h"

struct arch_trap;
struct rumpcomp_frame;

#define BMK_PAGE_BYTES 4096ul
#define BMK_PAGE_MASK (BMK_PAGE_BYTES - 1)

__attribute__((noreturn)) void bmk_main(const void *start_info);
/* The first thread runs this: the factions start and, with them, the application. */
void bmk_start_factions(void);

/* --- pages: whole pages of RAM, contiguous; contents undefined --- */
/* The first run of RAM, and how far RAM reaches in all; more runs are added later. */
void bmk_pages_create(uintptr_t start, uintptr_t end, uintptr_t ram_end);
void bmk_pages_add(uintptr_t start, uintptr_t end);
void *bmk_pages_alloc(size_t count);
void bmk_pages_free(void *pages, size_t count);
/* One more user of a page, who frees it in turn; false if there is no memory to count. */
bool bmk_page_share(const void *page);
bool bmk_page_is_shared(const void *page);
/* A small number noted for a page in use; negative when there is none. */
void bmk_pages_mark(uintptr_t page, unsigned mark);
int bmk_pages_marked(uintptr_t page);

/* --- memory: any size; alignment a power of two up to a page; contents undefined --- */
void *bmk_memory_alloc(size_t bytes, size_t alignment);
void bmk_memory_free(void *memory, size_t bytes);

/* --- address space --- */
#define BMK_MAP_READ 1
#define BMK_MAP_WRITE 2
#define BMK_MAP_EXECUTE 4
/* Protect the image's sections and unmap page 0; then map the rest of RAM. */
void bmk_map_create(uintptr_t ram_end);
/* The first address behind the image that an application may have. */
uintptr_t bmk_map_lowest(void);
/* Map page at address; false if a page table cannot be had. */
bool bmk_map_page(uintptr_t address, const void *page, int protection);
/* The same with a page that is not to be freed (borrowed), or copied by a write. */
bool bmk_map_lent(uintptr_t address, const void *page, int protection, bool borrowed,
    bool copy);
/* Has the page at address been written to?  With clean, forget it. */
bool bmk_map_dirty(uintptr_t address, bool clean);
/* Unmap; the page that was there, or NULL. */
void *bmk_map_remove(uintptr_t address, bool *borrowed);
/* Move what is mapped from one address to another; false if no page table can be had. */
bool bmk_map_move(uintptr_t from, uintptr_t to);
/* Change protection of what is mapped at address; false if nothing is. */
bool bmk_map_protect(uintptr_t address, int protection);
/* Before a write to address: 1 it has a page of its own now, 0 it had, -1 no memory. */
int bmk_map_unshare(uintptr_t address, int protection);
/* The next mapped page address at or above address and below end, or end. */
uintptr_t bmk_map_next(uintptr_t address, uintptr_t end);

/* --- one table of addresses a process; all of them share the image and the RAM --- */
/* NULL if there is no memory. */
uint64_t *bmk_space_create(void);
uint64_t *bmk_space_current(void);
void bmk_space_use(uint64_t *space);
/* Free the tables; nothing of the application's may be mapped. */
void bmk_space_destroy(uint64_t *space);
/* Let another space have what is mapped here; private: the first write makes a copy. */
bool bmk_space_copy(uint64_t *to, uintptr_t start, uintptr_t end, bool private);

/*
 * Physical addresses, for devices: of the image, or of anything bmk_pages_alloc and
 * bmk_memory_alloc gave; and the other way, also for a device's registers below 4 GiB.
 */
uintptr_t bmk_physical(const void *address);
void *bmk_at_physical(uintptr_t address);
/* Is this address backed by RAM right now? */
bool bmk_map_present(uintptr_t address);

/* --- threads --- */
struct bmk_thread {
	uint64_t stack_pointer;      /* while not running */
	struct bmk_thread *next;     /* in the ready queue or a wait queue */
	struct bmk_thread *previous;
	struct bmk_waitq *waiting_on;
	struct bmk_thread *timer_next;
	struct bmk_thread *timer_previous;
	int64_t deadline_ns;
	bool timed;
	bool timed_out;
	bool must_join;
	bool exited;
	uint32_t number;
	struct lab_thread *record;
	char *stack;                 /* lowest address: the guard page */
	void *fpu;                   /* NULL: a thread that is never in the application */
	uint64_t fs_base;
	void *owner;
	void *lwp;
	int error_number;
	struct bmk_waitq *joiners;
	void *(*function)(void *);
	void *argument;
	struct bmk_thread *all_next;
};

struct bmk_waitq {
	struct bmk_thread *first, *last;
};

extern struct bmk_thread *bmk_current;

void bmk_threads_create(void);
/* A kernel thread running function(argument). */
struct bmk_thread *bmk_thread_create(void *(*function)(void *), void *argument,
    const char *name, bool must_join);
/* An application thread that starts with these registers. */
struct bmk_thread *bmk_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner);
/* One that begins with function(owner), in the runtime. */
struct bmk_thread *bmk_thread_begin(void *(*function)(void *owner), const char *name, void *owner);
__attribute__((noreturn)) void bmk_thread_exit(void);
void bmk_thread_join(struct bmk_thread *thread);
void bmk_thread_yield(void);
struct bmk_thread *bmk_thread_find(uint32_t number);
uint64_t bmk_thread_cpu_tsc(const struct bmk_thread *thread);
void bmk_thread_set_name(struct bmk_thread *thread, const char *name);

#define BMK_FOREVER INT64_MAX
/* Sleep on queue until woken (true) or until deadline_ns (false). */
bool bmk_waitq_sleep(struct bmk_waitq *queue, int64_t deadline_ns);
/* Wake up to count threads, longest waiting first; how many. */
int bmk_waitq_wake(struct bmk_waitq *queue, int count);
void bmk_wake(struct bmk_thread *thread);

/* From trap.c: the timer went off; a thread may have to yield before it returns. */
void bmk_timer_interrupt(void);
extern bool bmk_reschedule; /* a look at the ready queue may be worth it */
bool bmk_preempt_wanted(void);
void bmk_preempt(void);

/* --- clock: nanoseconds since the first instruction, and since 1970 --- */
void bmk_clock_create(uint64_t tsc_hz, int64_t epoch_ns);
int64_t bmk_clock_ns(void);
int64_t bmk_clock_wall_ns(void);
uint64_t bmk_clock_from_tsc(uint64_t ticks);
/* The vDSO's ELF header: code that programs read the clock with. */
extern const char bmk_vdso[];

/* --- console --- */
void bmk_console_create(void);
void bmk_console_write(const void *data, size_t bytes);
/* Before a thread writes so much or reads: change to a better device if that pays now. */
void bmk_console_adapt(size_t more_bytes);
/* Bytes read without waiting. */
size_t bmk_console_read(void *data, size_t bytes);
size_t bmk_console_pending(void);
/* Bytes to be read that were not looked at before; they stay. */
size_t bmk_console_look(void *data, size_t bytes);
bool bmk_console_wait(int64_t deadline_ns);
void bmk_console_on_input(void (*notify)(void));
/* notify from interrupt level when the lab has changed lab_header.console_window. */
void bmk_console_on_window(void (*notify)(void));
__attribute__((format(printf, 1, 2))) void bmk_printf(const char *format, ...);

/* --- interrupts of devices: handlers run with interrupts off, on a stack of 8 KiB --- */
void bmk_interrupt_attach(unsigned pin, bool level, void (*handler)(void *), void *argument);
/* A vector for a device that sends messages (MSI); 0 if there is none left. */
unsigned bmk_interrupt_message(void (*handler)(void *), void *argument);

/* --- the archive the loader put into RAM; NULL and 0 if there is none --- */
extern const void *bmk_initrd;
extern size_t bmk_initrd_bytes;

/* --- random --- */
void bmk_random(void *to, size_t bytes);

/* --- trace ring --- */
void bmk_trace_create(uint64_t records);

/* --- configuration: the JSON the lab passed --- */
extern const char *bmk_config;
extern size_t bmk_config_bytes;
/* The words behind it on the command line, by which the machine announces devices. */
extern const char *bmk_announcements;
void bmk_config_create(const char *command_line);

/* The members of its object "lab". */
#define BMK_EACH_SETTING(X) \
	X(TSC_HZ, "tsc_hz") X(EPOCH_NS, "epoch_ns") X(ON_PANIC, "on_panic") \
	X(CONSOLE, "console") X(TERMINAL, "terminal") X(TRACE, "trace") \
	X(TRACE_EVENTS, "trace_events") X(TRACE_STACKS, "trace_stacks") \
	X(TRACE_RECORDS, "trace_records") X(TRACE_DATA, "trace_data") \
	X(TRACE_PACKETS, "trace_packets") X(TRACE_STACK, "trace_stack") \
	X(TRACE_SAMPLE_NS, "trace_sample_ns")
enum bmk_setting {
#define BMK_SETTING_NUMBER(number, name) BMK_SETTING_##number,
	BMK_EACH_SETTING(BMK_SETTING_NUMBER)
#undef BMK_SETTING_NUMBER
	BMK_SETTINGS
};
/* Its value; of one that is not there the type is 0, the text empty and the number 0. */
struct lib_json_value;
const struct lib_json_value *bmk_setting(enum bmk_setting setting);
uint64_t bmk_setting_number(enum bmk_setting setting);

/* --- faults --- */
enum rumpcomp_fault;
extern int (*bmk_fault_handler)(uintptr_t address, uintptr_t stack, bool write, bool execute);
extern long (*bmk_syscall_handler)(struct rumpcomp_frame *frame);
/* An exception the application caused; true if it was turned into a signal. */
extern bool (*bmk_exception_handler)(struct arch_trap *trap, int signal, uintptr_t address);
/* Does an interrupted application thread have something to do first, and do it. */
extern bool (*bmk_return_wanted)(void);
extern void (*bmk_return_handler)(struct arch_trap *trap);
/* Called with the owner of an application thread when it becomes the current one. */
extern void (*bmk_switch_handler)(void *owner);

/* --- the end --- */
__attribute__((noreturn)) void bmk_exit(int status);
/* trap may be NULL: the caller's own registers are recorded. */
__attribute__((noreturn)) void bmk_panic(enum lab_panic_kind kind, int signal,
    const struct arch_trap *trap, uint64_t fault_address, const char *reason);
#define bmk_assert(condition) do { \
	if (__builtin_expect(!(condition), 0)) \
		bmk_panic(LAB_PANIC_ASSERTION, 6, NULL, 0, \
		    "assertion failed: " #condition " in " __FILE_NAME__); \
} while (0)

#endif
