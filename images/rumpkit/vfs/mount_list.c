/*
 * mount_list.c - the mounts a configuration asks for, and the list programs read.
 *
 * Each "blk" member of the configuration is one mount:
 *   {"source":"dev","path":"blk0","fstype":"ext2","mountpoint":"/data","options":"ro"}
 *   {"source":"9p","path":"tag","fstype":"9p","mountpoint":"/work"}
 */
#include "kern.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "vfs.h"
#include "vfs_volume.h"

#define FAILED_STATUS 125 /* neither a program's own nor a shell's 126 and 127 */

struct request {
	char source[16], path[64], type[16], mountpoint[128], options[64];
};

static const struct {
	int error;
	const char *text;
} reasons[] = {
	{ -ENXIO, "there is no such device" },
	{ -ENODEV, "the file system is none of ext2, 9p, tmpfs" },
	{ -ENOSYS, "this image has no disks or shares, since its program opens no file; "
	    "one built with --whole has" },
	{ -EINVAL, "there is no file system of that type on it that can be used" },
	{ -EIO, "the device reports an error" },
	{ -ENOMEM, "there is not enough memory" },
	{ -EBUSY, "something is mounted there already" },
	{ -ENOTDIR, "the mount point is no directory" },
	{ -EROFS, "the mount point is missing and cannot be made" },
	{ -ETIMEDOUT, "the server does not answer" },
};

static const char *reason_of(int error)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].error == error)
			return reasons[i].text;
	return "it failed";
}

/* The directory and those above it, where they are missing. */
static int make_mountpoint(const char *path)
{
	char part[sizeof ((struct request *)0)->mountpoint];
	size_t length = strlen(path);
	int error = 0;

	for (size_t i = 1; i <= length && (!error || error == -EEXIST); i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		error = vfs_make_directory(part);
	}
	return error == -EEXIST ? 0 : error;
}

static void read_request(const struct lib_json_value *object, struct request *request)
{
	struct lib_json members;
	struct lib_json_value key, value;

	memset(request, 0, sizeof *request);
	if (!lib_json_open(&members, object->text, object->bytes))
		return;
	while (lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "source"))
			lib_json_string(&value, request->source, sizeof request->source);
		else if (lib_json_is(&key, "path"))
			lib_json_string(&value, request->path, sizeof request->path);
		else if (lib_json_is(&key, "fstype"))
			lib_json_string(&value, request->type, sizeof request->type);
		else if (lib_json_is(&key, "mountpoint"))
			lib_json_string(&value, request->mountpoint, sizeof request->mountpoint);
		else if (lib_json_is(&key, "options"))
			lib_json_string(&value, request->options, sizeof request->options);
	}
	if (!request->type[0])
		lib_strlcpy(request->type, strcmp(request->source, "9p") ? "ext2" : "9p",
		    sizeof request->type);
}

static void mount_one(const struct request *request)
{
	int error;

	if (!request->mountpoint[0]) /* a disk the program uses by itself */
		return;
	error = request->mountpoint[0] == '/' ? make_mountpoint(request->mountpoint) : -ENOENT;
	if (!error || error == -EROFS) /* -EROFS: it may be there all the same */
		error = vfs_mount(request->path, request->type, request->mountpoint, 0,
		    request->options);
	if (!error)
		return;
	rumpuser_dprintf("rumpkit: cannot mount %s (%s) on %s: %s (error %d); the guest stops\n",
	    request->path, request->type, request->mountpoint, reason_of(error), -error);
	vfs_stop();
	rumpuser_exit(FAILED_STATUS);
}

static void mount_all(const char *config)
{
	struct lib_json members;
	struct lib_json_value key, value;
	struct request request;

	if (!lib_json_open(&members, config, strlen(config)))
		return;
	while (lib_json_next(&members, &key, &value)) {
		if (!lib_json_is(&key, "blk") || value.type != '{')
			continue;
		read_request(&value, &request);
		mount_one(&request);
	}
}

void vfs_mount_configured(void)
{
	mount_all(rumpcomp_config());
}

void vfs_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	if (strstr(rumpcomp_config(), "\"mountpoint\""))
		vfs_populate();
}

/* ---- the list -------------------------------------------------------------------------- */

/* A line of /proc/self/mounts, or of mountinfo, where each has a number. */
static size_t line(char *text, size_t bytes, const struct vfs_mount *mount, unsigned number,
    bool numbered)
{
	const char *device = mount->volume && strcmp(mount->type, "9p") ? "/dev/" : "";
	const char *access = mount->read_only ? "ro" : "rw";

	return (size_t)(numbered ? lib_snprintf(text, bytes, "%u 1 0:%u / %s %s,relatime - %s %s%s %s\n",
	    number, number, mount->path, access, mount->type, device, mount->source, access) :
	    lib_snprintf(text, bytes, "%s%s %s %s %s,relatime 0 0\n", device, mount->source,
	    mount->path, mount->type, access));
}

size_t vfs_mounts_describe(void *numbered, char *text, size_t bytes)
{
	size_t used = (size_t)lib_snprintf(text, bytes, numbered ? "1 0 0:1 / / rw - tmpfs rootfs rw\n" :
	    "rootfs / tmpfs rw 0 0\n");
	unsigned number = 1;

	for (const struct vfs_mount *mount = vfs_mounts; mount; mount = mount->next)
		used += line(text + (used < bytes ? used : bytes), used < bytes ? bytes - used : 0, mount,
		    ++number, numbered);
	return used;
}
