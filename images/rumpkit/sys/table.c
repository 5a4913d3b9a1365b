/*
 * table.c - from a system call's number to its function.
 */
#include "apart.h"
#include "files.h"
#include "rumplib.h"
#include "sockets.h"
#include "sys.h"

#define CALLS 512

typedef long (*sys_fn)(long, long, long, long, long, long);

static long zero(SYS0)
{
	return 0;
}

static long unsupported(SYS0)
{
	return -EOPNOTSUPP;
}

#define SYS_ENTRY(number, name) [number] = sys_##name,
#define SYS_ZERO(number, name) [number] = zero,
#define SYS_NOT(number, name) [number] = unsupported,
static const sys_fn table[CALLS] = {
	SYS_MEMORY(SYS_ENTRY)
	SYS_TIME(SYS_ENTRY)
	SYS_TIMERS(SYS_ENTRY)
	SYS_SIGNAL(SYS_ENTRY)
	SYS_PROCESS(SYS_ENTRY)
	SYS_IDENTITY(SYS_ENTRY)
	SYS_CONSTANT(SYS_ZERO)
	SYS_UNSUPPORTED(SYS_NOT)
	SYS_FILES(SYS_ENTRY)
	SYS_SOCKETS(SYS_ENTRY)
	SYS_APART(SYS_ENTRY)
};

/* Calls that libraries try first and do without, so that a report would be noise. */
static const uint16_t expected_absent[] = { 334 /* rseq */, 435 /* clone3 */, 330 /* pkey_alloc */,
	239 /* get_mempolicy */, 425 /* io_uring_setup */, 437 /* openat2 */,
	206 /* io_setup */ };

static uint64_t reported[CALLS / 64 + 1];

static bool report_wanted(uint64_t number)
{
	uint64_t slot = number < CALLS ? number : CALLS;
	uint64_t bit = 1ull << (slot % 64);

	for (size_t i = 0; i < sizeof(expected_absent) / sizeof(expected_absent[0]); i++)
		if (number == expected_absent[i])
			return false;
	if (reported[slot / 64] & bit)
		return false;
	reported[slot / 64] |= bit;
	return true;
}

/* One that images have only if their program calls it as a function of libc. */
static bool is_apart(uint64_t number)
{
#define SYS_IS(call, name) || number == call
	return false SYS_SOCKETS(SYS_IS) SYS_APART(SYS_IS);
#undef SYS_IS
}

static long absent(uint64_t number)
{
	const char *name = sys_name(number);

	if (report_wanted(number))
		rumpuser_dprintf("rumpkit: system call %lu (%s) is not %s: ENOSYS\n", number,
		    name ? name : "unknown", is_apart(number) ?
		    "in this image, only in one built with --whole" : "implemented");
	return -ENOSYS;
}

/* Calls that signal(7) says go on after a handler with SA_RESTART. */
static bool may_restart(uint64_t number)
{
	static const uint16_t calls[] = {
		0 /* read */, 1 /* write */, 2 /* open */, 16 /* ioctl */, 17, 18, /* pread64, pwrite64 */
		19, 20, /* readv, writev */ 42, 43, 44, 45, 46, 47, /* connect ... recvmsg */
		61 /* wait4 */, 72, 73, /* fcntl, flock */ 202 /* futex */, 247 /* waitid */,
		257 /* openat */, 288 /* accept4 */, 295, 296, 299, 307, 327, 328, 318 /* getrandom */,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == number)
			return true;
	return false;
}

long sys_call(struct rumpcomp_frame *frame)
{
	uint64_t number = frame->rax;
	sys_fn function = number < CALLS ? table[number] : NULL;

	kern_current()->frame = frame;
	frame->rax = function ?
	    (uint64_t)function((long)frame->rdi, (long)frame->rsi, (long)frame->rdx,
	    (long)frame->r10, (long)frame->r8, (long)frame->r9) : (uint64_t)absent(number);
	if (kern_signal_attention(kern_current())) {
		kern_current()->interrupted_call = may_restart(number) ? (long)number : -1;
		kern_signal_deliver(frame);
	}
	return (long)frame->rax;
}
