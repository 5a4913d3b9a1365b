/*
 * tmpfs_copy.c - copies between a file's pages and an application, which may sleep.
 *
 * Touching the application's memory may mean that a page of it has to be read from a
 * disk.  The file's page has to be there still when that is done.
 */
#include "rumpuser.h"
#include "tmpfs.h"
#include "vfs_volume.h"

static struct rumpuser_cv *copied;

void tmpfs_copy_begin(struct tmpfs_pages *pages)
{
	pages->copies++;
}

void tmpfs_copy_end(struct tmpfs_pages *pages)
{
	if (!--pages->copies && copied)
		rumpuser_cv_broadcast(copied);
}

void tmpfs_copies_wait(struct tmpfs_pages *pages)
{
	if (pages->copies && !copied)
		rumpuser_cv_init(&copied);
	while (pages->copies)
		vfs_sleep_on(copied);
}
