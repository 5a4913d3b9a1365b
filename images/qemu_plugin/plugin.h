/*
 * plugin.h - the parts of the plug-in to each other.
 */
#ifndef RUMPLAB_PLUGIN_H
#define RUMPLAB_PLUGIN_H

#include "trace_file.h"

extern struct lab_header *header;
extern struct plugin_setup *setup;
extern uint64_t *counters;

/* --- machine.c: the guest as it stands --- */

enum { REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9,
	REG_R12 = 12, REG_FS_BASE = 24 };

void machine_create(void);
uint64_t machine_register(unsigned number);
/* Zero where there is no memory. */
uint64_t machine_word(uint64_t address);
void machine_read(uint64_t address, void *buffer, unsigned bytes);
/* Translate again what is at an address, or everything. */
void machine_forget(uint64_t address);
void machine_forget_all(void);

/* --- ring.c --- */

int ring_create(const char *path);
uint64_t now(void);
/* Write a record of a moment that was, at this time or before. */
void record_at(uint64_t time, unsigned event, unsigned kind, unsigned detail, uint32_t thread,
    const uint64_t words[5]);
/* Is an interrupt's handler running? LAB_DETAIL_IN_INTERRUPT, or 0. */
extern unsigned in_interrupt;
void record(unsigned event, unsigned kind, unsigned detail, const uint64_t words[5]);
void record_text(unsigned event, unsigned argument, uint64_t address);
void record_stack(unsigned event, uint64_t caller);

static inline int bit(const uint64_t *bits, unsigned event)
{
	const volatile uint64_t *words = bits;

	return words[event / 64] >> (event % 64) & 1;
}

static inline int wants(unsigned event)
{
	return bit(header->enabled, event);
}

/* --- threads.c --- */

/* The number of the thread that runs, 0 before there are any and while nothing runs. */
uint32_t thread_number(void);
void thread_switch(uint64_t from, uint64_t to);
void thread_idle(int begins);
void thread_wake(uint64_t thread);
void thread_exit(void);

#endif
