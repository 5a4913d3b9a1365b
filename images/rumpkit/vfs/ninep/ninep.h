/*
 * ninep.h - folders of the host, by 9P2000.L (the protocol of Linux's v9fs, as the diod
 * project's protocol.md describes it).
 *
 * Nothing is cached: attributes are asked for when they are wanted, names are walked
 * anew, and data comes from the server each time, so that what is edited on the host is
 * what the guest sees.
 */
#ifndef VFS_NINEP_H
#define VFS_NINEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rumplib.h"
#include "vfs.h"
#include "vfs_volume.h"

struct rumpcomp_9p;

#define NINEP_BUCKETS 64
#define NINEP_NO_FID UINT32_MAX
#define NINEP_MOST_BYTES (512u << 10) /* of a message */
#define NINEP_READ_HEAD 11u
#define NINEP_WRITE_HEAD 23u

/* Message types: requests; the reply's is one more. */
enum {
	NINEP_RLERROR = 7, NINEP_STATFS = 8, NINEP_OPEN = 12, NINEP_CREATE = 14,
	NINEP_SYMLINK = 16, NINEP_MKNOD = 18, NINEP_READLINK = 22, NINEP_GETATTR = 24,
	NINEP_SETATTR = 26, NINEP_READDIR = 40, NINEP_FSYNC = 50, NINEP_LINK = 70,
	NINEP_MKDIR = 72, NINEP_RENAMEAT = 74, NINEP_UNLINKAT = 76, NINEP_VERSION = 100,
	NINEP_ATTACH = 104, NINEP_WALK = 110, NINEP_READ = 116, NINEP_WRITE = 118,
	NINEP_CLUNK = 120,
};

struct ninep_volume {
	struct vfs_volume volume; /* first */
	struct rumpcomp_9p *server;
	char tag[64];
	uint32_t message_bytes;
	uint32_t last_fid;
	uint16_t last_tag;
	uint32_t root_fid;
	int64_t patience_ns;
	bool gone;                /* it did not answer: nothing is asked any more */
	struct ninep_node *buckets[NINEP_BUCKETS];
};

struct ninep_node {
	struct vfs_node node;     /* first */
	struct ninep_node *same_bucket;
	uint64_t path;            /* the server's number of it */
	uint32_t fid;             /* the name by which it was last found */
	uint32_t created_fid;     /* open for reading and writing since it was made */
	uint64_t sectors;
	char *target;
	struct vfs_pipe *pipe;
};

/*
 * One request and its reply.  A request is written field by field, then sent; the
 * reply's fields are read in order.  Too much or too little shows at the end: broken.
 */
struct ninep_call {
	struct ninep_volume *volume;
	uint8_t *request, *reply;
	size_t request_bytes, reply_bytes; /* room */
	size_t used, read, got;
	bool broken;
	uint8_t few[600], few_reply[200];
};
void ninep_begin(struct ninep_call *call, struct ninep_volume *volume, uint8_t type);
/* The same in memory of the caller's, for long messages. */
void ninep_begin_in(struct ninep_call *call, struct ninep_volume *volume, uint8_t type,
    void *request, size_t request_bytes, void *reply, size_t reply_bytes);
void ninep_put(struct ninep_call *call, uint64_t value, unsigned bytes);
void ninep_put_text(struct ninep_call *call, struct vfs_name text);
/* Send it: 0, the server's error as -errno, -EIO for a server that is gone or wrong. */
int ninep_send(struct ninep_call *call);
uint64_t ninep_take(struct ninep_call *call, unsigned bytes);
/* Text of the reply; it lies there, not terminated. */
struct vfs_name ninep_take_text(struct ninep_call *call);
/* Was all that was taken there?  0 or -EIO. */
int ninep_check(const struct ninep_call *call);

static inline struct ninep_volume *ninep_volume_of(const struct vfs_node *node)
{
	return (struct ninep_volume *)node->volume;
}

static inline struct ninep_node *ninep_node_of(struct vfs_node *node)
{
	return (struct ninep_node *)node;
}

/* fid.c: names the client has for files of the server. */
uint32_t ninep_fid_new(struct ninep_volume *volume);
void ninep_fid_drop(struct ninep_volume *volume, uint32_t fid);
/* Walk one name (none: bytes 0) from fid; *path is what was found there, if not NULL. */
int ninep_walk(struct ninep_volume *volume, uint32_t fid, struct vfs_name name, uint32_t *found,
    uint64_t *path);
int ninep_open_fid(struct ninep_volume *volume, uint32_t fid, uint32_t flags);
int ninep_simple(struct ninep_volume *volume, uint8_t type, uint32_t fid, uint32_t word);

/* node.c */
/* The node of a fid, which becomes the node's; dropped after errors. */
int ninep_node_get(struct ninep_volume *volume, uint32_t fid, uint64_t path,
    struct vfs_node **node);
int ninep_refresh(struct vfs_node *node);
int ninep_set(struct vfs_node *node, const struct vfs_change *change);
int ninep_resize(struct vfs_node *node, uint64_t size_bytes);
void ninep_destroy(struct vfs_node *node);
const char *ninep_target(struct vfs_node *node);

/* directory.c, file.c */
extern const struct vfs_node_ops ninep_directory_ops, ninep_file_node_ops;
const struct vfs_node_ops *ninep_ops_of(uint32_t mode);

/*
 * Mount the folder with this tag.  options: "timeout=SECONDS" for a server that does not
 * answer, 30 without.  -ENXIO, -ETIMEDOUT, -EINVAL: it speaks something else.
 */
RUMP_PART int ninep_mount(const char *tag, bool read_only, const char *options, struct vfs_node **root);

#endif
