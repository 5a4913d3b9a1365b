/*
 * process.c - system calls that start, end and wait for processes and threads.
 */
#include "rumplib.h"
#include "sys.h"

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define PR_SET_NAME 15
#define PR_GET_NAME 16
#define PR_SET_PDEATHSIG 1
#define PR_GET_DUMPABLE 3
#define PR_SET_DUMPABLE 4
#define PR_SET_KEEPCAPS 8
#define PR_GET_PDEATHSIG 2
#define PR_GET_KEEPCAPS 7
#define PR_CAPBSET_READ 23
#define PR_GET_SECUREBITS 27
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#define PR_SET_TIMERSLACK 29
#define PR_SET_NO_NEW_PRIVS 38
#define PR_GET_NO_NEW_PRIVS 39

#define CLONE_VM 0x100
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000
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

/* Libraries start programs through it; the error they make of its lack seldom says so. */
static void tell_of_shell(void)
{
	static bool told;

	if (!told)
		rumpuser_dprintf("rumpkit: there is no /bin/sh here, with which programs start others; "
		    "a package that has it is dash\n");
	told = true;
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
	if (result == -ENOENT && !strcmp(name, "/bin/sh"))
		tell_of_shell();
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

static long keep_capabilities(long on)
{
	if (on & ~1)
		return -EINVAL;
	kern_process->identity.keeps = on;
	return 0;
}

/* Capabilities that programs would inherit: none ever are. */
static long ambient(long what, long capability)
{
	if (what == PR_CAP_AMBIENT_CLEAR_ALL)
		return capability ? -EINVAL : 0;
	if (what < PR_CAP_AMBIENT_IS_SET || what > PR_CAP_AMBIENT_CLEAR_ALL ||
	    capability < 0 || capability >= KERN_CAPABILITIES)
		return -EINVAL;
	return what == PR_CAP_AMBIENT_RAISE ? -EPERM : 0;
}

/* PR_SET_NO_NEW_PRIVS wants 1 and three zeros; it is never taken back. */
static long no_new_privileges(long on, long c, long d, long e)
{
	if (on != 1 || c || d || e)
		return -EINVAL;
	kern_process->no_new_privileges = true;
	return 0;
}

long sys_prctl(SYS5(option, argument, third, fourth, fifth))
{
	char name[KERN_NAME_BYTES];
	long length;

	if (option == PR_GET_NAME)
		return kern_copyout(kern_current()->name, (void *)argument, sizeof(name));
	/* Who gets what when another ends, what is dumped: nothing to keep here. */
	if (option == PR_SET_PDEATHSIG || option == PR_SET_DUMPABLE ||
	    option == PR_SET_TIMERSLACK)
		return 0;
	if (option == PR_SET_NO_NEW_PRIVS)
		return no_new_privileges(argument, third, fourth, fifth);
	if (option == PR_GET_NO_NEW_PRIVS)
		return argument || third || fourth || fifth ? -EINVAL : kern_process->no_new_privileges;
	if (option == PR_SET_KEEPCAPS)
		return keep_capabilities(argument);
	if (option == PR_GET_KEEPCAPS)
		return kern_process->identity.keeps;
	if (option == PR_GET_SECUREBITS)
		return 0;
	if (option == PR_CAP_AMBIENT)
		return ambient(argument, third);
	if (option == PR_CAPBSET_READ)
		return argument >= 0 && argument < KERN_CAPABILITIES ? 1 : -EINVAL;
	if (option == PR_GET_PDEATHSIG)
		return kern_copyout(&(int32_t){ 0 }, (void *)argument, sizeof(int32_t));
	if (option == PR_GET_DUMPABLE)
		return 1;
	if (option != PR_SET_NAME)
		return -EINVAL;
	length = kern_copyinstr((const void *)argument, name, sizeof(name));
	if (length == -EFAULT)
		return length;
	name[sizeof(name) - 1] = '\0';
	kern_thread_set_name(kern_current(), name);
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
