/*
 * time.c - clocks, sleeping, calendar.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll

static long long now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void clocks(void)
{
	long long last = now_ns(CLOCK_MONOTONIC), now, backwards = 0, moved = 0;
	struct timespec resolution;
	struct timeval day;
	long long wall;

	for (int i = 0; i < 20000; i++) {
		now = now_ns(CLOCK_MONOTONIC);
		backwards += now < last;
		moved += now > last;
		last = now;
	}
	printf("backwards %lld, moves: %d\n", backwards, moved > 100);
	printf("after 2024: %d\n", time(NULL) > 1704067200);
	gettimeofday(&day, NULL);
	wall = now_ns(CLOCK_REALTIME);
	printf("clocks agree: %d\n", llabs(wall - (day.tv_sec * 1000000000ll + day.tv_usec * 1000ll)) < 1000 * MS);
	printf("resolution %d", clock_getres(CLOCK_MONOTONIC, &resolution));
	printf(" %d\n", resolution.tv_sec == 0 && resolution.tv_nsec <= 10000000);
	printf("no such clock: %d", clock_gettime(77, &resolution));
	printf(" %s\n", strerror(errno));
}

static void sleeping(void)
{
	long long start = now_ns(CLOCK_MONOTONIC), took;
	struct timespec time = { 0, 20 * MS };

	printf("nanosleep %d", nanosleep(&time, NULL));
	took = now_ns(CLOCK_MONOTONIC) - start;
	printf(" %d %d\n", took >= 20 * MS, took < 2000 * MS);
	start = now_ns(CLOCK_MONOTONIC);
	time = (struct timespec){ (start + 10 * MS) / 1000000000, (start + 10 * MS) % 1000000000 };
	printf("until %d", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
	took = now_ns(CLOCK_MONOTONIC) - start;
	printf(" %d\n", took >= 10 * MS && took < 2000 * MS);
	printf("past %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){ 0, 0 }, NULL));
	time.tv_nsec = 1000000000;
	printf("wrong %d", nanosleep(&time, NULL));
	printf(" %s\n", strerror(errno));
	start = now_ns(CLOCK_MONOTONIC);
	usleep(3000);
	printf("usleep %d\n", now_ns(CLOCK_MONOTONIC) - start >= 3 * MS);
}

/* Time the processor works is counted; time asleep is not. */
static void processor_time(void)
{
	clock_t start = clock(), asleep;
	volatile long sum = 0;

	usleep(50000);
	asleep = clock() - start;
	while (clock() - start < asleep + CLOCKS_PER_SEC / 100)
		for (int i = 0; i < 1000; i++)
			sum += i;
	printf("clock: %d\n", asleep < CLOCKS_PER_SEC / 25);
	printf("times: %d\n", times(&(struct tms){ 0 }) != (clock_t)-1);
}

static void calendar(void)
{
	time_t moment = 1234567890;
	struct tm broken;
	char text[64];

	gmtime_r(&moment, &broken);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %A %j %U", &broken);
	printf("%s\n", text);
	printf("%ld\n", (long)timegm(&broken));
	printf("%s", asctime_r(&broken, text));
	broken = (struct tm){ .tm_year = 124, .tm_mon = 13, .tm_mday = 29 };
	moment = timegm(&broken);
	printf("%ld %d\n", (long)moment, broken.tm_wday);
	printf("%s\n", strptime("2001-02-03", "%Y-%m-%d", &broken) ? "parsed" : "not parsed");
	printf("%d %d %d\n", broken.tm_year, broken.tm_mon, broken.tm_mday);
	printf("%g\n", difftime(1000, 900));
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	tzset();
	moment = 1720000000;
	localtime_r(&moment, &broken);
	printf("%d:%02d %s\n", broken.tm_hour, broken.tm_min, broken.tm_zone);
}

int main(void)
{
	clocks();
	sleeping();
	processor_time();
	calendar();
	return 0;
}
