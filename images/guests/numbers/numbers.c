/*
 * numbers.c - computing while being interrupted: every register must survive a switch.
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4

/* A sum whose every step is in floating-point registers, always with the same end. */
static void *add_up(void *argument)
{
	double *result = argument, x = 0, y = 1, z = 2;
	long double wide = 0;

	for (int i = 1; i <= 300000; i++) {
		x += 1.0 / i;
		y = sqrt(y + i);
		z = z * 0.999 + x * y;
		wide += 1.0L / i;
	}
	result[0] = x;
	result[1] = z;
	result[2] = (double)wide;
	return NULL;
}

static void in_threads(void)
{
	double alone[3], results[THREADS][3];
	pthread_t threads[THREADS];
	int same = 0;

	add_up(alone);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, add_up, results[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		same += !memcmp(results[i], alone, sizeof alone);
	}
	printf("%.17g %.17g %.17g, %d of %d the same\n", alone[0], alone[1], alone[2], same, THREADS);
}

/* The rounding mode belongs to the thread. */
static void *round_up(void *argument)
{
	volatile double third = 1, three = 3;

	fesetround(FE_UPWARD);
	for (int i = 0; i < 200000; i++)
		third = 1 / three;
	*(double *)argument = third;
	return NULL;
}

static void rounding(void)
{
	volatile double third = 1, three = 3;
	double up = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, round_up, &up);
	for (int i = 0; i < 200000; i++)
		third = 1 / three;
	pthread_join(thread, NULL);
	printf("%.17g %.17g, mode %d\n", third, up, fegetround());
}

static jmp_buf place;

static void deep(int depth)
{
	volatile char space[100];

	space[0] = (char)depth;
	if (depth == 0)
		longjmp(place, 7);
	deep(depth - 1 + space[0] * 0);
}

static void jumping(void)
{
	volatile int times = 0;
	int value = setjmp(place);

	if (!value || times < 3) {
		times++;
		deep(200);
	}
	printf("jumped %d times with %d\n", times, value);
}

static int ascending(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static void library(void)
{
	double values[1000];
	int ordered = 1;

	srand(1);
	for (int i = 0; i < 1000; i++)
		values[i] = rand() / (RAND_MAX + 1.0);
	qsort(values, 1000, sizeof *values, ascending);
	for (int i = 1; i < 1000; i++)
		ordered &= values[i - 1] <= values[i];
	printf("sorted %d\n", ordered);
	printf("%.15g %.15g %.15g\n", sin(1), exp(1), log(10));
	printf("%.15g %.15g %.15g\n", pow(2, 0.5), atan2(1, -1), tgamma(5.5));
	printf("%.15g %ld %.15g\n", fmod(10, 3.3), lround(2.5), hypot(3, 4));
	printf("%d %d\n", fetestexcept(FE_DIVBYZERO) != 0, isnan(sqrt(-1.0)));
}

static unsigned __int128 factorial(unsigned n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

int main(void)
{
	unsigned __int128 wide = factorial(30);

	in_threads();
	rounding();
	jumping();
	library();
	printf("%016llx%016llx\n", (unsigned long long)(wide >> 64), (unsigned long long)wide);
	return 0;
}
