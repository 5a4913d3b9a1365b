/*
 * component.c - the hypercalls beside rumpuser(3): console, application memory and
 * application threads (rumpcomp.h).
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "upcalls.h"

extern const char __ehdr_start[] __attribute__((weak));
extern void _start(void) __attribute__((weak));

/* --- console --- */

int rumpcomp_console_write(const void *data, size_t bytes)
{
	HYPERCALL_ENTER(rumpcomp_console_write, data, bytes, 0, 0);
	bmk_console_write(data, bytes);
	lab_phase(LAB_PHASE_OUTPUT);
	HYPERCALL_RETURN(rumpcomp_console_write, (int)bytes);
}

int rumpcomp_console_read(void *data, size_t bytes, int flags)
{
	size_t got;

	HYPERCALL_ENTER(rumpcomp_console_read, data, bytes, flags, 0);
	got = bmk_console_read(data, bytes);
	if (!got && !(flags & RUMPCOMP_NONBLOCK)) {
		int locks = rumpuser_block_begin(NULL);

		bmk_console_wait(BMK_FOREVER);
		rumpuser_block_end(locks, NULL);
		got = bmk_console_read(data, bytes);
		if (!got)
			HYPERCALL_RETURN(rumpcomp_console_read, -EINTR);
	}
	HYPERCALL_RETURN(rumpcomp_console_read, got ? (int)got : -EAGAIN);
}

void rumpcomp_console_notify(void (*input_arrived)(void))
{
	bmk_console_on_input(input_arrived);
}

size_t rumpcomp_console_pending(void)
{
	return bmk_console_pending();
}

/* --- application memory --- */

_Static_assert(RUMPCOMP_VM_READ == BMK_MAP_READ && RUMPCOMP_VM_WRITE == BMK_MAP_WRITE &&
    RUMPCOMP_VM_EXECUTE == BMK_MAP_EXECUTE, "one numbering of protections");

static int vm_map(uintptr_t address, size_t bytes, int protection)
{
	for (uintptr_t end = address + bytes; address < end; address += BMK_PAGE_BYTES) {
		void *page = bmk_pages_alloc(1);

		if (!page)
			return -ENOMEM;
		memset(page, 0, BMK_PAGE_BYTES);
		if (!bmk_map_page(address, page, protection)) {
			bmk_pages_free(page, 1);
			return -ENOMEM;
		}
	}
	return 0;
}

int rumpcomp_vm_map(uintptr_t address, size_t bytes, int protection)
{
	HYPERCALL_ENTER(rumpcomp_vm_map, address, bytes, protection, 0);
	HYPERCALL_RETURN(rumpcomp_vm_map, vm_map(address, bytes, protection));
}

void rumpcomp_vm_unmap(uintptr_t address, size_t bytes)
{
	uintptr_t end = address + bytes;

	HYPERCALL_ENTER(rumpcomp_vm_unmap, address, bytes, 0, 0);
	while ((address = bmk_map_next(address, end)) < end) {
		bool borrowed;
		void *page = bmk_map_remove(address, &borrowed);

		if (!borrowed)
			bmk_pages_free(page, 1);
		address += BMK_PAGE_BYTES;
	}
	HYPERCALL_EXIT(rumpcomp_vm_unmap, 0);
}

int rumpcomp_vm_protect(uintptr_t address, size_t bytes, int protection)
{
	uintptr_t end = address + bytes;

	HYPERCALL_ENTER(rumpcomp_vm_protect, address, bytes, protection, 0);
	while ((address = bmk_map_next(address, end)) < end) {
		bmk_map_protect(address, protection);
		address += BMK_PAGE_BYTES;
	}
	HYPERCALL_RETURN(rumpcomp_vm_protect, 0);
}

static int vm_move(uintptr_t from, uintptr_t to, size_t bytes)
{
	uintptr_t end = from + bytes;
	uintptr_t at = from;

	while ((at = bmk_map_next(at, end)) < end) {
		if (!bmk_map_move(at, to + (at - from))) {
			/* The tables for the old addresses are still there. */
			vm_move(to, from, at - from);
			return -ENOMEM;
		}
		at += BMK_PAGE_BYTES;
	}
	return 0;
}

int rumpcomp_vm_move(uintptr_t from, uintptr_t to, size_t bytes)
{
	return vm_move(from, to, bytes);
}

int rumpcomp_vm_borrow(uintptr_t address, const void *page, int protection, bool copy)
{
	return bmk_map_borrowed(address, page, protection, copy) ? 0 : -ENOMEM;
}

int rumpcomp_vm_share(uintptr_t address, const void *page, int protection)
{
	if (!bmk_page_share(page))
		return -ENOMEM;
	if (bmk_map_page(address, page, protection))
		return 0;
	bmk_pages_free((void *)page, 1);
	return -ENOMEM;
}

int rumpcomp_vm_unshare(uintptr_t address, int protection)
{
	int result = bmk_map_unshare(address, protection);

	return result < 0 ? -ENOMEM : result;
}

/* --- spaces --- */

struct rumpcomp_space;

struct rumpcomp_space *rumpcomp_space_current(void)
{
	return (struct rumpcomp_space *)bmk_space_current();
}

struct rumpcomp_space *rumpcomp_space_create(void)
{
	return (struct rumpcomp_space *)bmk_space_create();
}

void rumpcomp_space_use(struct rumpcomp_space *space)
{
	bmk_space_use((uint64_t *)space);
}

void rumpcomp_space_destroy(struct rumpcomp_space *space)
{
	bmk_space_destroy((uint64_t *)space);
}

int rumpcomp_space_copy(struct rumpcomp_space *to, uintptr_t address, size_t bytes, bool private)
{
	return bmk_space_copy((uint64_t *)to, address, address + bytes, private) ? 0 : -ENOMEM;
}

uintptr_t rumpcomp_vm_lowest(void)
{
	return bmk_map_lowest();
}

size_t rumpcomp_vm_free_pages(void)
{
	HYPERCALL_ENTER(rumpcomp_vm_free_pages, 0, 0, 0, 0);
	HYPERCALL_RETURN(rumpcomp_vm_free_pages, (size_t)lab_header.free_pages);
}

size_t rumpcomp_vm_total_pages(void)
{
	return lab_header.total_pages;
}

void rumpcomp_vm_on_fault(rumpcomp_fault_fn handler)
{
	bmk_fault_handler = (int (*)(uintptr_t, uintptr_t, bool, bool))handler;
}

/* --- application threads --- */

int rumpcomp_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner)
{
	struct bmk_thread *thread;

	HYPERCALL_ENTER(rumpcomp_thread_start, frame, fs_base, name, owner);
	thread = bmk_thread_start(frame, fs_base, name, owner);
	HYPERCALL_RETURN(rumpcomp_thread_start, thread ? (int)thread->number : -ENOMEM);
}

void rumpcomp_thread_end(void)
{
	bmk_thread_exit();
}

void *rumpcomp_thread_owner(void)
{
	return bmk_current->owner;
}

uint32_t rumpcomp_thread_number(void)
{
	return bmk_current->number;
}

void rumpcomp_thread_name(const char *name)
{
	bmk_thread_set_name(bmk_current, name);
}

void rumpcomp_thread_tls(uint64_t fs_base)
{
	arch_set_fs(fs_base);
}

uint64_t rumpcomp_thread_get_tls(void)
{
	return arch_get_fs();
}

uint64_t rumpcomp_thread_cpu_ns(void)
{
	return bmk_clock_from_tsc(bmk_thread_cpu_tsc(bmk_current));
}

uint64_t rumpcomp_thread_cpu_ns_of(uint32_t number)
{
	struct bmk_thread *thread = bmk_thread_find(number);

	return thread ? bmk_clock_from_tsc(bmk_thread_cpu_tsc(thread)) : 0;
}

void rumpcomp_thread_yield(void)
{
	bmk_thread_yield();
}

void rumpcomp_fpu_save(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void rumpcomp_fpu_load(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* --- entering the factions --- */

void rumpcomp_on_syscall(rumpcomp_syscall_fn handler)
{
	bmk_syscall_handler = handler;
}

const void *rumpcomp_program_headers(void)
{
	return __ehdr_start;
}

uintptr_t rumpcomp_program_entry(void)
{
	return (uintptr_t)_start;
}

const void *rumpcomp_initrd(size_t *bytes)
{
	*bytes = bmk_initrd_bytes;
	return bmk_initrd;
}

void rumpcomp_program_starts(void)
{
	lab_phase(LAB_PHASE_LIBC);
	__atomic_store_n(&lab_header.state, LAB_STATE_RUNNING, __ATOMIC_RELEASE);
}

int rumpcomp_copy(void *to, const void *from, size_t bytes)
{
	return arch_copy(to, from, bytes);
}

long rumpcomp_copy_string(char *to, const char *from, size_t max)
{
	return arch_copy_string(to, from, max);
}

void rumpcomp_application_died(int signal, const struct rumpcomp_frame *frame,
    const char *reason)
{
	struct arch_trap trap = {
		.r15 = frame->r15, .r14 = frame->r14, .r13 = frame->r13, .r12 = frame->r12,
		.r9 = frame->r9, .r8 = frame->r8, .r10 = frame->r10,
		.rdi = frame->rdi, .rsi = frame->rsi, .rbp = frame->rbp, .rbx = frame->rbx,
		.rdx = frame->rdx, .rax = frame->rax, .rip = frame->rip,
		.rflags = frame->rflags, .rsp = frame->rsp, .vector = ~0ull,
	};

	arch_in_kernel = 0;
	bmk_panic(LAB_PANIC_SIGNAL, signal, &trap, 0, reason);
}
