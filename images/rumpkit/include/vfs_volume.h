/*
 * vfs_volume.h - file systems on devices and servers, and where they are mounted.
 *
 * A volume is one file system that is in use; a mount shows it (or a part of the tree,
 * as /dev below another root) at a directory.  Everything here may sleep unless it says
 * otherwise.
 */
#ifndef VFS_VOLUME_H
#define VFS_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux_abi.h"
#include "vfs_node.h"

struct rumpuser_cv;

/* A lock whose holder may sleep and may take it again; any kernel thread may hold it. */
struct vfs_mutex {
	uint32_t holder; /* a thread's number + 1, 0: free */
	uint32_t depth;
	uint32_t waiting;
	struct rumpuser_cv *released;
};
void vfs_mutex_init(struct vfs_mutex *mutex);
void vfs_mutex_destroy(struct vfs_mutex *mutex);
void vfs_mutex_enter(struct vfs_mutex *mutex);
void vfs_mutex_exit(struct vfs_mutex *mutex);
/*
 * Sleep until cv is signalled; signals to the process do not end it.  The runtime is not
 * preempted: what was checked before still holds when the thread sleeps.
 */
void vfs_sleep_on(struct rumpuser_cv *cv);
/* The same with an end (monotonic time): -ETIMEDOUT, or 0. */
int vfs_sleep_on_until(struct rumpuser_cv *cv, int64_t deadline_ns);

struct vfs_volume_ops {
	/* What was written is on the device, or why it is not. */
	int (*sync)(struct vfs_volume *volume);
	int (*statfs)(struct vfs_volume *volume, struct linux_statfs *statfs);
	/* Sync and give everything back; the volume's memory too.  No node is in use. */
	int (*unmount)(struct vfs_volume *volume);
	/* The guest stops: the same, with nodes still in use; then there are no calls. */
	int (*stop)(struct vfs_volume *volume);
	/* Give back pages of cached data; how many.  Does not sleep.  NULL: has none. */
	size_t (*shrink)(struct vfs_volume *volume, size_t pages);
};

struct vfs_volume {
	const struct vfs_volume_ops *ops;
	struct vfs_volume *next;
	struct vfs_mutex lock;   /* of its tree of names, and of whatever its nodes share */
	uint32_t number;         /* st_dev */
	uint32_t nodes;          /* in memory; at rest, one: the root */
	bool read_only;
};
/* Fill a zeroed volume; it gets its number and is in the list of all. */
void vfs_volume_init(struct vfs_volume *volume, const struct vfs_volume_ops *ops);
void vfs_volume_deinit(struct vfs_volume *volume);

struct vfs_mount {
	struct vfs_mount *next;
	struct vfs_volume *volume; /* NULL: in memory */
	struct vfs_node *root;     /* a reference */
	struct vfs_node *covered;  /* a reference to the directory it hides */
	bool read_only;
	char type[16];
	char source[64];
	char path[128];            /* as it was mounted; for /proc/mounts */
};

#define MS_RDONLY 1u
#define MS_REMOUNT 32u
#define MS_BIND 4096u
#define MNT_DETACH 2

/*
 * Mount what source names on a directory.  type: "ext2" (source: a device's name, with
 * or without /dev/), "9p" (a mount tag), "tmpfs".  -ENODEV unknown type, -ENXIO no such
 * device, -EINVAL no such file system on it, -ENOENT, -ENOTDIR, -EBUSY, -EIO, ...
 */
int vfs_mount(const char *source, const char *type, const char *path, uint32_t flags,
    const char *options);
/* Show a directory at another path too. */
int vfs_bind(struct vfs_node *root, const char *path);
/* -EINVAL if nothing is mounted there, -EBUSY; flags: MNT_DETACH. */
int vfs_unmount(const char *path, int flags);
/* What the configuration's "blk" entries ask for.  A failure is a line, and the end. */
void vfs_mount_configured(void);

/* The first of the mounts, without the root in memory. */
extern struct vfs_mount *vfs_mounts;
/* Lines of /proc/mounts, as a vfs_text_fn. */
size_t vfs_mounts_describe(void *numbered, char *text, size_t bytes);

/* The root that covers a directory, or the directory itself; a reference moves along. */
struct vfs_node *vfs_mount_enter(struct vfs_node *dir);
/* Where the path of a mount's root goes on: what it covers, or the directory itself. */
struct vfs_node *vfs_mount_leave(struct vfs_node *dir);

int vfs_statfs(struct vfs_node *node, struct linux_statfs *statfs);
/* sync(2): every volume; the first error. */
int vfs_sync(void);
/* Memory is short: give back cached pages, without sleeping; how many. */
size_t vfs_shrink(size_t pages);

#endif
