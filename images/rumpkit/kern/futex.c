/*
 * futex.c - futex(2): sleep on a word of memory if it still has a value.
 *
 * Waiters hang in a hash table by address.  Nothing else runs between the look at the
 * word and going to sleep, because the factions are not preempted.
 */
#include "process.h"

#define BUCKETS 64

struct futex_waiter {
	struct futex_waiter *next;
	uint64_t address;
	uint32_t bitset;
	bool queued;
	struct kern_wait wait;
};

static struct futex_waiter *buckets[BUCKETS];

static struct futex_waiter **bucket_of(uint64_t address)
{
	return &buckets[(address >> 2) * 0x9e3779b97f4a7c15ull >> 58];
}

static void enqueue(struct futex_waiter *waiter)
{
	struct futex_waiter **end = bucket_of(waiter->address);

	while (*end)
		end = &(*end)->next;
	waiter->next = NULL;
	waiter->queued = true;
	*end = waiter;
}

static void dequeue(struct futex_waiter *waiter)
{
	struct futex_waiter **at = bucket_of(waiter->address);

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	waiter->queued = false;
}

long kern_futex_wait(uint64_t address, uint32_t value, uint32_t bitset, int64_t deadline_ns)
{
	struct futex_waiter waiter = { .address = address, .bitset = bitset };
	uint32_t now;
	int result;

	if (address & 3)
		return -EINVAL;
	if (kern_copyin((const void *)address, &now, sizeof(now)))
		return -EFAULT;
	if (now != value)
		return -EAGAIN;
	enqueue(&waiter);
	result = kern_wait(&waiter.wait, deadline_ns);
	if (waiter.queued)
		dequeue(&waiter);
	else
		result = 0; /* woken, even if the deadline passed as well */
	return result;
}

long kern_futex_wake(uint64_t address, int count, uint32_t bitset)
{
	struct futex_waiter *waiter = *bucket_of(address), *next;
	long woken = 0;

	for (; waiter && woken < count; waiter = next) {
		next = waiter->next;
		if (waiter->address != address || !(waiter->bitset & bitset))
			continue;
		dequeue(waiter);
		kern_wake(&waiter->wait, 1);
		woken++;
	}
	return woken;
}

long kern_futex_requeue(uint64_t from, uint64_t to, int wake, int move, bool compare,
    uint32_t value)
{
	struct futex_waiter *waiter, *next;
	long woken, moved = 0;
	uint32_t now;

	if (compare) {
		if (kern_copyin((const void *)from, &now, sizeof(now)))
			return -EFAULT;
		if (now != value)
			return -EAGAIN;
	}
	woken = kern_futex_wake(from, wake, ~0u);
	for (waiter = *bucket_of(from); waiter && moved < move; waiter = next) {
		next = waiter->next;
		if (waiter->address != from)
			continue;
		dequeue(waiter);
		waiter->address = to;
		enqueue(waiter);
		moved++;
	}
	return woken + moved;
}
