/*
 * record_lock.c - locks of parts of files, fcntl(2): F_SETLK and its like.
 *
 * A lock belongs to a process (its vfs_context), and goes with the first descriptor of the
 * file that the process closes; or, F_OFD_SETLK, to an open file, and goes with that.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"

struct vfs_record {
	struct vfs_record *next;
	const void *owner;
	uint64_t first, last;
	bool exclusive;
	int32_t pid; /* told to others; -1: of an open file */
};

/* One who waits for a lock, to find those who would wait for each other for ever. */
struct waiting {
	struct waiting *next;
	const void *owner;
	struct vfs_node *node;
	const struct vfs_record *wanted;
};

#define CIRCLE_MOST 64 /* processes that wait for each other in a row */

static struct vfs_queue unlocked;
static struct waiting *all_waiting;

static bool overlap(const struct vfs_record *one, const struct vfs_record *other)
{
	return one->first <= other->last && other->first <= one->last;
}

static struct vfs_record *find_conflict(const struct vfs_node *node,
    const struct vfs_record *wanted)
{
	struct vfs_record *at = node->records;

	while (at && (at->owner == wanted->owner || !overlap(at, wanted) ||
	    !(at->exclusive || wanted->exclusive)))
		at = at->next;
	return at;
}

/* --- changing one owner's locks ------------------------------------------------------------ */

static void add(struct vfs_node *node, struct vfs_record *record)
{
	record->next = node->records;
	node->records = record;
}

/* Give up the part of a lock that another covers; rest takes a second remainder.  Whether
 * it did. */
static bool cut(struct vfs_node *node, struct vfs_record **at, const struct vfs_record *gone,
    struct vfs_record *rest)
{
	struct vfs_record *record = *at;
	bool before = record->first < gone->first, after = record->last > gone->last;

	if (before && after) {
		*rest = *record;
		rest->first = gone->last + 1;
		add(node, rest);
	}
	if (before)
		record->last = gone->first - 1;
	else if (after)
		record->first = gone->last + 1;
	else {
		*at = record->next;
		kern_free(record);
	}
	return before && after;
}

/* Whether rest is used up. */
static bool cut_all(struct vfs_node *node, const struct vfs_record *gone, struct vfs_record *rest)
{
	struct vfs_record **at = &node->records, *record;
	bool used = false;

	while ((record = *at)) {
		if (record->owner == gone->owner && overlap(record, gone))
			used |= cut(node, at, gone, rest);
		if (*at == record)
			at = &record->next;
	}
	return used;
}

/* Locks of one owner and kind that touch are one. */
static void join(struct vfs_node *node, struct vfs_record *record)
{
	struct vfs_record **at = &node->records, *other;

	while ((other = *at)) {
		if (other == record || other->owner != record->owner ||
		    other->exclusive != record->exclusive ||
		    (other->last + 1 != record->first && record->last + 1 != other->first)) {
			at = &other->next;
			continue;
		}
		record->first = other->first < record->first ? other->first : record->first;
		record->last = other->last > record->last ? other->last : record->last;
		*at = other->next;
		kern_free(other);
	}
}

static int change(struct vfs_node *node, const struct vfs_record *wanted, bool unlock)
{
	struct vfs_record *rest = kern_alloc(sizeof *rest);
	struct vfs_record *made = unlock ? NULL : kern_alloc(sizeof *made);

	if (!rest || (!unlock && !made)) {
		kern_free(rest);
		kern_free(made);
		return -ENOLCK;
	}
	if (!cut_all(node, wanted, rest))
		kern_free(rest);
	if (made) {
		*made = *wanted;
		add(node, made);
		join(node, made);
	}
	vfs_wake(&unlocked);
	return 0;
}

/* --- waiting --------------------------------------------------------------------------------- */

static const struct waiting *waiting_of(const void *owner)
{
	const struct waiting *at = all_waiting;

	while (at && at->owner != owner)
		at = at->next;
	return at;
}

/* Whether who holds what is wanted waits, in the end, for the one who wants it. */
static bool would_circle(const struct vfs_record *conflict, const void *owner)
{
	for (int depth = 0; conflict && depth < CIRCLE_MOST; depth++) {
		const struct waiting *next = waiting_of(conflict->owner);

		if (conflict->owner == owner)
			return true;
		conflict = next ? find_conflict(next->node, next->wanted) : NULL;
	}
	return false;
}

static int wait_for(struct vfs_node *node, const struct vfs_record *wanted)
{
	struct waiting own = { all_waiting, wanted->owner, node, wanted }, **at = &all_waiting;
	const struct vfs_record *conflict;
	int error = 0;

	all_waiting = &own;
	while (!error && (conflict = find_conflict(node, wanted)))
		error = wanted->pid >= 0 && would_circle(conflict, wanted->owner) ? -EDEADLK :
		    vfs_wait(&unlocked, KERN_FOREVER);
	while (*at != &own)
		at = &(*at)->next;
	*at = own.next;
	return error;
}

/* --- for others ------------------------------------------------------------------------------ */

static struct vfs_record record_of(const struct vfs_range *range, const struct vfs_file *file)
{
	return (struct vfs_record){
		.owner = range->of_file ? (const void *)file : vfs_current,
		.first = range->first, .last = range->last, .exclusive = range->exclusive,
		.pid = range->of_file ? -1 : range->pid,
	};
}

int vfs_record_lock(struct vfs_file *file, const struct vfs_range *range, bool wait)
{
	const struct vfs_record wanted = record_of(range, file);
	int error = 0;

	if (wait)
		error = wait_for(file->node, &wanted);
	else if (find_conflict(file->node, &wanted))
		error = -EAGAIN;
	return error ? error : change(file->node, &wanted, false);
}

int vfs_record_unlock(struct vfs_file *file, const struct vfs_range *range)
{
	const struct vfs_record gone = record_of(range, file);

	return file->node->records ? change(file->node, &gone, true) : 0;
}

bool vfs_record_test(struct vfs_file *file, struct vfs_range *range)
{
	const struct vfs_record wanted = record_of(range, file);
	const struct vfs_record *found = find_conflict(file->node, &wanted);

	if (found)
		*range = (struct vfs_range){ found->first, found->last, found->exclusive,
			found->pid < 0, found->pid };
	return found;
}

void vfs_record_drop(struct vfs_node *node, const void *owner)
{
	struct vfs_record **at = &node->records, *record;
	bool any = false;

	while ((record = *at)) {
		if (record->owner != owner) {
			at = &record->next;
			continue;
		}
		*at = record->next;
		kern_free(record);
		any = true;
	}
	if (any)
		vfs_wake(&unlocked);
}
