/*
 * c++config.h - GCC's C++ library, made for glibc, told what musl has.
 *
 * Found before the library's own header of this name, which it includes.
 */
#ifndef RUMPKIT_CXXCONFIG_H
#define RUMPKIT_CXXCONFIG_H

/* os_defines.h asks for glibc versions, c++locale.h for glibc's name of the type. */
#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t

/* The classes of glibc's <ctype.h>, as the compiled part of the library tests them. */
#define _ISupper 0x0100
#define _ISlower 0x0200
#define _ISalpha 0x0400
#define _ISdigit 0x0800
#define _ISxdigit 0x1000
#define _ISspace 0x2000
#define _ISprint 0x4000
#define _ISgraph 0x8000
#define _ISblank 0x0001
#define _IScntrl 0x0002
#define _ISpunct 0x0004
#define _ISalnum 0x0008

#include_next <bits/c++config.h>

/* glibc's waits by a chosen clock. */
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

#endif
