/*
 * identity.c - system calls about users and groups, credentials(7).
 *
 * A guest begins as root.  A program may become somebody else, as servers do, and is then
 * held to the permissions of files.  Of the capabilities those to change users and groups
 * count here; files look at the user alone.
 */
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define SAME UINT32_MAX /* leave this one as it is */

static struct kern_identity *own(void)
{
	return &kern_process->identity;
}

#define CAP_SETGID 6
#define CAP_SETUID 7

/* May the process have any user, or any group? */
static bool is_free(const struct kern_ids *ids)
{
	return own()->effective >> (ids == &own()->user ? CAP_SETUID : CAP_SETGID) & 1;
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
	return id == SAME || is_free(ids) || id == ids->real || id == ids->effective || id == ids->saved;
}

static bool has_root(const struct kern_ids *ids)
{
	return !ids->real || !ids->effective || !ids->saved;
}

/* What becomes of the capabilities of one who had these users before. */
static void follow_users(const struct kern_ids *before)
{
	const struct kern_ids *now = &own()->user;

	if (has_root(before) && !has_root(now) && !own()->keeps)
		own()->permitted = own()->effective = 0;
	if (!before->effective && now->effective)
		own()->effective = 0;
	else if (before->effective && !now->effective)
		own()->effective = own()->permitted;
}

static long set(struct kern_ids *ids, uint32_t real, uint32_t effective, uint32_t saved)
{
	const struct kern_ids before = own()->user;

	if (!may_be(ids, real) || !may_be(ids, effective) || !may_be(ids, saved))
		return -EPERM;
	ids->real = real == SAME ? ids->real : real;
	ids->effective = effective == SAME ? ids->effective : effective;
	ids->saved = saved == SAME ? ids->saved : saved;
	follow_users(&before);
	tell_files();
	return 0;
}

/* setuid(2): root becomes another for good, others change who they act as. */
static long set_one(struct kern_ids *ids, uint32_t id)
{
	if (id == SAME)
		return -EINVAL;
	if (is_free(ids))
		return set(ids, id, id, id);
	return id == ids->real || id == ids->saved ? set(ids, SAME, id, SAME) : -EPERM;
}

/* setreuid(2): who really is another is saved as what it acts as. */
static long set_two(struct kern_ids *ids, uint32_t real, uint32_t effective)
{
	uint32_t before = ids->real;
	uint32_t next = effective == SAME ? ids->effective : effective;
	bool saves = real != SAME || (effective != SAME && effective != before);

	if (!is_free(ids) && real != SAME && real != ids->real && real != ids->effective)
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

	if (!is_free(&own()->group))
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

struct capabilities { uint32_t effective, permitted, inheritable; };

/* 0, or -EINVAL for another version: the header then tells ours. */
static int check_header(long user, int32_t *pid)
{
	struct { uint32_t version; int32_t pid; } header;

	if (kern_copyin((const void *)user, &header, sizeof(header)))
		return -EFAULT;
	*pid = header.pid;
	if (header.version == CAPABILITY_VERSION)
		return 0;
	header.version = CAPABILITY_VERSION;
	return kern_copyout(&header, (void *)user, sizeof(header)) ? -EFAULT : -EINVAL;
}

long sys_capget(SYS2(user_header, user_data))
{
	const struct kern_process *process;
	const struct kern_identity *of;
	int32_t pid;
	int error = check_header(user_header, &pid);

	if (error || !user_data)
		return error == -EINVAL && !user_data ? 0 : error;
	if (pid < 0)
		return -EINVAL;
	process = sys_process_of(pid);
	if (!process)
		return -ESRCH;
	of = &process->identity;
	const struct capabilities data[2] = {
		{ (uint32_t)of->effective, (uint32_t)of->permitted, 0 },
		{ (uint32_t)(of->effective >> 32), (uint32_t)(of->permitted >> 32), 0 },
	};

	return kern_copyout(data, (void *)user_data, sizeof(data));
}

/* Capabilities can be given up, and used or not, but not gained; none are inherited. */
long sys_capset(SYS2(user_header, user_data))
{
	struct capabilities data[2];
	uint64_t effective, permitted;
	int32_t pid;
	int error = check_header(user_header, &pid);

	if (error)
		return error;
	if (kern_copyin((const void *)user_data, data, sizeof(data)))
		return -EFAULT;
	effective = (data[0].effective | (uint64_t)data[1].effective << 32) & KERN_CAPABILITIES_ALL;
	permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & KERN_CAPABILITIES_ALL;
	if ((pid && pid != (int32_t)kern_process->pid) || permitted & ~own()->permitted ||
	    effective & ~permitted)
		return -EPERM;
	own()->permitted = permitted;
	own()->effective = effective;
	return 0;
}
