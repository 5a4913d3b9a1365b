/*
 * identity.c - system calls about who a process is: numbers, users, groups.
 */
#include "sys.h"

long sys_getpid(SYS0)
{
	return kern_process->pid;
}

long sys_gettid(SYS0)
{
	return kern_current()->tid;
}

long sys_getppid(SYS0)
{
	return kern_process->parent ? kern_process->parent->pid : 0;
}

/* Three identifiers of a kind, all root's. */
long sys_getresuid(SYS3(real, effective, saved))
{
	const uint32_t root = 0;

	return kern_copyout(&root, (void *)real, sizeof(root)) ||
	    kern_copyout(&root, (void *)effective, sizeof(root)) ||
	    kern_copyout(&root, (void *)saved, sizeof(root)) ? -EFAULT : 0;
}

long sys_getresgid(SYS3(real, effective, saved))
{
	return sys_getresuid(real, effective, saved, 0, 0, 0);
}

/* Capabilities, in two structures of 32 bits each: root has them all. */
#define CAPABILITY_VERSION 0x20080522u

long sys_capget(SYS2(user_header, user_data))
{
	struct { uint32_t version; int32_t pid; } header;
	struct { uint32_t effective, permitted, inheritable; } data[2] = {
		{ ~0u, ~0u, 0 }, { 0x1ff, 0x1ff, 0 },
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

long sys_capset(SYS0)
{
	return 0;
}

/* --- process groups: numbers that kill and wait go by --- */

struct kern_process *sys_process_of(long pid)
{
	return pid ? kern_process_find((uint32_t)pid) : kern_process;
}

long sys_setpgid(SYS2(pid, group))
{
	struct kern_process *process = sys_process_of(pid);

	if (!process || (process != kern_process && process->parent != kern_process))
		return -ESRCH;
	if ((int)group < 0)
		return -EINVAL;
	process->group = group ? (uint32_t)group : process->pid;
	return 0;
}

long sys_getpgid(SYS1(pid))
{
	const struct kern_process *process = sys_process_of(pid);

	return process ? process->group : -ESRCH;
}

long sys_getpgrp(SYS0)
{
	return kern_process->group;
}

long sys_setsid(SYS0)
{
	if (kern_process->session == kern_process->pid && kern_process->parent)
		return -EPERM;
	kern_process->group = kern_process->session = kern_process->pid;
	return kern_process->pid;
}

long sys_getsid(SYS1(pid))
{
	const struct kern_process *process = sys_process_of(pid);

	return process ? process->session : -ESRCH;
}
