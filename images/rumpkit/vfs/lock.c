/*
 * lock.c - whole-file advisory locks, flock(2): they belong to the open file.
 */
#include "kern.h"
#include "rumplib.h"
#include "vfs.h"

struct vfs_lock {
	struct vfs_lock *next;
	struct vfs_file *owner; /* no reference: the lock goes before the file does */
	bool exclusive;
};

static struct vfs_queue unlocked;

static struct vfs_lock **find(struct vfs_file *file)
{
	struct vfs_lock **at = &file->node->locks;

	while (*at && (*at)->owner != file)
		at = &(*at)->next;
	return at;
}

static bool conflicts(struct vfs_file *file, bool exclusive)
{
	struct vfs_lock *lock;

	for (lock = file->node->locks; lock; lock = lock->next)
		if (lock->owner != file && (exclusive || lock->exclusive))
			return true;
	return false;
}

void vfs_lock_drop(struct vfs_file *file)
{
	struct vfs_lock **at = find(file), *lock = *at;

	if (!lock)
		return;
	*at = lock->next;
	kern_free(lock);
	vfs_wake(&unlocked);
}

static int take(struct vfs_file *file, bool exclusive)
{
	struct vfs_lock *lock = kern_alloc(sizeof *lock);

	if (!lock)
		return -ENOMEM;
	lock->owner = file;
	lock->exclusive = exclusive;
	lock->next = file->node->locks;
	file->node->locks = lock;
	return 0;
}

int vfs_lock(struct vfs_file *file, int operation)
{
	bool exclusive = (operation & ~LOCK_NB) == LOCK_EX;
	int error = 0;

	/* Changing the kind of a lock gives the old one up first, as on Linux. */
	vfs_lock_drop(file);
	if ((operation & ~LOCK_NB) == LOCK_UN)
		return 0;
	while (conflicts(file, exclusive)) {
		if (operation & LOCK_NB)
			return -EWOULDBLOCK;
		error = vfs_wait(&unlocked, KERN_FOREVER);
		if (error)
			return error;
	}
	return take(file, exclusive);
}
