/*
 * futex.c - futex(2): sleep on a word of memory if it still has a value.
 *
 * Waiters hang in a hash table by the word they wait for: an address means another one in
 * each process, unless it is of a mapping that several share, where the word is the file's.
 * Nothing else runs between the look at the word and going to sleep, because the factions
 * are not preempted.
 */
#include "region.h"
#include "vfs.h"

#define BUCKETS 64

/* A word in memory: of a process's own, by its address, or of a file, by its offset. */
struct word {
	const void *of;
	uint64_t at;
};

struct futex_waiter {
	struct futex_waiter *next;
	struct word word;
	uint32_t bitset;
	bool queued;
	struct kern_wait wait;
};

static struct futex_waiter *buckets[BUCKETS];

static struct word word_at(uint64_t address, bool private)
{
	const struct kern_region *region = private ? NULL : kern_region_above(address);

	if (region && region->shared && region->file && region->start <= address)
		return (struct word){ region->file->node, region->offset + address - region->start };
	return (struct word){ kern_process->vm, address };
}

static bool is_same(struct word one, struct word other)
{
	return one.at == other.at && one.of == other.of;
}

static struct futex_waiter **bucket_of(struct word word)
{
	return &buckets[(word.at >> 2) * 0x9e3779b97f4a7c15ull >> 58];
}

static void enqueue(struct futex_waiter *waiter)
{
	struct futex_waiter **end = bucket_of(waiter->word);

	while (*end)
		end = &(*end)->next;
	waiter->next = NULL;
	waiter->queued = true;
	*end = waiter;
}

static void dequeue(struct futex_waiter *waiter)
{
	struct futex_waiter **at = bucket_of(waiter->word);

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	waiter->queued = false;
}

long kern_futex_wait(uint64_t address, bool private, uint32_t value, uint32_t bitset,
    int64_t deadline_ns)
{
	struct futex_waiter waiter = { .word = word_at(address, private), .bitset = bitset };
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

static long wake_word(struct word word, int count, uint32_t bitset)
{
	struct futex_waiter *waiter = *bucket_of(word), *next;
	long woken = 0;

	for (; waiter && woken < count; waiter = next) {
		next = waiter->next;
		if (!is_same(waiter->word, word) || !(waiter->bitset & bitset))
			continue;
		dequeue(waiter);
		kern_wake(&waiter->wait, 1);
		woken++;
	}
	return woken;
}

long kern_futex_wake(uint64_t address, bool private, int count, uint32_t bitset)
{
	return wake_word(word_at(address, private), count, bitset);
}

long kern_futex_requeue(uint64_t from, uint64_t to, bool private, int wake, int move,
    bool compare, uint32_t value)
{
	struct word left = word_at(from, private), joined = word_at(to, private);
	struct futex_waiter *waiter, *next;
	long woken, moved = 0;
	uint32_t now;

	if (compare) {
		if (kern_copyin((const void *)from, &now, sizeof(now)))
			return -EFAULT;
		if (now != value)
			return -EAGAIN;
	}
	woken = wake_word(left, wake, ~0u);
	for (waiter = *bucket_of(left); waiter && moved < move; waiter = next) {
		next = waiter->next;
		if (!is_same(waiter->word, left))
			continue;
		dequeue(waiter);
		waiter->word = joined;
		enqueue(waiter);
		moved++;
	}
	return woken + moved;
}
