/*
 * signal.c - system calls about signals.
 */
#include "sys.h"

#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SIGKILL 9
#define SIGSTOP 19
#define UNBLOCKABLE (KERN_SIGNAL_BIT(SIGKILL) | KERN_SIGNAL_BIT(SIGSTOP))
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
	if (old && kern_copyout(&kern_process.actions[signal], (void *)old, sizeof(wanted)))
		return -EFAULT;
	if (action)
		kern_process.actions[signal] = wanted;
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
	mask &= ~UNBLOCKABLE;
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
	uint64_t pending = kern_current()->signals_pending | kern_process.signals_pending;

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
	return kern_signal_return(kern_current()->frame);
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

static long send_to_thread(long tid, long signal)
{
	struct kern_thread *thread = kern_thread_find((uint32_t)tid);

	if (signal && !valid(signal))
		return -EINVAL;
	if (!thread)
		return -ESRCH;
	if (signal)
		kern_signal_send(thread, (int)signal);
	return 0;
}

long sys_tkill(SYS2(tid, signal))
{
	return send_to_thread(tid, signal);
}

long sys_tgkill(SYS3(pid, tid, signal))
{
	return pid == KERN_PID ? send_to_thread(tid, signal) : -ESRCH;
}

long sys_kill(SYS2(pid, signal))
{
	if (signal && !valid(signal))
		return -EINVAL;
	if (pid != KERN_PID && pid != 0 && pid != -1)
		return -ESRCH;
	if (signal)
		kern_signal_send_process((int)signal);
	return 0;
}
