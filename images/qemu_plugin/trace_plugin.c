/*
 * trace_plugin.c - a TCG plug-in of QEMU that traces a guest that knows nothing of it.
 *
 * The lab says at which addresses which functions begin.  When a block that begins there is
 * executed, an entry is recorded and it is noted where the function will return to; when a
 * block that begins there is executed with the stack as it will be then, the exit is.
 */
#include <string.h>

#include "plugin.h"
#include "qemu_interface.h"
#include "trace_netbsd.h"

#define EXPORT __attribute__((visibility("default")))
#define CALLS 4096      /* that have not returned, at a time; a power of two */
#define TRIES 32        /* places in which one may be kept */
#define RETURNS 65536   /* places to return to; a power of two */
#define NEAR_CALL_BYTES 5
#define NEAR_CALL 0xe8
#define FIRST_ADDRESS 4096 /* nothing lies below, so that what points there is no text */

EXPORT int qemu_plugin_version = QEMU_INTERFACE_VERSION;
EXPORT int qemu_plugin_install(qemu_id id, const struct qemu_info *info, int argc, char **argv);

/* By where the stack will be: calls that have not returned. */
static struct call {
	uint64_t stack, address;
	uint64_t result, more[2]; /* of a system call: where its result will be, and its fifth
	                             and sixth argument, which come with the end */
	uint16_t event;
	uint8_t is_recorded, kind;
} calls[CALLS];

/*
 * Addresses behind calls that are not to be seen in the code: through pointers, and jumps.
 * is_watched once the block there was translated with that in mind.
 */
static struct {
	uint64_t address;
	uint8_t is_watched, tries;
} returns[RETURNS];

static struct plugin_point *point_at(uint64_t address)
{
	/* The lab has sorted them. */
	unsigned first = 0, end = setup->points;

	while (first < end) {
		unsigned middle = first + (end - first) / 2;

		if (setup->point[middle].address < address)
			first = middle + 1;
		else
			end = middle;
	}
	return first < setup->points && setup->point[first].address == address
	    ? &setup->point[first] : NULL;
}

static int is_call_of_ours(uint64_t address)
{
	uint8_t code[NEAR_CALL_BYTES];
	int32_t distance;
	struct plugin_point *point;

	if (address < NEAR_CALL_BYTES)
		return 0;
	machine_read(address - NEAR_CALL_BYTES, code, sizeof(code));
	memcpy(&distance, code + 1, sizeof(distance));
	point = code[0] == NEAR_CALL ? point_at(address + (uint64_t)(int64_t)distance) : NULL;
	return point != NULL;
}

static unsigned return_slot(uint64_t address)
{
	unsigned slot = (unsigned)(address * 0x9e3779b1u >> 8) % RETURNS;

	for (unsigned tries = 0; tries < RETURNS && returns[slot].address &&
	    returns[slot].address != address; tries++)
		slot = (slot + 1) % RETURNS;
	return slot;
}

/*
 * Have the block at an address watched from now on.  It may be translated already; if it is
 * not forgotten, which would be if memory is not where it is taken to be, all of them are.
 */
static void return_add(uint64_t address)
{
	unsigned slot = return_slot(address);

	if (returns[slot].is_watched || is_call_of_ours(address))
		return;
	returns[slot].address = address;
	if (returns[slot].tries++ % 2)
		machine_forget_all();
	else
		machine_forget(address);
}

/* Threads' stacks lie at like distances, so that more than a few bits of an address count. */
static unsigned call_first(uint64_t stack)
{
	return (unsigned)((stack >> 3) * 0x9e3779b97f4a7c15u >> 40);
}

/* The call that returns to this stack, NULL if there is none. */
static struct call *call_find(uint64_t stack)
{
	unsigned first = call_first(stack);

	for (unsigned i = 0; i < TRIES; i++)
		if (calls[(first + i) % CALLS].stack == stack)
			return &calls[(first + i) % CALLS];
	return NULL;
}

/* Where one may be kept: where such a one was, where none is, or in the place of another. */
static struct call *call_room(uint64_t stack)
{
	struct call *call = call_find(stack);
	unsigned first = call_first(stack);

	for (unsigned i = 0; !call && i < TRIES; i++)
		if (!calls[(first + i) % CALLS].stack)
			call = &calls[(first + i) % CALLS];
	return call ? call : &calls[first % CALLS];
}

/* Keep that a call waits for its return; it begins now, and the stack is as it found it. */
static struct call *call_keep(unsigned event, unsigned kind, int recorded, uint64_t stack)
{
	struct call *call = call_room(stack + 8);

	*call = (struct call){ .stack = stack + 8, .address = machine_word(stack),
		.event = (uint16_t)event, .is_recorded = (uint8_t)recorded, .kind = (uint8_t)kind };
	return_add(call->address);
	return call;
}

static void call_record(unsigned event, unsigned text, const uint64_t words[5])
{
	record(event, LAB_RECORD_ENTER, 0, words);
	if (text && words[text - 1] >= FIRST_ADDRESS)
		record_text(event, text - 1u, words[text - 1]);
	if (bit(header->stacks, event))
		record_stack(event, words[4]);
}

static void call_enter(const struct plugin_point *point)
{
	static const unsigned registers[] = { REG_RDI, REG_RSI, REG_RDX, REG_RCX };
	uint64_t stack = machine_register(REG_RSP), words[5] = { 0 };
	int recorded = wants(point->event);

	counters[point->event]++;
	if (!recorded && point->kind == PLUGIN_CALL)
		return;
	words[4] = call_keep(point->event, point->kind, recorded, stack)->address;
	if (!recorded)
		return;
	for (unsigned i = 0; i < point->arguments; i++)
		words[i] = machine_register(registers[i]);
	if (point->kind == PLUGIN_INTERRUPT && words[0]) {
		words[0] = (uint64_t)__builtin_ctzll(words[0]); /* of lines, a bit each */
		in_interrupt = LAB_DETAIL_IN_INTERRUPT;
	}
	call_record(point->event, point->text, words);
}

/* rump_syscall(number, words, bytes, result) */
static void syscall_enter(void)
{
	uint64_t stack = machine_register(REG_RSP), words[5] = { 0 };
	uint64_t arguments[NETBSD_ARGUMENTS] = { 0 };
	uint64_t number = (uint32_t)machine_register(REG_RDI);
	uint64_t place = machine_register(REG_RSI), count = machine_register(REG_RDX) / 8;
	struct netbsd_call what = netbsd_call(number);
	struct call *call;

	counters[what.event]++;
	if (!wants(what.event))
		return;
	call = call_keep(what.event, PLUGIN_SYSCALL, 1, stack);
	call->result = machine_register(REG_RCX);
	for (unsigned i = 0; i < NETBSD_ARGUMENTS && netbsd_word(what, i) < count; i++)
		arguments[i] = machine_word(place + 8 * netbsd_word(what, i));
	memcpy(words, arguments, 4 * sizeof(words[0]));
	memcpy(call->more, &arguments[4], sizeof(call->more));
	words[4] = call->address;
	if (what.event == LAB_EVENT_SYSCALL + NETBSD_OTHER)
		words[0] = number;
	call_record(what.event, what.text, words);
}

static void point_reached(unsigned cpu, void *data)
{
	const struct plugin_point *point = data;

	(void)cpu;
	switch (point->kind) {
	case PLUGIN_SWITCH:
		thread_switch(machine_register(REG_RDI), machine_register(REG_RSI));
		break;
	case PLUGIN_WAKE:
		thread_wake(machine_register(REG_RDI));
		break;
	case PLUGIN_THREAD_EXIT:
		thread_exit();
		break;
	case PLUGIN_PHASE:
		if (!header->phase_tsc[point->event])
			header->phase_tsc[point->event] = now();
		break;
	case PLUGIN_SYSCALL:
		syscall_enter();
		break;
	case PLUGIN_IDLE:
		thread_idle(1);
		call_enter(point);
		break;
	default:
		call_enter(point);
	}
}

static void return_reached(unsigned cpu, void *data)
{
	uint64_t address = (uintptr_t)data, stack = machine_register(REG_RSP), words[5] = { 0 };
	struct call *call = call_find(stack);

	(void)cpu;
	if (!call || call->address != address)
		return;
	call->stack = 0;
	if (call->kind == PLUGIN_IDLE)
		thread_idle(0);
	if (call->kind == PLUGIN_INTERRUPT)
		in_interrupt = 0;
	words[0] = machine_register(REG_RAX);
	if (call->kind == PLUGIN_SYSCALL) {
		words[0] = netbsd_result(words[0], machine_word(call->result));
		memcpy(&words[1], call->more, sizeof(call->more));
	}
	if (call->is_recorded)
		record(call->event, LAB_RECORD_EXIT, 0, words);
}

static void translated(qemu_id id, struct qemu_plugin_tb *block)
{
	uint64_t address = qemu_plugin_tb_vaddr(block);
	struct plugin_point *point = point_at(address);
	unsigned slot;

	(void)id;
	/* First the return: a function may begin right behind a call that does not. */
	slot = return_slot(address);
	if (returns[slot].address == address)
		returns[slot].is_watched = 1;
	if (returns[slot].address == address || is_call_of_ours(address))
		qemu_plugin_register_vcpu_tb_exec_cb(block, return_reached, QEMU_CB_NO_REGS,
		    (void *)(uintptr_t)address);
	if (point && point->kind != PLUGIN_JUMPS)
		qemu_plugin_register_vcpu_tb_exec_cb(block, point_reached, QEMU_CB_NO_REGS, point);
}

EXPORT int qemu_plugin_install(qemu_id id, const struct qemu_info *info, int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "ring=", 5) == 0)
			path = argv[i] + 5;
	if (!path || !info->system_emulation || strcmp(info->target_name, "x86_64") != 0 ||
	    ring_create(path) != 0)
		return -1;
	machine_create();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
