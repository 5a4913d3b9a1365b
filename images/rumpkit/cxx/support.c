/*
 * support.c - what GCC's C++ library expects of glibc, for guests, which have musl.
 *
 * Linked into C++ programs only.
 */
#include <stdint.h>
#include <sys/types.h>

extern ssize_t getrandom(void *, size_t, unsigned);

/* Whether reference counts may do without locked instructions: never, to be safe. */
char __libc_single_threaded;

/* 0: found.  glibc's way to unwind tables; crtbeginT.o registers the only ones there are. */
int
_dl_find_object(void *address, void *result)
{
	(void)address;
	(void)result;
	return -1;
}

/* Returns 32 random bits; std::random_device uses it. */
uint32_t
arc4random(void)
{
	uint32_t bits = 0;

	while (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		continue;
	return bits;
}
