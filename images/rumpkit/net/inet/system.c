/*
 * system.c - what lwIP asks of its system besides memory: sums, time, chance, and an end.
 */
#include "inet/inet.h"

#include "lwip/sys.h"
#include "net_memory.h"
#include "rumpcomp.h"

/* Sum with end-around carry, eight bytes a step; the carries are folded in at the end. */
uint16_t net_checksum(const void *data, int bytes)
{
	const uint8_t *at = data;
	uint64_t sum = 0, word;
	int left;

	for (left = bytes; left >= 8; left -= 8, at += 8) {
		word = *(const uint64_t *)at;
		sum += word;
		sum += sum < word;
	}
	if (left) {
		word = 0;
		memcpy(&word, at, (size_t)left);
		sum += word;
		sum += sum < word;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint32_t net_random(void)
{
	uint32_t number;
	size_t got;

	rumpuser_getrandom(&number, sizeof number, 0, &got);
	return number;
}

static bool is_held;
static uint32_t held_ms;

void inet_clock_hold(void)
{
	held_ms = sys_now();
	is_held = true;
}

void inet_clock_go_on(void)
{
	is_held = false;
}

uint32_t sys_now(void)
{
	return is_held ? held_ms : (uint32_t)(kern_monotonic_ns() / 1000000);
}

void net_assertion(const char *what)
{
	rumpuser_dprintf("rumpkit: lwIP: %s\n", what);
	rumpuser_exit(RUMPUSER_PANIC);
}
