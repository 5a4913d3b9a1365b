/*
 * calls.h - who allocated each block of a program's heap, and who freed it, for the lab.
 *
 * Put in front of a program's source when that is asked for, and the program is linked
 * with malloc and its relatives wrapped.  The books are a hash table by address that the
 * lab reads from the guest's RAM; blocks that do not fit are counted, not kept.
 * kernel_magics/inspect/memory/heap_calls.py reads what is written here.
 */
#ifndef LAB_HEAP_CALLS_H
#define LAB_HEAP_CALLS_H

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_HEAP_SLOTS 16384 /* a power of two */
#define LAB_HEAP_PROBES 64   /* slots that are looked at for one address */
#define LAB_HEAP_FRAMES 3    /* return addresses kept of a call, innermost first */
#define LAB_HEAP_OWN static __attribute__((unused, no_instrument_function))

struct lab_heap_call {
	unsigned long address;   /* 0: never used */
	unsigned long bytes;     /* as asked for */
	unsigned long allocated[LAB_HEAP_FRAMES];
	unsigned long freed[LAB_HEAP_FRAMES]; /* [0] is 0 while it is in use */
	unsigned long number;    /* allocations are counted from 1 */
};

struct lab_heap_calls {
	unsigned slots, frames;  /* of this table; 0 before the first allocation */
	unsigned long allocations, lost; /* lost: not kept, for want of a slot */
	volatile int lock;
	struct lab_heap_call calls[LAB_HEAP_SLOTS];
};

/* Several sources of one program share it.  Zeroes, so that it takes no room in the image. */
__attribute__((weak)) struct lab_heap_calls lab_heap_calls;

int sched_yield(void);
void *__real_malloc(__SIZE_TYPE__);
void *__real_calloc(__SIZE_TYPE__, __SIZE_TYPE__);
void *__real_realloc(void *, __SIZE_TYPE__);
void *__real_aligned_alloc(__SIZE_TYPE__, __SIZE_TYPE__);
void __real_free(void *);

LAB_HEAP_OWN void lab_heap_lock(void)
{
	while (__sync_lock_test_and_set(&lab_heap_calls.lock, 1))
		sched_yield();
}

LAB_HEAP_OWN void lab_heap_unlock(void)
{
	__sync_lock_release(&lab_heap_calls.lock);
}

/* The program keeps frame pointers; musl does not, so each step is checked. */
LAB_HEAP_OWN void lab_heap_trace(unsigned long *to, unsigned long *frame)
{
	for (int i = 0; i < LAB_HEAP_FRAMES; i++) {
		unsigned long *outer = (unsigned long *)frame[0];

		to[i] = frame[1];
		if (outer <= frame || (char *)outer - (char *)frame > 65536 ||
		    ((unsigned long)outer & 7)) {
			while (++i < LAB_HEAP_FRAMES)
				to[i] = 0;
			return;
		}
		frame = outer;
	}
}

/* The slot of an address, or one for it: empty, or that of the oldest block freed. */
LAB_HEAP_OWN struct lab_heap_call *lab_heap_slot(unsigned long address, int make)
{
	unsigned long at = (address >> 4) * 0x9e3779b97f4a7c15ul >> 20;
	struct lab_heap_call *old = 0;

	for (unsigned i = 0; i < LAB_HEAP_PROBES; i++) {
		struct lab_heap_call *call = &lab_heap_calls.calls[(at + i) & (LAB_HEAP_SLOTS - 1)];

		if (call->address == address)
			return call;
		if (!call->address)
			return make ? call : 0;
		if (call->freed[0] && (!old || call->number < old->number))
			old = call;
	}
	return make ? old : 0;
}

LAB_HEAP_OWN void *lab_heap_allocated(void *block, unsigned long bytes, unsigned long *frame)
{
	struct lab_heap_call *call;

	if (!block)
		return block;
	lab_heap_lock();
	lab_heap_calls.slots = LAB_HEAP_SLOTS;
	lab_heap_calls.frames = LAB_HEAP_FRAMES;
	lab_heap_calls.allocations++;
	call = lab_heap_slot((unsigned long)block, 1);
	if (call) {
		call->address = (unsigned long)block;
		call->bytes = bytes;
		call->freed[0] = 0;
		call->number = lab_heap_calls.allocations;
		lab_heap_trace(call->allocated, frame);
	} else {
		lab_heap_calls.lost++;
	}
	lab_heap_unlock();
	return block;
}

LAB_HEAP_OWN void lab_heap_freed(void *block, unsigned long *frame)
{
	struct lab_heap_call *call;

	lab_heap_lock();
	call = block ? lab_heap_slot((unsigned long)block, 0) : 0;
	/* C++'s delete was here before its free, and knows better who asked. */
	if (call && !call->freed[0])
		lab_heap_trace(call->freed, frame);
	lab_heap_unlock();
}

#define LAB_HEAP_FRAME ((unsigned long *)__builtin_frame_address(0))

__attribute__((weak)) void *__wrap_malloc(__SIZE_TYPE__ bytes)
{
	return lab_heap_allocated(__real_malloc(bytes), bytes, LAB_HEAP_FRAME);
}

__attribute__((weak)) void *__wrap_calloc(__SIZE_TYPE__ count, __SIZE_TYPE__ bytes)
{
	return lab_heap_allocated(__real_calloc(count, bytes), count * bytes, LAB_HEAP_FRAME);
}

__attribute__((weak)) void *__wrap_aligned_alloc(__SIZE_TYPE__ alignment, __SIZE_TYPE__ bytes)
{
	return lab_heap_allocated(__real_aligned_alloc(alignment, bytes), bytes, LAB_HEAP_FRAME);
}

__attribute__((weak)) void *__wrap_realloc(void *block, __SIZE_TYPE__ bytes)
{
	void *moved;

	/* First, so that nobody else can have been given the address in between. */
	lab_heap_freed(block, LAB_HEAP_FRAME);
	moved = __real_realloc(block, bytes);
	return lab_heap_allocated(moved ? moved : block, bytes, LAB_HEAP_FRAME) ? moved : 0;
}

__attribute__((weak)) void __wrap_free(void *block)
{
	lab_heap_freed(block, LAB_HEAP_FRAME);
	__real_free(block);
}

#ifdef __cplusplus
/* The library's new and delete keep no frame pointers, so their callers are asked here. */
void *__real__Znwm(__SIZE_TYPE__);
void *__real__Znam(__SIZE_TYPE__);
void __real__ZdlPv(void *);
void __real__ZdlPvm(void *, __SIZE_TYPE__);
void __real__ZdaPv(void *);

__attribute__((weak)) void *__wrap__Znwm(__SIZE_TYPE__ bytes)
{
	return lab_heap_allocated(__real__Znwm(bytes), bytes, LAB_HEAP_FRAME);
}

__attribute__((weak)) void *__wrap__Znam(__SIZE_TYPE__ bytes)
{
	return lab_heap_allocated(__real__Znam(bytes), bytes, LAB_HEAP_FRAME);
}

__attribute__((weak)) void __wrap__ZdlPv(void *block)
{
	lab_heap_freed(block, LAB_HEAP_FRAME);
	__real__ZdlPv(block);
}

__attribute__((weak)) void __wrap__ZdlPvm(void *block, __SIZE_TYPE__ bytes)
{
	lab_heap_freed(block, LAB_HEAP_FRAME);
	__real__ZdlPvm(block, bytes);
}

__attribute__((weak)) void __wrap__ZdaPv(void *block)
{
	lab_heap_freed(block, LAB_HEAP_FRAME);
	__real__ZdaPv(block);
}
}
#endif

#endif
