/*
 * sockets.h - the system calls on sockets, by their x86-64 numbers.
 */
#ifndef SYS_SOCKETS_H
#define SYS_SOCKETS_H

#include "rumplib.h"

#define SYS_SOCKETS(X) \
	X(41, socket) X(42, connect) X(43, accept) X(44, sendto) X(45, recvfrom) \
	X(46, sendmsg) X(47, recvmsg) X(48, shutdown) X(49, bind) X(50, listen) \
	X(51, getsockname) X(52, getpeername) X(53, socketpair) X(54, setsockopt) \
	X(55, getsockopt) X(288, accept4) X(299, recvmmsg) X(307, sendmmsg)

#define SYS_SOCKETS_DECLARE(number, name) \
	RUMP_PART long sys_##name(long, long, long, long, long, long);
SYS_SOCKETS(SYS_SOCKETS_DECLARE)
#undef SYS_SOCKETS_DECLARE

#endif
