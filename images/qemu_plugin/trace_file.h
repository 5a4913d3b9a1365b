/*
 * trace_file.h - the file in which the plug-in and the lab meet.
 *
 * It is laid out by the lab (kernel_magics/trace/outside/plugin_file.py; a test compares the two) and
 * mapped by both.  What stands at its beginning is struct lab_header, with the offsets of
 * the counters, of the threads and of the ring in the place of addresses: to the lab it is
 * the RAM of a guest that traces itself.
 */
#ifndef RUMPLAB_TRACE_FILE_H
#define RUMPLAB_TRACE_FILE_H

#include "lab_abi.h"

#define PLUGIN_SETUP_OFFSET 4096
#define PLUGIN_MAGIC 0x32474c504d5552ull /* "RUMPLG2" */

/* What happens when the guest comes to an address. */
enum plugin_point_kind {
	PLUGIN_CALL = 0,        /* a function begins: an event with an end */
	PLUGIN_SWITCH = 1,      /* bmk_cpu_sched_switch(from, to) */
	PLUGIN_IDLE = 2,        /* bmk_platform_cpu_block(): there is nothing to run */
	PLUGIN_WAKE = 3,        /* bmk_sched_wake(thread) */
	PLUGIN_THREAD_EXIT = 4, /* the running thread ends */
	PLUGIN_INTERRUPT = 5,   /* isr(which lines, a bit each) */
	PLUGIN_PHASE = 6,       /* a phase of the boot begins: event is its number */
	PLUGIN_JUMPS = 7,       /* a function that ends with a jump to a point: one that is called
	                           by it returns behind the call of this one */
	PLUGIN_SYSCALL = 8,     /* rump_syscall(number, words, bytes, result): which event it is
	                           trace_netbsd.h says */
};

struct plugin_point {
	uint64_t address;
	uint16_t event;
	uint8_t kind;           /* enum plugin_point_kind */
	uint8_t arguments;      /* how many are recorded */
	uint8_t text;           /* which of them is a text, from 1; 0: none */
	uint8_t reserved[3];
};

/* Where things lie in bmk's structures; from the image's debugging information. */
struct plugin_setup {
	uint64_t magic;
	uint32_t points;
	uint32_t name_offset;   /* in struct bmk_thread: its name, of 16 bytes */
	uint32_t flags_offset;  /* … its flags */
	uint32_t tcb_offset;    /* … what bmk_cpu_sched_switch is given */
	int64_t current_offset; /* from the thread pointer: bmk_current, a pointer to one */
	uint64_t file_bytes;
	struct plugin_point point[];
};

#endif
