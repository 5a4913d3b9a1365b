/*
 * memory.c - the memory hypercalls over pages of RAM.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "rumpuser.h"

#define DEFAULT_ALIGNMENT 16

static size_t effective(int alignment)
{
	return alignment > DEFAULT_ALIGNMENT ? (size_t)alignment : DEFAULT_ALIGNMENT;
}

int rumpuser_malloc(size_t bytes, int alignment, void **memory)
{
	HYPERCALL_ENTER(rumpuser_malloc, bytes, alignment, memory, 0);
	if (alignment & (alignment - 1) || (size_t)alignment > BMK_PAGE_BYTES)
		HYPERCALL_RETURN(rumpuser_malloc, RUMPUSER_EINVAL);
	*memory = bmk_memory_alloc(bytes, effective(alignment));
	HYPERCALL_RETURN(rumpuser_malloc, *memory ? 0 : RUMPUSER_ENOMEM);
}

void rumpuser_free(void *memory, size_t bytes)
{
	HYPERCALL_ENTER(rumpuser_free, memory, bytes, 0, 0);
	if (memory)
		bmk_memory_free(memory, bytes);
	HYPERCALL_EXIT(rumpuser_free, 0);
}

int rumpuser_anonmmap(void *preferred, size_t bytes, int alignment_bits, int executable,
    void **memory)
{
	HYPERCALL_ENTER(rumpuser_anonmmap, preferred, bytes, alignment_bits, executable);
	/* Pages of RAM are aligned to pages; no caller here needs more, or execution. */
	if ((alignment_bits && (1ul << alignment_bits) > BMK_PAGE_BYTES) || executable)
		HYPERCALL_RETURN(rumpuser_anonmmap, RUMPUSER_EINVAL);
	*memory = bmk_pages_alloc((bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES);
	if (!*memory)
		HYPERCALL_RETURN(rumpuser_anonmmap, RUMPUSER_ENOMEM);
	memset(*memory, 0, bytes);
	HYPERCALL_RETURN(rumpuser_anonmmap, 0);
}

void rumpuser_unmap(void *memory, size_t bytes)
{
	HYPERCALL_ENTER(rumpuser_unmap, memory, bytes, 0, 0);
	bmk_pages_free(memory, (bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES);
	HYPERCALL_EXIT(rumpuser_unmap, 0);
}
