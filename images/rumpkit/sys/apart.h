/*
 * apart.h - system calls that an image has only if its program can use them: they cost
 * room, and few programs do.  Left out, they are NULL.
 */
#ifndef SYS_APART_H
#define SYS_APART_H

#include "rumplib.h"

#define SYS_APART(X) \
	X(29, shmget) X(30, shmat) X(31, shmctl) X(67, shmdt) \
	X(282, signalfd) X(289, signalfd4)

#define SYS_APART_DECLARE(number, name) \
	RUMP_PART long sys_##name(long, long, long, long, long, long);
SYS_APART(SYS_APART_DECLARE)
#undef SYS_APART_DECLARE

#endif
