/*
 * clock.c - the vDSO: a small ELF object in the image whose functions a C library finds
 * by the auxiliary vector (AT_SYSINFO_EHDR; vdso(7)) and calls instead of the kernel.
 *
 * It runs as part of the application: interrupts are on and any thread may be here.
 * All it reads is constant, but for the offset of the wall clock, which is one word.
 */
#include <stddef.h>

#include "vdso.h"

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define SYS_GETTIMEOFDAY 96
#define SYS_TIME 201
#define SYS_CLOCK_GETTIME 228
#define SYS_CLOCK_GETRES 229
#define NS_PER_S 1000000000

struct seconds {
	int64_t seconds, rest;
};

/* The runtime writes it before the first program starts, so the compiler must not know it. */
static const struct vdso_clock *volatile slot __attribute__((section(".slot"), used));

static long call(long number, long first, void *second)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result)
	    : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
	return result;
}

static uint64_t now_ns(const struct vdso_clock *clock)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)((unsigned __int128)(((uint64_t)high << 32 | low) - clock->tsc_start) *
	    clock->multiplier >> 32);
}

static void split(uint64_t ns, struct seconds *time)
{
	time->seconds = (int64_t)(ns / NS_PER_S);
	time->rest = (int64_t)(ns % NS_PER_S);
}

long __vdso_clock_gettime(long id, struct seconds *time);
long __vdso_clock_gettime(long id, struct seconds *time)
{
	const struct vdso_clock *clock = slot;

	switch (id) {
	case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		split(now_ns(clock), time);
		return 0;
	case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE:
		if (clock->wall_known) {
			split(now_ns(clock) + (uint64_t)clock->wall_offset_ns, time);
			return 0;
		}
	}
	return call(SYS_CLOCK_GETTIME, id, time);
}

long __vdso_gettimeofday(struct seconds *time, void *zone);
long __vdso_gettimeofday(struct seconds *time, void *zone)
{
	const struct vdso_clock *clock = slot;

	if (!clock->wall_known || !time || zone)
		return call(SYS_GETTIMEOFDAY, (long)time, zone);
	split(now_ns(clock) + (uint64_t)clock->wall_offset_ns, time);
	time->rest /= 1000;
	return 0;
}

long __vdso_time(long *seconds);
long __vdso_time(long *seconds)
{
	const struct vdso_clock *clock = slot;
	struct seconds time;

	if (!clock->wall_known)
		return call(SYS_TIME, (long)seconds, NULL);
	split(now_ns(clock) + (uint64_t)clock->wall_offset_ns, &time);
	if (seconds)
		*seconds = time.seconds;
	return time.seconds;
}

long __vdso_clock_getres(long id, struct seconds *resolution);
long __vdso_clock_getres(long id, struct seconds *resolution)
{
	return call(SYS_CLOCK_GETRES, id, resolution);
}

/* There is one processor and one node. */
long __vdso_getcpu(unsigned *processor, unsigned *node, void *unused);
long __vdso_getcpu(unsigned *processor, unsigned *node, void *unused)
{
	(void)unused;
	if (processor)
		*processor = 0;
	if (node)
		*node = 0;
	return 0;
}
