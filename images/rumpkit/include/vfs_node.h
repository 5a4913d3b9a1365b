/*
 * vfs_node.h - what a path names: files, directories, links, devices, pipes.
 *
 * A node is counted: every directory entry, open file, working directory and running
 * operation that uses it holds a reference, and the last one to go destroys it.  nlink
 * is only the number stat shows.  A file system is a table of operations; nodes of
 * different file systems may be linked into one tree (vfs_attach), which is how /proc
 * and devices appear.  Functions return 0 or a negative errno.
 *
 * Nodes in memory have no volume and their operations never sleep.  Those of a volume
 * (vfs_volume.h) do: they take the volume's lock themselves, may wait for a device, and
 * touch the application's memory without that lock.
 */
#ifndef VFS_NODE_H
#define VFS_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux_abi.h"
#include "vfs_io.h"

struct vfs_file;
struct vfs_mount;
struct vfs_node;
struct vfs_node_ops;
struct vfs_volume;

struct vfs_node {
	const struct vfs_node_ops *ops;
	uint32_t references;
	uint32_t mode;   /* S_IF* and permissions */
	uint32_t uid, gid;
	uint32_t nlink;
	uint32_t seals;  /* F_SEAL_* of a memfd */
	uint32_t file_system; /* st_dev; links do not cross it */
	bool linkable;   /* has no name yet but may be given one (O_TMPFILE) */
	uint64_t device; /* st_rdev of a device node */
	uint64_t number; /* st_ino */
	uint64_t size_bytes;
	int64_t accessed_ns, modified_ns, changed_ns, born_ns; /* Unix time */
	struct vfs_node *parent; /* of a directory; holds a reference unless it is itself */
	struct vfs_lock *locks;  /* flock(2), owned by vfs/lock.c */
	struct vfs_record *records; /* fcntl(2)'s, owned by vfs/record_lock.c */
	struct vfs_volume *volume; /* NULL: in memory, and operations never sleep */
	struct vfs_mount *mounted; /* what covers this directory */
	struct vfs_mount *root_of; /* what this directory is the root of */
};

struct vfs_name {
	const char *text; /* not terminated */
	size_t bytes;     /* 1 .. NAME_MAX, except that "." and ".." never get here */
};

/* Called for each entry; false stops the listing before this entry. */
typedef bool (*vfs_emit_fn)(void *argument, struct vfs_name name, uint64_t number,
    uint32_t mode, uint64_t next_position);

/* What chmod, chown and utimensat change: the fields that are named in which. */
enum { VFS_SET_MODE = 1, VFS_SET_UID = 2, VFS_SET_GID = 4, VFS_SET_ACCESSED = 8,
	VFS_SET_MODIFIED = 16 };
struct vfs_change {
	int which;
	uint32_t mode, uid, gid; /* mode: permissions only */
	int64_t accessed_ns, modified_ns;
	bool accessed_now, modified_now; /* the times are the clock's */
};

/* One that looks for any name but "." and "..", and sets the bool at argument. */
bool vfs_emit_finds_name(void *argument, struct vfs_name name, uint64_t number,
    uint32_t mode, uint64_t next_position);

/* Operations that do not apply to a node are NULL. */
struct vfs_node_ops {
	/* Directories.  The caller has checked that the change is allowed and does link
	 * counts and times; an entry holds a reference, taken and dropped here. */
	int (*lookup)(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found);
	int (*insert)(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
	void (*replace)(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
	void (*remove)(struct vfs_node *dir, struct vfs_name name);
	bool (*empty)(struct vfs_node *dir);
	/* List from *position (0 at first, else a next_position), "." and ".." included,
	 * and leave *position behind the last entry that was taken. */
	int (*list)(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument);
	/* A new nameless node in the directory's file system; target for symbolic links. */
	int (*make)(struct vfs_node *dir, uint32_t mode, uint64_t device,
	    struct vfs_name target, struct vfs_node **made);

	/* Directories of volumes have these instead of insert, replace and remove: each
	 * does the whole change, link counts and times included.  Names and nodes were
	 * checked with the volume's lock held, and it still is. */
	int (*create)(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
	    uint64_t device, struct vfs_name target, struct vfs_node **made);
	int (*link)(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
	int (*unlink)(struct vfs_node *dir, struct vfs_name name, struct vfs_node *node);
	/* displaced: what the new name stands for, or NULL; flags: RENAME_EXCHANGE. */
	int (*rename)(struct vfs_node *from, struct vfs_name name, struct vfs_node *node,
	    struct vfs_node *to, struct vfs_name new_name, struct vfs_node *displaced,
	    unsigned flags);

	/* Nodes of volumes.  refresh: the fields may be out of date, read them anew.
	 * changed: times were changed in memory (VFS_ACCESSED, ...).  set: see above.
	 * sync: what was written is on the device; data: times need not be. */
	int (*refresh)(struct vfs_node *node);
	void (*changed)(struct vfs_node *node, int which);
	int (*set)(struct vfs_node *node, const struct vfs_change *change);
	int (*sync)(struct vfs_node *node, bool data);
	/* An open file of the node is going away. */
	void (*close)(struct vfs_node *node, struct vfs_file *file);

	/* Symbolic links: the target, valid until the caller sleeps, NULL if it cannot be
	 * read; or, for links in /proc/self, the node it stands for, with the directory that
	 * this has a name in or NULL (references), and a text for readlink. */
	const char *(*target)(struct vfs_node *node);
	int (*jump)(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir);
	long (*describe)(struct vfs_node *node, char *text, size_t bytes);

	/* Regular files.  Read and write return bytes moved. */
	long (*read_at)(struct vfs_node *node, struct vfs_io *io, uint64_t offset);
	long (*write_at)(struct vfs_node *node, struct vfs_io *io, uint64_t offset);
	int (*resize)(struct vfs_node *node, uint64_t size_bytes);
	int (*allocate)(struct vfs_node *node, uint64_t offset, uint64_t bytes);
	int (*punch)(struct vfs_node *node, uint64_t offset, uint64_t bytes);
	/* First offset from this one that holds data (or a hole); size_bytes if none. */
	uint64_t (*seek)(struct vfs_node *node, uint64_t offset, bool data);

	/* The page of the file at offset, where it lies in memory; writable: one that may be
	 * written, and is the file's then.  NULL: it does not lie anywhere, or no memory. */
	const void *(*page)(struct vfs_node *node, uint64_t offset, bool writable);

	/* Complete an open file: set its ops and data; may block (FIFOs).  NULL: the
	 * regular file or directory operations. */
	int (*open)(struct vfs_node *node, struct vfs_file *file);
	uint64_t (*blocks)(struct vfs_node *node); /* of 512 bytes */
	/* The last reference is gone; a volume's lock is held. */
	void (*destroy)(struct vfs_node *node);
};

/* For tables of the operations of each type of node, by its mode. */
#define VFS_TYPES 16
#define VFS_TYPE(mode) (((mode) & S_IFMT) >> 12)

/* A socket's name: it can be seen and removed, but only connect(2) may use it. */
int vfs_socket_name_open(struct vfs_node *node, struct vfs_file *file);

/* Fill a zeroed node: one reference, a fresh number, times now, the current owner. */
void vfs_node_init(struct vfs_node *node, const struct vfs_node_ops *ops, uint32_t mode);
struct vfs_node *vfs_node_get(struct vfs_node *node);
void vfs_node_put(struct vfs_node *node); /* NULL is fine */
/* 0, or why the node's attributes cannot be had. */
int vfs_node_stat(struct vfs_node *node, struct linux_stat *stat);
int vfs_node_refresh(struct vfs_node *node);
/* chmod and its like; -EROFS, -EIO, ... */
int vfs_node_set(struct vfs_node *node, const struct vfs_change *change);
/* What a file system's `set` has in common: the node in memory gets the new attributes. */
void vfs_node_take(struct vfs_node *node, const struct vfs_change *change);
/* 0 or -EROFS. */
int vfs_node_writable(const struct vfs_node *node);

enum { VFS_ACCESSED = 1, VFS_MODIFIED = 2, VFS_CHANGED = 4 };
/* Set times to now.  VFS_ACCESSED obeys relatime: it writes only when it tells something. */
void vfs_node_touch(struct vfs_node *node, int which);
/* 0, -EACCES or -EROFS for R_OK, W_OK, X_OK, by who vfs_current is. */
int vfs_node_access(struct vfs_node *node, int mode);
/* 0, or -EPERM unless vfs_current is root or the node's owner. */
int vfs_node_owned(const struct vfs_node *node);
/* 0, or -EPERM: a sticky directory gives up only what is vfs_current's. */
int vfs_may_remove(const struct vfs_node *dir, const struct vfs_node *node);
int vfs_node_resize(struct vfs_node *node, uint64_t size_bytes);

/* A file without a name, as memfd_create(2) makes them. */
int vfs_tmpfs_make(uint32_t mode, struct vfs_node **made);

/* ---- paths --------------------------------------------------------------------- */

enum vfs_last { VFS_LAST_NAME, VFS_LAST_DOT, VFS_LAST_DOTDOT, VFS_LAST_ROOT };

/* Where a path leads: the directory of its last component, and what is there. */
struct vfs_place {
	struct vfs_node *dir;  /* a reference */
	struct vfs_node *node; /* a reference, or NULL when no such entry exists */
	enum vfs_last last;
	bool slash;            /* the path ended in one: it means a directory */
	uint8_t name_bytes;
	char name[NAME_MAX + 1];
};

enum {
	VFS_WALK_FOLLOW = 1, /* a symbolic link at the end too */
	VFS_WALK_PARENT = 2, /* never follow at the end, not even for a final slash */
	VFS_WALK_CREATE = 4, /* a file is to be made: -EISDIR for a final slash */
};
/*
 * Follow a path from start (or the root).  A last component that does not exist is no
 * error.  -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -ENOMEM.
 */
int vfs_walk(struct vfs_node *start, const char *path, int flags, struct vfs_place *place);
void vfs_place_put(struct vfs_place *place);
/* Look the last component up again: what happened since the walk is seen. */
int vfs_place_refresh(struct vfs_place *place);
/* The same with the directory's volume locked until vfs_place_unlock (also after errors). */
int vfs_place_lock(struct vfs_place *place);
void vfs_place_unlock(struct vfs_place *place);
struct vfs_name vfs_place_name(const struct vfs_place *place);
/* The node of a place, checked for being there and for a final slash; borrowed. */
int vfs_place_node(const struct vfs_place *place, struct vfs_node **node);

/* Changes at a place found with VFS_WALK_PARENT; errors as in the manual pages. */
int vfs_make(struct vfs_place *place, uint32_t mode, uint64_t device);
int vfs_symlink(struct vfs_place *place, const char *target);
int vfs_hardlink(struct vfs_node *node, struct vfs_place *place);
int vfs_unlink(struct vfs_place *place);
int vfs_rmdir(struct vfs_place *place);
int vfs_rename(struct vfs_place *from, struct vfs_place *to, unsigned flags);
/* A new node of the given type under a name that is free. */
int vfs_make_here(struct vfs_node *dir, struct vfs_name name, uint32_t mode,
    uint64_t device, struct vfs_name target, struct vfs_node **made);

/* Path of a directory, or of the entry for node in it.  Length with NUL; -ENOENT, -ERANGE. */
long vfs_path_of(struct vfs_node *dir, struct vfs_node *node, char *text, size_t bytes);
/* Where a symbolic link points, not terminated: length or -EINVAL. */
long vfs_readlink(struct vfs_node *node, char *text, size_t bytes);

extern struct vfs_node *vfs_root;
/* Numbers (st_ino) of the nodes that are there before any is made. */
enum { VFS_ROOT_NUMBER = 1, VFS_CONSOLE_NUMBER = 2 };

#endif
