/*
 * identity.c - system calls about users and groups, credentials(7).
 *
 * A guest begins as root.  A program may become somebody else, as servers do, and is then
 * held to the permissions of files; root has every capability, others have none.
 */
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define SAME UINT32_MAX /* leave this one as it is */

static struct kern_identity *own(void)
{
	return &kern_process->identity;
}

static bool is_root(void)
{
	return own()->user.effective == 0;
}

static bool in_group(uint32_t gid)
{
	for (unsigned i = 0; i < own()->group_count; i++)
		if (own()->groups[i] == gid)
			return true;
	return false;
}

/* Files are opened and made as the effective user. */
static void tell_files(void)
{
	kern_process->files->uid = own()->user.effective;
	kern_process->files->gid = own()->group.effective;
	kern_process->files->in_group = in_group;
}

static bool may_be(const struct kern_ids *ids, uint32_t id)
{
	return id == SAME || is_root() || id == ids->real || id == ids->effective || id == ids->saved;
}

static long set(struct kern_ids *ids, uint32_t real, uint32_t effective, uint32_t saved)
{
	if (!may_be(ids, real) || !may_be(ids, effective) || !may_be(ids, saved))
		return -EPERM;
	ids->real = real == SAME ? ids->real : real;
	ids->effective = effective == SAME ? ids->effective : effective;
	ids->saved = saved == SAME ? ids->saved : saved;
	tell_files();
	return 0;
}

/* setuid(2): root becomes another for good, others change who they act as. */
static long set_one(struct kern_ids *ids, uint32_t id)
{
	if (id == SAME)
		return -EINVAL;
	if (is_root())
		return set(ids, id, id, id);
	return id == ids->real || id == ids->saved ? set(ids, SAME, id, SAME) : -EPERM;
}

/* setreuid(2): who really is another is saved as what it acts as. */
static long set_two(struct kern_ids *ids, uint32_t real, uint32_t effective)
{
	uint32_t before = ids->real;
	uint32_t next = effective == SAME ? ids->effective : effective;
	bool saves = real != SAME || (effective != SAME && effective != before);

	if (!is_root() && real != SAME && real != ids->real && real != ids->effective)
		return -EPERM;
	return set(ids, real, effective, saves && may_be(ids, next) ? next : SAME);
}

static long get(const struct kern_ids *ids, long real, long effective, long saved)
{
	return kern_copyout(&ids->real, (void *)real, sizeof(ids->real)) ||
	    kern_copyout(&ids->effective, (void *)effective, sizeof(ids->effective)) ||
	    kern_copyout(&ids->saved, (void *)saved, sizeof(ids->saved)) ? -EFAULT : 0;
}

long sys_getuid(SYS0)
{
	return own()->user.real;
}

long sys_geteuid(SYS0)
{
	return own()->user.effective;
}

long sys_getgid(SYS0)
{
	return own()->group.real;
}

long sys_getegid(SYS0)
{
	return own()->group.effective;
}

long sys_setuid(SYS1(id))
{
	return set_one(&own()->user, (uint32_t)id);
}

long sys_setgid(SYS1(id))
{
	return set_one(&own()->group, (uint32_t)id);
}

long sys_setreuid(SYS2(real, effective))
{
	return set_two(&own()->user, (uint32_t)real, (uint32_t)effective);
}

long sys_setregid(SYS2(real, effective))
{
	return set_two(&own()->group, (uint32_t)real, (uint32_t)effective);
}

long sys_setresuid(SYS3(real, effective, saved))
{
	return set(&own()->user, (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

long sys_setresgid(SYS3(real, effective, saved))
{
	return set(&own()->group, (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

long sys_getresuid(SYS3(real, effective, saved))
{
	return get(&own()->user, real, effective, saved);
}

long sys_getresgid(SYS3(real, effective, saved))
{
	return get(&own()->group, real, effective, saved);
}

/* setfsuid(2) and setfsgid(2) say who it was before and never fail. */
long sys_setfsuid(SYS1(id))
{
	uint32_t before = kern_process->files->uid;

	if ((uint32_t)id != SAME && may_be(&own()->user, (uint32_t)id))
		kern_process->files->uid = (uint32_t)id;
	return before;
}

long sys_setfsgid(SYS1(id))
{
	uint32_t before = kern_process->files->gid;

	if ((uint32_t)id != SAME && may_be(&own()->group, (uint32_t)id))
		kern_process->files->gid = (uint32_t)id;
	return before;
}

long sys_getgroups(SYS2(room, user))
{
	unsigned count = own()->group_count;

	if ((int)room < 0 || (room && (unsigned)room < count))
		return -EINVAL;
	if (room && kern_copyout(own()->groups, (void *)user, count * sizeof(*own()->groups)))
		return -EFAULT;
	return count;
}

long sys_setgroups(SYS2(count, user))
{
	uint32_t groups[KERN_GROUPS_MOST];

	if (!is_root())
		return -EPERM;
	if (count < 0 || count > KERN_GROUPS_MOST)
		return -EINVAL;
	if (kern_copyin((const void *)user, groups, (size_t)count * sizeof(*groups)))
		return -EFAULT;
	memcpy(own()->groups, groups, (size_t)count * sizeof(*groups));
	own()->group_count = (unsigned)count;
	tell_files();
	return 0;
}

/* Capabilities, in two structures of 32 bits each. */
#define CAPABILITY_VERSION 0x20080522u

long sys_capget(SYS2(user_header, user_data))
{
	struct { uint32_t version; int32_t pid; } header;
	struct { uint32_t effective, permitted, inheritable; } data[2] = {
		{ is_root() ? ~0u : 0, is_root() ? ~0u : 0, 0 },
		{ is_root() ? 0x1ff : 0, is_root() ? 0x1ff : 0, 0 },
	};

	if (kern_copyin((const void *)user_header, &header, sizeof(header)))
		return -EFAULT;
	if (header.version != CAPABILITY_VERSION) {
		header.version = CAPABILITY_VERSION;
		if (kern_copyout(&header, (void *)user_header, sizeof(header)))
			return -EFAULT;
		return user_data ? -EINVAL : 0;
	}
	return user_data ? kern_copyout(data, (void *)user_data, sizeof(data)) : 0;
}

/* What is given up is not kept account of. */
long sys_capset(SYS0)
{
	return 0;
}
