/*
 * mount.c - a 9p volume's life: the version is agreed on, the folder attached.
 */
#include "kern.h"
#include "ninep.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"

#define V9FS_MAGIC 0x01021997
#define VERSION "9P2000.L"
#define LEAST_BYTES 4096u
#define PATIENCE_S 30
#define NS_PER_S 1000000000ll

static struct ninep_volume *of(struct vfs_volume *volume)
{
	return (struct ninep_volume *)volume;
}

static struct vfs_name text(const char *text)
{
	return (struct vfs_name){ text, strlen(text) };
}

/* What was written is at the server; making it last is for fsync. */
static int volume_sync(struct vfs_volume *volume)
{
	return of(volume)->gone ? -EIO : 0;
}

static int volume_statfs(struct vfs_volume *volume, struct linux_statfs *statfs)
{
	struct ninep_call call;
	int error;

	vfs_mutex_enter(&volume->lock);
	ninep_begin(&call, of(volume), NINEP_STATFS);
	ninep_put(&call, of(volume)->root_fid, 4);
	error = ninep_send(&call);
	vfs_mutex_exit(&volume->lock);
	if (error)
		return error;
	ninep_take(&call, 4);
	statfs->f_type = V9FS_MAGIC;
	statfs->f_bsize = statfs->f_frsize = (int64_t)ninep_take(&call, 4);
	statfs->f_blocks = ninep_take(&call, 8);
	statfs->f_bfree = ninep_take(&call, 8);
	statfs->f_bavail = ninep_take(&call, 8);
	statfs->f_files = ninep_take(&call, 8);
	statfs->f_ffree = ninep_take(&call, 8);
	ninep_take(&call, 8);
	statfs->f_namelen = (int64_t)ninep_take(&call, 4);
	return ninep_check(&call);
}

static int volume_unmount(struct vfs_volume *volume)
{
	vfs_volume_deinit(volume);
	kern_free(volume);
	return 0;
}

static int volume_stop(struct vfs_volume *volume)
{
	(void)volume;
	return 0;
}

static const struct vfs_volume_ops volume_ops = {
	.sync = volume_sync,
	.statfs = volume_statfs,
	.unmount = volume_unmount,
	.stop = volume_stop,
};

static int agree(struct ninep_volume *volume)
{
	struct ninep_call call;
	struct vfs_name version;
	uint64_t bytes;
	int error;

	ninep_begin(&call, volume, NINEP_VERSION);
	ninep_put(&call, NINEP_MOST_BYTES, 4);
	ninep_put_text(&call, text(VERSION));
	error = ninep_send(&call);
	if (error)
		return error;
	bytes = ninep_take(&call, 4);
	version = ninep_take_text(&call);
	if (ninep_check(&call) || version.bytes != strlen(VERSION) ||
	    memcmp(version.text, VERSION, version.bytes) || bytes < LEAST_BYTES) {
		rumpuser_dprintf("rumpkit: the 9p server of %s does not speak " VERSION "\n",
		    volume->tag);
		return -EINVAL;
	}
	volume->message_bytes = bytes < NINEP_MOST_BYTES ? (uint32_t)bytes : NINEP_MOST_BYTES;
	return 0;
}

static int attach(struct ninep_volume *volume, uint64_t *path)
{
	struct ninep_call call;
	int error;

	volume->root_fid = ninep_fid_new(volume);
	ninep_begin(&call, volume, NINEP_ATTACH);
	ninep_put(&call, volume->root_fid, 4);
	ninep_put(&call, NINEP_NO_FID, 4);
	ninep_put_text(&call, text("root"));
	ninep_put_text(&call, text("/"));
	ninep_put(&call, 0, 4); /* user 0 */
	error = ninep_send(&call);
	if (error)
		return error;
	ninep_take(&call, 5);
	*path = ninep_take(&call, 8);
	return ninep_check(&call);
}

static int mount_opened(struct ninep_volume *volume, struct vfs_node **root)
{
	uint64_t path = 0;
	uint32_t fid;
	int error = agree(volume);

	if (!error)
		error = attach(volume, &path);
	/* The root's node has a fid of its own: the volume keeps the first. */
	if (!error)
		error = ninep_walk(volume, volume->root_fid, (struct vfs_name){ NULL, 0 }, &fid, NULL);
	if (!error)
		error = ninep_node_get(volume, fid, path, root);
	if (error)
		return error;
	if (!S_ISDIR((*root)->mode)) {
		vfs_node_put(*root);
		return -ENOTDIR;
	}
	(*root)->parent = *root;
	return 0;
}

static int64_t patience_of(const char *options)
{
	const char *at = options ? strstr(options, "timeout=") : NULL;
	int64_t seconds = 0;

	for (at = at ? at + strlen("timeout=") : ""; *at >= '0' && *at <= '9' && seconds < 10000; at++)
		seconds = seconds * 10 + (*at - '0');
	return (seconds ? seconds : PATIENCE_S) * NS_PER_S;
}

int ninep_mount(const char *tag, bool read_only, const char *options, struct vfs_node **root)
{
	struct ninep_volume *volume = kern_alloc(sizeof *volume);
	int error;

	if (!volume)
		return -ENOMEM;
	error = rumpcomp_9p_open(tag, &volume->server);
	if (error) {
		kern_free(volume);
		return error == -ENODEV ? -ENXIO : error;
	}
	lib_strlcpy(volume->tag, tag, sizeof volume->tag);
	volume->patience_ns = patience_of(options);
	vfs_volume_init(&volume->volume, &volume_ops);
	volume->volume.read_only = read_only;
	error = mount_opened(volume, root);
	if (error)
		volume_unmount(&volume->volume);
	return error;
}
