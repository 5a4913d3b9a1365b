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

#include_next <bits/c++config.h>

/* glibc's waits by a chosen clock. */
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

#endif
