/*
 * clock.c - time from the time-stamp counter, by a multiplication.
 *
 * The lab passes the counter's frequency; without it the local APIC's timer serves to
 * measure it.  The wall clock is the lab's time of start, or the real-time clock chip
 * if the lab said nothing or the machine was paused since.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "vdso.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_A 10
#define RTC_UPDATING 0x80
#define NS_PER_S 1000000000ll
/* The chip counts whole seconds, so only a larger difference means anything. */
#define RTC_TOLERANCE_NS (2 * NS_PER_S)

/* What programs read the time by, too. */
static struct vdso_clock clock;

uint64_t bmk_clock_from_tsc(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * clock.multiplier >> 32);
}

int64_t bmk_clock_ns(void)
{
	return (int64_t)bmk_clock_from_tsc(arch_tsc() - clock.tsc_start);
}

static uint8_t rtc_read(uint8_t reg)
{
	uint8_t bcd;

	arch_out8(RTC_INDEX, reg);
	bcd = arch_in8(RTC_DATA);
	return reg < RTC_STATUS_A ? (uint8_t)((bcd >> 4) * 10 + (bcd & 15)) : bcd;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, years 2000 to 2099. */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t days = 10957 + 365 * (int64_t)year + (year + 3) / 4 + before[month - 1] + day - 1;

	return days + (month > 2 && year % 4 == 0);
}

/* Unix seconds by the MC146818 clock, or 0 if there is none. */
static int64_t rtc_seconds(void)
{
	unsigned month;

	for (int tries = 0; rtc_read(RTC_STATUS_A) & RTC_UPDATING; tries++)
		if (tries > 10000)
			return 0;
	month = rtc_read(8);
	if (month < 1 || month > 12)
		return 0;
	return days_since_1970(rtc_read(9), month, rtc_read(7)) * 86400 +
	    rtc_read(4) * 3600 + rtc_read(2) * 60 + rtc_read(0);
}

int64_t bmk_clock_wall_ns(void)
{
	if (!clock.wall_known) {
		int64_t chip = rtc_seconds() * NS_PER_S;
		int64_t passed = lab_header.wall_offset_ns + bmk_clock_ns();

		if (chip && (passed < chip - RTC_TOLERANCE_NS || passed > chip + RTC_TOLERANCE_NS))
			lab_header.wall_offset_ns += chip - passed;
		clock.wall_offset_ns = lab_header.wall_offset_ns;
		clock.wall_known = true;
	}
	return lab_header.wall_offset_ns + bmk_clock_ns();
}

/* Text is not writable where it runs, but RAM is. */
static void vdso_publish(void)
{
	const struct vdso_clock **slot = bmk_at_physical(bmk_physical(bmk_vdso + VDSO_CLOCK_SLOT));

	*slot = &clock;
}

void bmk_clock_create(uint64_t tsc_hz, int64_t epoch_ns)
{
	if (!tsc_hz)
		tsc_hz = arch_measure_tsc_hz();
	lab_header.tsc_hz = tsc_hz;
	clock.multiplier = ((uint64_t)NS_PER_S << 32) / tsc_hz;
	clock.tsc_start = lab_header.phase_tsc[LAB_PHASE_ENTRY];
	lab_header.wall_offset_ns = epoch_ns;
	vdso_publish();
}
