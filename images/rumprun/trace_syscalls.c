/*
 * trace_syscalls.c - NetBSD's system calls: what libc calls in the rump kernel.
 *
 * All of them go through rump_syscall, with their number and their arguments as words in
 * memory.  They are recorded as events of the same numbers and form as rumpkit's.
 */
#include "trace.h"
#include "trace_netbsd.h"

int __real_rump_syscall(int number, void *words, size_t bytes, long *result);
int __wrap_rump_syscall(int number, void *words, size_t bytes, long *result);

static __attribute__((noinline)) void enter(struct netbsd_call call, const uint64_t *arguments,
    uint64_t caller)
{
	lab_record_enter(call.event, arguments[0], arguments[1], arguments[2], arguments[3], caller);
	if (call.text && arguments[call.text - 1] >= LAB_FIRST_ADDRESS)
		lab_record_text(call.event, call.text - 1u,
		    (const char *)arguments[call.text - 1]);
	if (__builtin_expect(lab_bit(lab_header.stacks, call.event), 0))
		lab_record_stack(call.event);
}

int __wrap_rump_syscall(int number, void *words, size_t bytes, long *result)
{
	struct netbsd_call call = netbsd_call((uint64_t)number);
	uint64_t arguments[NETBSD_ARGUMENTS] = { 0 }, ending[5] = { 0 };
	int error;

	lab_counters[call.event]++;
	if (!lab_wants(call.event))
		return __real_rump_syscall(number, words, bytes, result);
	for (unsigned i = 0; i < NETBSD_ARGUMENTS && netbsd_word(call, i) < bytes / 8; i++)
		arguments[i] = ((const uint64_t *)words)[netbsd_word(call, i)];
	if (call.event == LAB_EVENT_SYSCALL + NETBSD_OTHER)
		arguments[0] = (uint64_t)number;
	enter(call, arguments, (uint64_t)__builtin_return_address(0));
	error = __real_rump_syscall(number, words, bytes, result);
	ending[0] = netbsd_result((uint64_t)(unsigned)error, (uint64_t)*result);
	ending[1] = arguments[4];
	ending[2] = arguments[5];
	lab_record(call.event, LAB_RECORD_EXIT, 0, ending);
	return error;
}
