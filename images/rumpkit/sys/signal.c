/*
 * signal.c - system calls about signals.
 */
#include "sys.h"

#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SS_DISABLE 2

static bool valid(long signal)
{
	return signal >= 1 && signal <= KERN_SIGNALS;
}

long sys_rt_sigaction(SYS4(signal, action, old, mask_bytes))
{
	struct kern_sigaction wanted;

	if (!valid(signal) || mask_bytes != 8 ||
	    (action && (signal == SIGKILL || signal == SIGSTOP)))
		return -EINVAL;
	if (action && kern_copyin((const void *)action, &wanted, sizeof(wanted)))
		return -EFAULT;
	if (old && kern_copyout(&kern_process->actions[signal], (void *)old, sizeof(wanted)))
		return -EFAULT;
	if (action)
		kern_process->actions[signal] = wanted;
	return 0;
}

long sys_rt_sigprocmask(SYS4(how, set, old, mask_bytes))
{
	struct kern_thread *thread = kern_current();
	uint64_t mask = 0, before = thread->signal_mask;

	if (mask_bytes != 8)
		return -EINVAL;
	if (set && kern_copyin((const void *)set, &mask, sizeof(mask)))
		return -EFAULT;
	mask &= ~KERN_SIGNALS_UNBLOCKABLE;
	if (set && how == SIG_BLOCK)
		thread->signal_mask |= mask;
	else if (set && how == SIG_UNBLOCK)
		thread->signal_mask &= ~mask;
	else if (set && how == SIG_SETMASK)
		thread->signal_mask = mask;
	else if (set)
		return -EINVAL;
	return old ? kern_copyout(&before, (void *)old, sizeof(before)) : 0;
}

long sys_rt_sigpending(SYS2(set, mask_bytes))
{
	uint64_t pending = kern_current()->signals_pending | kern_process->signals_pending;

	if (mask_bytes > 8)
		return -EINVAL;
	return kern_copyout(&pending, (void *)set, (size_t)mask_bytes);
}

static long wait_for_signal(void)
{
	struct kern_wait nobody = { 0 };

	return kern_wait(&nobody, KERN_FOREVER);
}

long sys_rt_sigsuspend(SYS2(set, mask_bytes))
{
	uint64_t mask;

	if (mask_bytes != 8)
		return -EINVAL;
	if (kern_copyin((const void *)set, &mask, sizeof(mask)))
		return -EFAULT;
	kern_signal_mask_for_call(mask);
	return wait_for_signal();
}

long sys_pause(SYS0)
{
	return wait_for_signal();
}

long sys_rt_sigreturn(SYS0)
{
	kern_signal_return(kern_current()->frame);
}

long sys_sigaltstack(SYS2(wanted, old))
{
	struct kern_altstack *stack = &kern_current()->altstack;
	struct kern_altstack before = *stack, next;

	if (wanted && kern_copyin((const void *)wanted, &next, sizeof(next)))
		return -EFAULT;
	if (wanted && !(next.flags & SS_DISABLE) && next.bytes < 2048)
		return -ENOMEM;
	if (old && kern_copyout(&before, (void *)old, sizeof(before)))
		return -EFAULT;
	if (wanted)
		*stack = next;
	return 0;
}

/* --- sending --- */

#define SI_USER 0
#define SI_TKILL (-6)

static struct kern_siginfo sender(int code)
{
	return (struct kern_siginfo){ .code = code, .pid = (int32_t)kern_process->pid };
}

static long send_to_thread(const struct kern_process *process, long tid, long signal)
{
	struct kern_thread *thread = kern_thread_find((uint32_t)tid);
	const struct kern_siginfo info = sender(SI_TKILL);

	if (signal && !valid(signal))
		return -EINVAL;
	if (!thread || (process && thread->process != process))
		return -ESRCH;
	if (signal)
		kern_signal_send(thread, (int)signal, &info);
	return 0;
}

long sys_tkill(SYS2(tid, signal))
{
	return send_to_thread(NULL, tid, signal);
}

long sys_tgkill(SYS3(pid, tid, signal))
{
	const struct kern_process *process = kern_process_find((uint32_t)pid);

	return process ? send_to_thread(process, tid, signal) : -ESRCH;
}

/* Does kill(2) with this pid mean this process? */
static bool is_meant(const struct kern_process *process, long pid)
{
	if (process->state == KERN_PROCESS_ENDED && pid <= 0)
		return false;
	if (pid > 0)
		return process->pid == (uint32_t)pid;
	if (pid == -1)
		return process != kern_process || !kern_processes->next;
	return process->group == (pid ? (uint32_t)-pid : kern_process->group);
}

static long send(long pid, long signal, const struct kern_siginfo *info)
{
	long result = -ESRCH;

	if (signal && !valid(signal))
		return -EINVAL;
	for (struct kern_process *process = kern_processes; process; process = process->next) {
		if (!is_meant(process, pid))
			continue;
		if (signal)
			kern_signal_send_process(process, (int)signal, info);
		result = 0;
	}
	return result;
}

long sys_kill(SYS2(pid, signal))
{
	const struct kern_siginfo info = sender(SI_USER);

	return send((int)pid, (int)signal, &info);
}

long sys_rt_sigqueueinfo(SYS3(pid, signal, user))
{
	struct { int32_t number, error, code, pad, pid, uid; uint64_t value; } told;
	struct kern_siginfo info;

	if (kern_copyin((const void *)user, &told, sizeof(told)))
		return -EFAULT;
	if (told.code >= 0)
		return -EPERM;
	info = (struct kern_siginfo){ .code = told.code, .pid = told.pid, .value = told.value };
	return send((int)pid, (int)signal, &info);
}

/* --- waiting for one without a handler --- */

long sys_rt_sigtimedwait(SYS4(set, user_info, timeout, mask_bytes))
{
	struct kern_thread *thread = kern_current();
	struct kern_wait nobody = { 0 };
	int64_t deadline_ns = KERN_FOREVER, ns;
	struct { int32_t number, error, code, pad, pid, uid; uint64_t value; uint8_t rest[96]; } told = { 0 };
	struct kern_siginfo info;
	uint64_t wanted, before = thread->signal_mask;
	int error = 0, signal;

	if (mask_bytes != 8)
		return -EINVAL;
	if (kern_copyin((const void *)set, &wanted, sizeof(wanted)))
		return -EFAULT;
	if (timeout) {
		error = sys_copyin_timespec((const void *)timeout, &ns);
		if (error)
			return error;
		deadline_ns = kern_monotonic_ns() + ns;
	}
	/* Let through, they end the wait; nobody else takes them meanwhile. */
	thread->signal_mask &= ~(wanted & ~KERN_SIGNALS_UNBLOCKABLE);
	while (!(signal = kern_signal_take(thread, wanted, &info)) && !error)
		error = kern_wait(&nobody, deadline_ns);
	if (!signal)
		signal = kern_signal_take(thread, wanted, &info);
	thread->signal_mask = before;
	if (!signal)
		return error == -ETIMEDOUT ? -EAGAIN : error;
	told.number = signal;
	told.code = info.code;
	told.pid = info.pid;
	told.value = info.value;
	return user_info && kern_copyout(&told, (void *)user_info, sizeof(told)) ? -EFAULT : signal;
}
