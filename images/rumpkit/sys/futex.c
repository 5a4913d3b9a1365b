/*
 * futex.c - futex(2)'s operations.
 */
#include "sys.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP 5
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE 128
#define FUTEX_REALTIME 256
#define ANY 0xffffffffu

/* FUTEX_WAIT takes a duration, FUTEX_WAIT_BITSET a point in time. */
static long deadline(long operation, long timeout, int64_t *deadline_ns)
{
	bool absolute = (operation & 127) == FUTEX_WAIT_BITSET;
	int64_t ns;
	int error;

	*deadline_ns = KERN_FOREVER;
	if (!timeout)
		return 0;
	error = sys_copyin_timespec((const void *)timeout, &ns);
	if (error)
		return error;
	*deadline_ns = ns + (absolute ? 0 : kern_monotonic_ns());
	if (absolute && operation & FUTEX_REALTIME)
		*deadline_ns = ns - kern_wall_ns() + kern_monotonic_ns();
	return 0;
}

/* FUTEX_WAKE_OP: change *address2, wake on address, and on address2 if it compared. */
static long wake_op(uint64_t address, bool private, int wake, int wake2, uint64_t address2,
    uint32_t code)
{
	uint32_t operand = code >> 12 & 0xfff, compared = code & 0xfff, old, value;
	bool hit = false;
	long woken;

	if (kern_copyin((const void *)address2, &old, sizeof(old)))
		return -EFAULT;
	if (code >> 28 & 8)
		operand = 1u << (operand & 31);
	switch (code >> 28 & 7) {
	case 0: value = operand; break;
	case 1: value = old + operand; break;
	case 2: value = old | operand; break;
	case 3: value = old & ~operand; break;
	case 4: value = old ^ operand; break;
	default: return -ENOSYS;
	}
	if (kern_copyout(&value, (void *)address2, sizeof(value)))
		return -EFAULT;
	switch (code >> 24 & 15) {
	case 0: hit = old == compared; break;
	case 1: hit = old != compared; break;
	case 2: hit = (int32_t)old < (int32_t)compared; break;
	case 3: hit = (int32_t)old <= (int32_t)compared; break;
	case 4: hit = (int32_t)old > (int32_t)compared; break;
	case 5: hit = (int32_t)old >= (int32_t)compared; break;
	default: return -ENOSYS;
	}
	woken = kern_futex_wake(address, private, wake, ANY);
	return hit ? woken + kern_futex_wake(address2, private, wake2, ANY) : woken;
}

long sys_futex(SYS6(address, operation, value, timeout, address2, value3))
{
	bool private = operation & FUTEX_PRIVATE;
	int64_t deadline_ns;
	long error;

	switch (operation & 127) {
	case FUTEX_WAIT: case FUTEX_WAIT_BITSET:
		error = deadline(operation, timeout, &deadline_ns);
		if (error)
			return error;
		return kern_futex_wait((uint64_t)address, private, (uint32_t)value,
		    (operation & 127) == FUTEX_WAIT ? ANY : (uint32_t)value3, deadline_ns);
	case FUTEX_WAKE:
		return kern_futex_wake((uint64_t)address, private, (int)value, ANY);
	case FUTEX_WAKE_BITSET:
		return kern_futex_wake((uint64_t)address, private, (int)value, (uint32_t)value3);
	case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE:
		return kern_futex_requeue((uint64_t)address, (uint64_t)address2, private, (int)value,
		    (int)timeout, (operation & 127) == FUTEX_CMP_REQUEUE, (uint32_t)value3);
	case FUTEX_WAKE_OP:
		return wake_op((uint64_t)address, private, (int)value, (int)timeout,
		    (uint64_t)address2, (uint32_t)value3);
	}
	return -ENOSYS;
}
