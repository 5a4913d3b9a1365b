/*
 * report.h - a line for each call: its source and its result, or its error.
 */
#ifndef REPORT_H
#define REPORT_H

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile int signals_seen;

static inline void on_signal(int signal)
{
	(void)signal;
	signals_seen++;
}

static inline void report(const char *call, long result, int error)
{
	if (result == -1)
		printf("%s: %s", call, strerror(error));
	else
		printf("%s = %ld", call, result);
	printf(signals_seen ? " and a signal\n" : "\n");
	signals_seen = 0;
}

#define note(call) do { \
	long result_; \
	errno = 0; \
	result_ = (long)(call); \
	report(#call, result_, errno); \
} while (0)

static inline void section(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("\n-- ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
}

static inline void show(const void *bytes, size_t count)
{
	const unsigned char *at = bytes;

	for (; count; count--, at++)
		printf(*at >= ' ' && *at < 127 ? "%c" : "\\%03o", *at);
	printf("\n");
}

/* What poll finds now, of everything it could. */
static inline long mask(int descriptor)
{
	struct pollfd entry = { descriptor, 0x7fff & ~POLLNVAL, 0 };

	poll(&entry, 1, 0);
	return entry.revents;
}

/* The number an ioctl left, or its error. */
static inline long number(int result, const void *where)
{
	int value;

	memcpy(&value, where, sizeof value);
	return result < 0 ? result : value;
}

#endif
