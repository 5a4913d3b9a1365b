/*
 * process.c - system calls about the process, its threads and the machine.
 */
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define PR_SET_NAME 15
#define PR_GET_NAME 16
#define PR_SET_PDEATHSIG 1
#define PR_GET_DUMPABLE 3
#define PR_SET_DUMPABLE 4
#define PR_SET_KEEPCAPS 8
#define PR_SET_TIMERSLACK 29
#define PR_SET_NO_NEW_PRIVS 38

/* --- identity --- */

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

static struct kern_process *process_of(long pid)
{
	return pid ? kern_process_find((uint32_t)pid) : kern_process;
}

long sys_setpgid(SYS2(pid, group))
{
	struct kern_process *process = process_of(pid);

	if (!process || (process != kern_process && process->parent != kern_process))
		return -ESRCH;
	if ((int)group < 0)
		return -EINVAL;
	process->group = group ? (uint32_t)group : process->pid;
	return 0;
}

long sys_getpgid(SYS1(pid))
{
	const struct kern_process *process = process_of(pid);

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
	const struct kern_process *process = process_of(pid);

	return process ? process->session : -ESRCH;
}

/* --- threads and processes --- */

#define CLONE_VM 0x100
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000
#define SIGCHLD 17
/* Namespaces: there is nothing to be apart from. */
#define CLONE_NEW_ANYTHING 0x7e020000

long sys_clone(SYS5(flags, stack, parent_tid, child_tid, tls))
{
	const struct rumpcomp_frame *frame = kern_current()->frame;

	if (flags & CLONE_NEW_ANYTHING)
		return -EINVAL;
	return (flags & CLONE_THREAD ? kern_thread_clone : kern_process_fork)(frame,
	    (uint64_t)flags, (uint64_t)stack, (uint64_t)parent_tid, (uint64_t)child_tid,
	    (uint64_t)tls);
}

long sys_fork(SYS0)
{
	return sys_clone(SIGCHLD, 0, 0, 0, 0, 0);
}

long sys_vfork(SYS0)
{
	return sys_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0, 0);
}

/* The texts of a vector of pointers that ends with NULL. */
static long copy_strings(struct kern_strings *strings, long vector, unsigned *count)
{
	const size_t most = 0x20000; /* of one text: MAX_ARG_STRLEN */
	char *text = kern_alloc(most);
	long result = text ? 0 : -ENOMEM;

	for (uint64_t at = (uint64_t)vector, pointer; vector && result >= 0; at += sizeof(pointer)) {
		if (kern_copyin((const void *)at, &pointer, sizeof(pointer)))
			result = -EFAULT;
		if (result < 0 || !pointer)
			break;
		result = kern_copyinstr((const void *)pointer, text, most);
		if (result == -ENAMETOOLONG)
			result = -E2BIG;
		if (result > 0)
			result = kern_strings_add(strings, text, (size_t)result - 1);
		++*count;
	}
	kern_free(text);
	return result;
}

long sys_execve(SYS3(path, arguments, environment))
{
	struct kern_strings strings = { 0 };
	char *name = kern_alloc(PATH_MAX);
	long result = name ? kern_copyinstr((const void *)path, name, PATH_MAX) : -ENOMEM;

	if (result >= 0)
		result = copy_strings(&strings, arguments, &strings.arguments);
	if (result >= 0 && !strings.arguments) {
		result = kern_strings_add(&strings, "", 0);
		strings.arguments = 1;
	}
	if (result >= 0)
		result = copy_strings(&strings, environment, &strings.variables);
	if (result >= 0)
		result = kern_exec(name, &strings);
	kern_strings_free(&strings);
	kern_free(name);
	return result;
}

/* struct rusage begins with user and system time. */
static long put_usage(long user, int64_t cpu_ns)
{
	int64_t usage[18] = { cpu_ns / KERN_NS_PER_S, cpu_ns % KERN_NS_PER_S / 1000 };

	return user ? kern_copyout(usage, (void *)user, sizeof(usage)) : 0;
}

long sys_wait4(SYS4(pid, status, options, usage))
{
	int64_t cpu_ns = 0;
	int wait_status = 0;
	long found = kern_process_wait((int)pid, &wait_status, (int)options, &cpu_ns);

	if (found > 0 && ((status &&
	    kern_copyout(&wait_status, (void *)status, sizeof(wait_status))) ||
	    put_usage(usage, cpu_ns)))
		return -EFAULT;
	return found;
}

long sys_waitid(SYS5(kind, id, info, options, usage))
{
	enum { P_ALL, P_PID, P_PGID };
	int64_t cpu_ns = 0;
	int wait_status = 0;
	int pid = kind == P_ALL ? -1 : kind == P_PID ? (int)id : -(int)id;
	long found;
	struct {
		int32_t signal, error, code, pad, pid, uid, status;
		int32_t rest[25];
	} told = { 0 };

	if (kind < P_ALL || kind > P_PGID)
		return -EINVAL;
	found = kern_process_wait(pid, &wait_status, (int)options, &cpu_ns);
	if (found < 0)
		return found;
	if (found) {
		told.signal = SIGCHLD;
		told.pid = (int32_t)found;
		told.code = wait_status & 0x7f ? 2 : 1; /* CLD_KILLED, CLD_EXITED */
		told.status = wait_status & 0x7f ? wait_status & 0x7f : wait_status >> 8;
	}
	if ((info && kern_copyout(&told, (void *)info, sizeof(told))) || put_usage(usage, cpu_ns))
		return -EFAULT;
	return 0;
}

long sys_exit(SYS1(status))
{
	kern_thread_exit(KERN_STATUS_EXITED(status));
}

long sys_exit_group(SYS1(status))
{
	kern_process_exit(KERN_STATUS_EXITED(status));
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

	if (option == PR_GET_NAME) {
		char own[16] = "";

		lib_strlcpy(own, kern_process->command, sizeof(own));
		return kern_copyout(own, (void *)argument, sizeof(own));
	}
	/* Who gets what when another ends, what is dumped: nothing to keep here. */
	if (option == PR_SET_PDEATHSIG || option == PR_SET_DUMPABLE || option == PR_SET_KEEPCAPS ||
	    option == PR_SET_NO_NEW_PRIVS || option == PR_SET_TIMERSLACK)
		return 0;
	if (option == PR_GET_DUMPABLE)
		return 1;
	if (option != PR_SET_NAME)
		return -EINVAL;
	length = kern_copyinstr((const void *)argument, name, sizeof(name));
	if (length == -EFAULT)
		return length;
	name[sizeof(name) - 1] = '\0';
	rumpcomp_thread_name(name);
	return 0;
}

long sys_sched_rr_get_interval(SYS2(pid, user))
{
	(void)pid;
	return sys_copyout_timespec(5000000, (void *)user);
}

long sys_sched_yield(SYS0)
{
	rumpcomp_thread_yield();
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

/* --- limits and information --- */

#define RLIMIT_NOFILE 7
#define DESCRIPTORS_MOST 1048576

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

	if (!process_of(pid))
		return -ESRCH;
	if (resource < 0 || resource >= 16)
		return -EINVAL;
	before = limits[resource];
	if (resource == RLIMIT_NOFILE)
		before.now = vfs_current->limit;
	if (wanted && kern_copyin((const void *)wanted, &next, sizeof(next)))
		return -EFAULT;
	if (wanted && next.now > next.most)
		return -EINVAL;
	if (old && kern_copyout(&before, (void *)old, sizeof(before)))
		return -EFAULT;
	if (wanted && resource == RLIMIT_NOFILE && next.most > DESCRIPTORS_MOST)
		return -EPERM;
	if (wanted)
		limits[resource] = next;
	if (wanted && resource == RLIMIT_NOFILE)
		vfs_current->limit = (unsigned)next.now;
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

static char own_name[65];            /* given by sethostname, else empty */

long sys_uname(SYS1(user))
{
	struct {
		char system[65], node[65], release[65], version[65], machine[65], domain[65];
	} name = { "Linux", "", "6.1.0-rumpkit", "rumpkit", "x86_64", "(none)" };

	if (own_name[0])
		memcpy(name.node, own_name, sizeof(name.node));
	else
		rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, name.node, sizeof(name.node));
	return kern_copyout(&name, (void *)user, sizeof(name));
}

long sys_sethostname(SYS2(user, bytes))
{
	char name[sizeof(own_name)] = "";

	if (bytes < 0 || bytes >= (long)sizeof(name))
		return -EINVAL;
	if (kern_copyin((const void *)user, name, (size_t)bytes))
		return -EFAULT;
	memcpy(own_name, name, sizeof(name));
	return 0;
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
		.processes = (uint16_t)kern_process->thread_count,
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
