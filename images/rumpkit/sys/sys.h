/*
 * sys.h - the Linux x86-64 system calls: one function each, one table.
 *
 * A call takes six words and returns a value or -errno; what it does not use it
 * leaves unnamed.  The caller's registers are in kern_current()->frame.
 */
#ifndef SYS_H
#define SYS_H

#include "process.h"

long sys_call(struct rumpcomp_frame *frame);

/* Every number's name, NULL if there is none. */
const char *sys_name(uint64_t number);

/* A process by its number, 0 for the caller's; NULL if there is none. */
struct kern_process *sys_process_of(long pid);

/* timespec from the application; -EFAULT, or -EINVAL if out of range. */
int sys_copyin_timespec(const void *user, int64_t *ns);
int sys_copyout_timespec(int64_t ns, void *user);

#define SYS_MEMORY(X) \
	X(9, mmap) X(10, mprotect) X(11, munmap) X(12, brk) X(25, mremap) X(26, msync) \
	X(27, mincore) X(28, madvise)
#define SYS_TIMERS(X) \
	X(36, getitimer) X(37, alarm) X(38, setitimer) X(222, timer_create) \
	X(223, timer_settime) X(224, timer_gettime) X(225, timer_getoverrun) X(226, timer_delete) \
	X(283, timerfd_create) X(286, timerfd_settime) X(287, timerfd_gettime)
#define SYS_TIME(X) \
	X(35, nanosleep) X(96, gettimeofday) \
	X(98, getrusage) X(100, times) X(201, time) X(228, clock_gettime) X(229, clock_getres) \
	X(230, clock_nanosleep)
#define SYS_SIGNAL(X) \
	X(13, rt_sigaction) X(14, rt_sigprocmask) X(15, rt_sigreturn) X(34, pause) X(62, kill) \
	X(127, rt_sigpending) X(128, rt_sigtimedwait) X(129, rt_sigqueueinfo) X(130, rt_sigsuspend) \
	X(131, sigaltstack) X(200, tkill) X(234, tgkill)
#define SYS_PROCESS(X) \
	X(24, sched_yield) X(39, getpid) X(56, clone) X(57, fork) X(58, vfork) X(59, execve) \
	X(60, exit) X(61, wait4) X(63, uname) X(97, getrlimit) X(99, sysinfo) X(109, setpgid) \
	X(110, getppid) X(111, getpgrp) X(112, setsid) \
	X(121, getpgid) X(124, getsid) \
	X(148, sched_rr_get_interval) X(157, prctl) X(158, arch_prctl) X(160, setrlimit) X(170, sethostname) \
	X(186, gettid) X(202, futex) X(204, sched_getaffinity) X(218, set_tid_address) \
	X(231, exit_group) X(247, waitid) X(273, set_robust_list) X(302, prlimit64) \
	X(309, getcpu) X(318, getrandom)
#define SYS_IDENTITY(X) \
	X(102, getuid) X(104, getgid) X(105, setuid) X(106, setgid) X(107, geteuid) \
	X(108, getegid) X(113, setreuid) X(114, setregid) X(115, getgroups) X(116, setgroups) \
	X(117, setresuid) X(118, getresuid) X(119, setresgid) X(120, getresgid) X(122, setfsuid) \
	X(123, setfsgid) X(125, capget) X(126, capset)
/*
 * Calls whose answer is always 0: memory is never swapped, there is one processor, no
 * scheduling class but one, no persona but Linux, and what is asked of caches is advice.
 */
#define SYS_CONSTANT(X) \
	X(140, getpriority) X(141, setpriority) X(142, sched_setparam) X(143, sched_getparam) \
	X(144, sched_setscheduler) X(145, sched_getscheduler) X(146, sched_get_priority_max) \
	X(147, sched_get_priority_min) X(149, mlock) X(150, munlock) X(151, mlockall) \
	X(152, munlockall) X(203, sched_setaffinity) X(251, ioprio_set) X(252, ioprio_get) \
	X(135, personality) X(187, readahead) X(277, sync_file_range) X(324, membarrier) \
	X(325, mlock2)
/* Extended attributes: no file system here has them. */
#define SYS_UNSUPPORTED(X) \
	X(188, setxattr) X(189, lsetxattr) X(190, fsetxattr) X(191, getxattr) X(192, lgetxattr) \
	X(193, fgetxattr) X(194, listxattr) X(195, llistxattr) X(196, flistxattr) \
	X(197, removexattr) X(198, lremovexattr) X(199, fremovexattr)

#define SYS_DECLARE(number, name) \
	long sys_##name(long a, long b, long c, long d, long e, long f);
SYS_MEMORY(SYS_DECLARE)
SYS_TIME(SYS_DECLARE)
SYS_TIMERS(SYS_DECLARE)
SYS_SIGNAL(SYS_DECLARE)
SYS_PROCESS(SYS_DECLARE)
SYS_IDENTITY(SYS_DECLARE)

/* Unused parameters have no name in a definition. */
#define SYS0 long, long, long, long, long, long
#define SYS1(a) long a, long, long, long, long, long
#define SYS2(a, b) long a, long b, long, long, long, long
#define SYS3(a, b, c) long a, long b, long c, long, long, long
#define SYS4(a, b, c, d) long a, long b, long c, long d, long, long
#define SYS5(a, b, c, d, e) long a, long b, long c, long d, long e, long
#define SYS6(a, b, c, d, e, f) long a, long b, long c, long d, long e, long f

#endif
