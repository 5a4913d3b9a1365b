/*
 * device.h - a virtio device that lies, for the runtime's own drivers, on this machine.
 *
 * The drivers are compiled as they are; their memory comes from malloc, so that the
 * sanitizers see every byte beyond it.  Between "adding" and "taking" the device uses
 * buffers: mostly as it should, sometimes not.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio.h"

enum lie { LIE_NONE, LIE_INDEX_AHEAD, LIE_INDEX_BACK, LIE_NO_SUCH, LIE_NOT_GIVEN, LIE_TWICE,
	LIE_TOO_LONG, LIE_DESCRIPTORS, LIES };

extern unsigned device_reports;   /* lines about broken rules */
extern uint64_t device_offers;    /* features */

void device_create(enum bmk_virtio_kind kind);
void device_seed(uint64_t seed);
uint32_t device_random(uint32_t below);
/* What the device writes into a buffer of bytes: how many.  Null: anything, all of them. */
typedef uint32_t (*fill_fn)(uint8_t *memory, uint32_t bytes);
/* The first bytes of what the driver gave it to read in the chain being used. */
extern uint8_t device_request[16];
/* How a device fills buffers while a driver sleeps. */
extern fill_fn device_sleep_fill;
/* Use up to count chains of a queue; true if a driver that looks has to notice a lie. */
bool device_use(struct bmk_virtq *queue, unsigned count, enum lie lie, fill_fn fill);
/* The device's interrupt. */
void device_interrupt(void);

/* What the device does, once, while a driver orders its memory against the device's. */
extern void (*device_at_order)(void);

/* The checks of each driver: 0 if all held. */
int check_queue(uint64_t seed);
int check_order(uint64_t seed);
int check_network(uint64_t seed);
int check_disk(uint64_t seed);
int check_ninep(uint64_t seed);

#define HOLDS(condition) do { \
	if (!(condition)) { \
		__builtin_printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		__builtin_abort(); \
	} \
} while (0)

#endif
