/*
 * call.h - how a system call is written here.
 */
#ifndef SYS_CALL_H
#define SYS_CALL_H

/* long sys_name(a, b, c, d, e, f): the six registers; most calls use a few. */
#define SYSCALL(name) \
	long sys_##name(__attribute__((unused)) long a, __attribute__((unused)) long b, \
	    __attribute__((unused)) long c, __attribute__((unused)) long d, \
	    __attribute__((unused)) long e, __attribute__((unused)) long f)

#endif
