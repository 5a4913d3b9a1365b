/*
 * segments.c - System V's shared memory, shmget(2): files without a name, mapped by number.
 *
 * How often one is mapped is counted where the mappings are, when it is asked for.  One
 * that is removed while it is mapped stays until it is not, as on Linux.
 */
#include "apart.h"
#include "region.h"
#include "sys.h"
#include "vfs.h"

#define SEGMENTS 128
#define BYTES_MOST (1ull << 40)
#define IPC_PRIVATE 0
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
#define SHM_RDONLY 010000
#define SHM_REMAP 040000
#define SHM_DEST 01000
#define SHMLBA_MASK (PAGE - 1)

static struct segment {
	struct vfs_file *file;      /* NULL: free */
	uint32_t generation;
	int32_t key;
	uint64_t bytes;
	uint32_t mode, uid, gid, creator, last;
	int64_t attached_s, detached_s, changed_s;
	bool removed;
} segments[SEGMENTS];

/* --- the table ------------------------------------------------------------------------- */

static unsigned mappings_of(const struct segment *segment)
{
	unsigned count = 0;

	for (const struct kern_process *at = kern_processes; at; at = at->next) {
		const struct kern_region *region = at->vm && !at->borrows_vm ? at->vm->regions : NULL;

		for (; region; region = region->next)
			count += region->file && region->file->node == segment->file->node &&
			    region->offset == 0;
	}
	return count;
}

static void free_removed(void)
{
	for (struct segment *at = segments; at < segments + SEGMENTS; at++)
		if (at->file && at->removed && !mappings_of(at)) {
			struct vfs_file *file = at->file;

			*at = (struct segment){ .generation = at->generation + 1 };
			vfs_file_put(file);
		}
}

static long id_of(const struct segment *segment)
{
	return (long)(segment->generation % 0x7fff) * SEGMENTS + (segment - segments);
}

static struct segment *segment_of(long id)
{
	struct segment *segment = &segments[(unsigned long)id % SEGMENTS];

	return id >= 0 && segment->file && id_of(segment) == id ? segment : NULL;
}

static struct segment *segment_of_key(int32_t key)
{
	for (struct segment *at = segments; at < segments + SEGMENTS; at++)
		if (at->file && at->key == key && !at->removed && key != IPC_PRIVATE)
			return at;
	return NULL;
}

static int64_t now_s(void)
{
	return kern_wall_ns() / KERN_NS_PER_S;
}

static long create(int32_t key, uint64_t bytes, uint32_t mode)
{
	struct segment *at = segments;
	int error;

	while (at < segments + SEGMENTS && at->file)
		at++;
	if (at == segments + SEGMENTS)
		return -ENOSPC;
	if (!bytes || bytes > BYTES_MOST)
		return -EINVAL;
	error = kern_vm_shared_file(bytes, &at->file);
	if (error)
		return error;
	at->key = key;
	at->bytes = bytes;
	at->mode = mode & 0777;
	at->uid = kern_process->identity.user.effective;
	at->gid = kern_process->identity.group.effective;
	at->creator = kern_process->pid;
	at->changed_s = now_s();
	return id_of(at);
}

/* --- the calls ------------------------------------------------------------------------- */

long sys_shmget(SYS3(key, bytes, flags))
{
	struct segment *segment;

	free_removed();
	segment = segment_of_key((int32_t)key);
	if (!segment)
		return flags & IPC_CREAT || (int32_t)key == IPC_PRIVATE ?
		    create((int32_t)key, (uint64_t)bytes, (uint32_t)flags) : -ENOENT;
	if (flags & IPC_CREAT && flags & IPC_EXCL)
		return -EEXIST;
	return (uint64_t)bytes > segment->bytes ? -EINVAL : id_of(segment);
}

long sys_shmat(SYS3(id, address, flags))
{
	struct segment *segment = segment_of(id);
	int protection = RUMPCOMP_VM_READ | (flags & SHM_RDONLY ? 0 : RUMPCOMP_VM_WRITE);
	int fixed = address ? flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE : 0;
	long at;

	if (!segment || (uint64_t)address & SHMLBA_MASK)
		return -EINVAL;
	at = kern_vm_map_file((uint64_t)address, segment->bytes, protection, MAP_SHARED | fixed,
	    segment->file, 0);
	if (at > 0 || at < -4095) {
		segment->attached_s = now_s();
		segment->last = kern_process->pid;
	}
	return at == -EEXIST ? -EINVAL : at;
}

/* The segment that is mapped at an address from its beginning on. */
static struct segment *segment_at(uint64_t address)
{
	const struct kern_region *region = kern_region_above(address);

	for (struct segment *at = segments; at < segments + SEGMENTS; at++)
		if (at->file && region && region->start == address && region->file &&
		    region->file->node == at->file->node && region->offset == 0)
			return at;
	return NULL;
}

long sys_shmdt(SYS1(address))
{
	struct segment *segment = segment_at((uint64_t)address);
	long error;

	if (!segment)
		return -EINVAL;
	error = kern_vm_munmap((uint64_t)address, PAGE_ALIGN(segment->bytes));
	segment->detached_s = now_s();
	segment->last = kern_process->pid;
	free_removed();
	return error;
}

/* struct shmid64_ds, whose first part is struct ipc64_perm. */
static long describe(const struct segment *segment, long user)
{
	struct {
		int32_t key;
		uint32_t uid, gid, owner_uid, owner_gid, mode;
		uint16_t sequence, pad[3];
		uint64_t unused[2];
		uint64_t bytes;
		int64_t attached_s, detached_s, changed_s;
		int32_t creator, last;
		uint64_t mappings, unused2[2];
	} told = {
		.key = segment->key, .uid = segment->uid, .gid = segment->gid, .owner_uid = segment->uid,
		.owner_gid = segment->gid, .mode = segment->mode | (segment->removed ? SHM_DEST : 0),
		.sequence = (uint16_t)segment->generation, .bytes = segment->bytes,
		.attached_s = segment->attached_s, .detached_s = segment->detached_s,
		.changed_s = segment->changed_s, .creator = (int32_t)segment->creator,
		.last = (int32_t)segment->last, .mappings = mappings_of(segment),
	};

	return kern_copyout(&told, (void *)user, sizeof(told));
}

long sys_shmctl(SYS3(id, command, user))
{
	struct segment *segment = segment_of(id);

	if (!segment)
		return -EINVAL;
	switch (command) {
	case IPC_STAT:
		return describe(segment, user);
	case IPC_SET:
		return 0; /* permissions of segments are not looked at */
	case IPC_RMID:
		segment->removed = true;
		free_removed();
		return 0;
	}
	return -EINVAL;
}
