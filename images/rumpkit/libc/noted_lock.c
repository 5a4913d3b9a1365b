/*
 * noted_lock.c - a lock of musl's remembers who took it, and where.
 *
 * A plain mutex of musl only says that it is taken.  Somebody who looks into a program
 * that stands still wants to know by whom; so where a program calls one of the functions
 * below, it gets this one (GNU ld's --wrap), which calls musl's and then puts the thread's
 * number and the place of the call into two words that musl leaves unused on 64-bit
 * machines.  They mean something only while the lock is taken.
 *
 * Compiled once a function, each an object of its own: FUNCTION is its name, LOCK the
 * argument that is the lock, ALWAYS 1 if it is held whatever the function returns (after a
 * wait for a condition that timed out, too).  kernel_magics/inspect/threads/lock_layouts.py reads the notes.
 */
#include <stdint.h>

#define NAMED(prefix, name) prefix##name
#define EXPANDED(prefix, name) NAMED(prefix, name)
#define REAL EXPANDED(__real_, FUNCTION)
#define WRAP EXPANDED(__wrap_, FUNCTION)

#define OWNER_DIED 130 /* EOWNERDEAD: the lock is taken all the same */

/* The same in pthread_mutex_t, mtx_t (type, lock, waiters, -, -) and pthread_rwlock_t. */
struct noted {
	uint32_t used_by_musl[3];
	uint32_t thread;
	uint32_t place;
};

/* struct pthread of musl: the number is behind six pointers. */
static uint32_t own_number(void)
{
	uint32_t number;

	__asm__("movl %%fs:48, %0" : "=r"(number));
	return number;
}

/* No function of the list has more arguments; musl's ignores those it does not know. */
int REAL(void *first, void *second, const void *third);
int WRAP(void *first, void *second, const void *third);
int WRAP(void *first, void *second, const void *third)
{
	int result = REAL(first, second, third);

	if (ALWAYS || result == 0 || result == OWNER_DIED) {
		struct noted *noted = LOCK;

		noted->thread = own_number();
		noted->place = (uint32_t)(uintptr_t)__builtin_return_address(0);
	}
	return result;
}
