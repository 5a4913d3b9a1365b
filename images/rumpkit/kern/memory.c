/*
 * memory.c - the factions' own memory, and copies from and to the application.
 */
#include "kern.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"

/* In front of each block: what kern_free has to give back, and who asked, for the lab. */
struct header {
	size_t bytes;
	const void *caller;
};

void *kern_alloc(size_t bytes)
{
	struct header *header;
	void *memory;

	if (bytes > SIZE_MAX - sizeof(*header) ||
	    rumpuser_malloc(bytes + sizeof(*header), 0, &memory))
		return NULL;
	memset(memory, 0, bytes + sizeof(*header));
	header = memory;
	header->bytes = bytes + sizeof(*header);
	header->caller = __builtin_return_address(0);
	return header + 1;
}

void kern_free(void *memory)
{
	struct header *header = (struct header *)memory - 1;

	if (memory)
		rumpuser_free(header, header->bytes);
}

/*
 * The application shares our address space, so only addresses that can never be its
 * own are refused here; everything else either works or faults and is caught.
 */
int kern_copyin(const void *user, void *kernel, size_t bytes)
{
	return bytes ? rumpcomp_copy(kernel, user, bytes) : 0;
}

int kern_copyout(const void *kernel, void *user, size_t bytes)
{
	return bytes ? rumpcomp_copy(user, kernel, bytes) : 0;
}

long kern_copyinstr(const void *user, char *kernel, size_t max)
{
	return rumpcomp_copy_string(kernel, user, max);
}
