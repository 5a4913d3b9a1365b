/*
 * process.c - system calls about the process, its threads and the machine.
 */
#include "rumplib.h"
#include "sys.h"

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define PR_SET_NAME 15
#define PR_GET_NAME 16

/* --- identity --- */

long sys_getpid(SYS0)
{
	return KERN_PID;
}

long sys_gettid(SYS0)
{
	/* The main thread's number is the process's, as programs check. */
	uint32_t tid = kern_current()->tid;

	return tid == kern_process.main_tid ? KERN_PID : tid;
}

long sys_getppid(SYS0)
{
	return 0;
}

long sys_getuid(SYS0)
{
	return 0;
}

long sys_geteuid(SYS0)
{
	return 0;
}

long sys_getgid(SYS0)
{
	return 0;
}

long sys_getegid(SYS0)
{
	return 0;
}

long sys_setuid(SYS0)
{
	return 0;
}

long sys_setgid(SYS0)
{
	return 0;
}

long sys_setpgid(SYS0)
{
	return 0;
}

long sys_getpgrp(SYS0)
{
	return KERN_PID;
}

long sys_getpgid(SYS0)
{
	return KERN_PID;
}

long sys_setsid(SYS0)
{
	return KERN_PID;
}

long sys_getsid(SYS0)
{
	return KERN_PID;
}

/* --- threads --- */

/* Said once: programs often try again. */
static long no_fork(void)
{
	static bool said;

	if (!said)
		rumpuser_dprintf("rumpkit: fork is not possible: a unikernel has one address space\n");
	said = true;
	return -ENOSYS;
}

long sys_fork(SYS0)
{
	return no_fork();
}

long sys_vfork(SYS0)
{
	return no_fork();
}

long sys_clone(SYS5(flags, stack, parent_tid, child_tid, tls))
{
	long result = kern_thread_clone(kern_current()->frame, (uint64_t)flags, (uint64_t)stack,
	    (uint64_t)parent_tid, (uint64_t)child_tid, (uint64_t)tls);

	return result == -ENOSYS ? no_fork() : result;
}

long sys_wait4(SYS0)
{
	return -ECHILD;
}

long sys_exit(SYS1(status))
{
	kern_thread_exit((int)status);
}

long sys_exit_group(SYS1(status))
{
	kern_process_exit((int)status);
}

long sys_set_tid_address(SYS1(address))
{
	kern_current()->clear_child_tid = (uint64_t)address;
	return sys_gettid(0, 0, 0, 0, 0, 0);
}

long sys_set_robust_list(SYS1(list))
{
	kern_current()->robust_list = (uint64_t)list;
	return 0;
}

long sys_arch_prctl(SYS2(code, value))
{
	uint64_t base = rumpcomp_thread_get_tls();

	switch (code) {
	case ARCH_SET_FS:
		rumpcomp_thread_tls((uint64_t)value);
		return 0;
	case ARCH_GET_FS:
		return kern_copyout(&base, (void *)value, sizeof(base));
	}
	return -EINVAL;
}

long sys_prctl(SYS2(option, argument))
{
	char name[16];
	long length;

	if (option != PR_SET_NAME)
		return -EINVAL;
	length = kern_copyinstr((const void *)argument, name, sizeof(name));
	if (length == -EFAULT)
		return length;
	name[sizeof(name) - 1] = '\0';
	rumpcomp_thread_name(name);
	return 0;
}

long sys_sched_yield(SYS0)
{
	rumpcomp_thread_yield();
	return 0;
}

long sys_sched_setaffinity(SYS0)
{
	return 0;
}

long sys_sched_getaffinity(SYS3(tid, bytes, user))
{
	uint64_t mask = 1;

	(void)tid;
	if (bytes < 8)
		return -EINVAL;
	return kern_copyout(&mask, (void *)user, sizeof(mask)) ? -EFAULT : 8;
}

long sys_getcpu(SYS2(cpu, node))
{
	const uint32_t zero = 0;

	if ((cpu && kern_copyout(&zero, (void *)cpu, sizeof(zero))) ||
	    (node && kern_copyout(&zero, (void *)node, sizeof(zero))))
		return -EFAULT;
	return 0;
}

/* One processor: every thread has always seen every other one's writes. */
long sys_membarrier(SYS0)
{
	return 0;
}

/* --- limits and information --- */

struct limit {
	uint64_t now, most;
};

static struct limit limits[16] = {
	[0] = { ~0ull, ~0ull }, [1] = { ~0ull, ~0ull }, [2] = { ~0ull, ~0ull },
	[3] = { 8 << 20, 8 << 20 },                     /* RLIMIT_STACK */
	[4] = { 0, 0 }, [5] = { ~0ull, ~0ull }, [6] = { 4096, 4096 },
	[7] = { 1024, 1048576 },                        /* RLIMIT_NOFILE */
	[8] = { ~0ull, ~0ull }, [9] = { ~0ull, ~0ull }, [10] = { ~0ull, ~0ull },
	[11] = { 4096, 4096 }, [12] = { 819200, 819200 }, [15] = { ~0ull, ~0ull },
};

long sys_prlimit64(SYS4(pid, resource, wanted, old))
{
	struct limit before, next;

	if (pid != 0 && pid != KERN_PID)
		return -ESRCH;
	if (resource < 0 || resource >= 16)
		return -EINVAL;
	before = limits[resource];
	if (wanted && kern_copyin((const void *)wanted, &next, sizeof(next)))
		return -EFAULT;
	if (wanted && next.now > next.most)
		return -EINVAL;
	if (old && kern_copyout(&before, (void *)old, sizeof(before)))
		return -EFAULT;
	if (wanted)
		limits[resource] = next;
	return 0;
}

long sys_getrlimit(SYS2(resource, old))
{
	return sys_prlimit64(0, resource, 0, old, 0, 0);
}

long sys_setrlimit(SYS2(resource, wanted))
{
	return sys_prlimit64(0, resource, wanted, 0, 0, 0);
}

long sys_uname(SYS1(user))
{
	struct {
		char system[65], node[65], release[65], version[65], machine[65], domain[65];
	} name = { "Linux", "", "6.1.0-rumpkit", "rumpkit", "x86_64", "(none)" };

	rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, name.node, sizeof(name.node));
	return kern_copyout(&name, (void *)user, sizeof(name));
}

long sys_sysinfo(SYS1(user))
{
	struct {
		int64_t uptime;
		uint64_t loads[3], total, free, shared, buffers, swap_total, swap_free;
		uint16_t processes, pad;
		uint32_t pad2;
		uint64_t high_total, high_free;
		uint32_t unit, pad3;
	} info = {
		.uptime = kern_monotonic_ns() / KERN_NS_PER_S,
		.total = rumpcomp_vm_total_pages() * 4096,
		.free = rumpcomp_vm_free_pages() * 4096,
		.processes = (uint16_t)kern_process.thread_count,
		.unit = 1,
	};

	return kern_copyout(&info, (void *)user, 112);
}

long sys_getrandom(SYS2(user, bytes))
{
	uint8_t buffer[256];
	long done = 0;

	while (done < bytes) {
		size_t part = bytes - done < (long)sizeof(buffer) ? (size_t)(bytes - done) : sizeof(buffer);
		size_t got;

		rumpuser_getrandom(buffer, part, 0, &got);
		if (kern_copyout(buffer, (char *)user + done, got))
			return -EFAULT;
		done += (long)got;
	}
	return done;
}
