/*
 * processes.c - system calls about the numbers of processes, their groups and sessions.
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
