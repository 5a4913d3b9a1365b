/*
 * flusher.c - the thread that writes what was changed some seconds ago.
 *
 * Programs that never call fsync lose at most that much when the guest is killed.
 */
#include "ext2.h"
#include "kern.h"
#include "rumpuser.h"

#define DELAY_NS 5000000000ll

static void *flusher_run(void *argument)
{
	struct ext2_volume *volume = argument;

	while (!volume->stopping) {
		int64_t until = kern_monotonic_ns() + DELAY_NS;

		if (!volume->flush_wanted) {
			vfs_sleep_on(volume->changed);
			continue;
		}
		while (!volume->stopping && !vfs_sleep_on_until(volume->changed, until))
			;
		if (volume->stopping)
			break;
		vfs_mutex_enter(&volume->volume.lock);
		volume->flush_wanted = false;
		ext2_flush(volume, false);
		vfs_mutex_exit(&volume->volume.lock);
	}
	return NULL;
}

void ext2_flush_soon(struct ext2_volume *volume)
{
	if (volume->flush_wanted || !volume->flusher)
		return;
	volume->flush_wanted = true;
	rumpuser_cv_signal(volume->changed);
}

/* Without memory for a thread there is still fsync, and the end. */
void ext2_flusher_start(struct ext2_volume *volume)
{
	rumpuser_cv_init(&volume->changed);
	if (rumpuser_thread_create(flusher_run, volume, "ext2 writer", 1, 0, -1, &volume->flusher))
		volume->flusher = NULL;
}

void ext2_flusher_stop(struct ext2_volume *volume)
{
	volume->stopping = true;
	if (volume->flusher) {
		rumpuser_cv_signal(volume->changed);
		rumpuser_thread_join(volume->flusher);
	}
	if (volume->changed)
		rumpuser_cv_destroy(volume->changed);
}
