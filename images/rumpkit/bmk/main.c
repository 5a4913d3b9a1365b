/*
 * main.c - from the loader's description of the machine to the first thread.
 *
 * The loader's structures are Xen's struct hvm_start_info and hvm_memmap_table_entry
 * (xen/include/public/arch-x86/hvm/start_info.h).
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"

#define START_MAGIC 0x336ec578u
#define MEMMAP_RAM 1
#define LOW_MEMORY_END 0x100000ul     /* firmware's */
#define FIRST_GIB 0x40000000ul
#define MEMMAP_MOST 8

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, command_line, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct module {
	uint64_t start, bytes, command_line, reserved;
};

struct memmap_entry {
	uint64_t start, bytes;
	uint32_t type, reserved;
};

extern char image_end[];

const void *bmk_initrd;
size_t bmk_initrd_bytes;

void bmk_panic_create(void);

/* What the loader said of memory: its table may lie in RAM that is given away. */
static struct memmap_entry map[MEMMAP_MOST];
static unsigned map_entries;

/* Call each() for every run of usable RAM between from and to. */
static void ram_each(uintptr_t from, uintptr_t to, void (*each)(uintptr_t start, uintptr_t end))
{
	for (unsigned i = 0; i < map_entries; i++) {
		uintptr_t start = (map[i].start + BMK_PAGE_MASK) & ~BMK_PAGE_MASK;
		uintptr_t end = (map[i].start + map[i].bytes) & ~BMK_PAGE_MASK;

		if (map[i].type != MEMMAP_RAM)
			continue;
		start = start < from ? from : start;
		end = end > to ? to : end;
		if (start < end)
			each(start, end);
	}
}

static uintptr_t ram_end;

static void ram_measure(uintptr_t start, uintptr_t end)
{
	lab_header.ram_bytes += end - start;
	ram_end = end > ram_end ? end : ram_end;
}

static void pages_give(uintptr_t start, uintptr_t end)
{
	uintptr_t direct = (uintptr_t)bmk_at_physical(0);

	if (start >= end)
		return;
	if (!lab_header.total_pages)
		bmk_pages_create(direct + start, direct + end, direct + ram_end);
	else
		bmk_pages_add(direct + start, direct + end);
}

/* A run of RAM without the part in which the initrd lies. */
static void pages_around_initrd(uintptr_t start, uintptr_t end)
{
	uintptr_t first = bmk_physical(bmk_initrd);
	uintptr_t taken = first & ~BMK_PAGE_MASK;
	uintptr_t taken_end = (first + bmk_initrd_bytes + BMK_PAGE_MASK) & ~BMK_PAGE_MASK;

	if (!bmk_initrd || taken_end <= start || taken >= end) {
		pages_give(start, end);
		return;
	}
	pages_give(start, taken);
	pages_give(taken_end, end);
}

static void initrd_find(const struct start_info *info)
{
	const struct module *module = bmk_at_physical(info->module_list);

	if (!info->modules || !module->bytes)
		return;
	bmk_initrd = bmk_at_physical(module->start);
	bmk_initrd_bytes = module->bytes;
}

static void memory_create(const struct start_info *info)
{
	uintptr_t first = ((uintptr_t)image_end + BMK_PAGE_MASK) & ~BMK_PAGE_MASK;
	uintptr_t first_end;

	map_entries = info->memmap_entries < MEMMAP_MOST ? info->memmap_entries : MEMMAP_MOST;
	memcpy(map, bmk_at_physical(info->memmap), map_entries * sizeof(map[0]));
	ram_each(LOW_MEMORY_END, UINTPTR_MAX, ram_measure);
	/* What is mapped already first: the tables for the rest come out of it. */
	first_end = ram_end < FIRST_GIB ? ram_end : FIRST_GIB;
	ram_each(first, first_end, pages_around_initrd);
	bmk_map_create(ram_end);
	ram_each(FIRST_GIB, UINTPTR_MAX, pages_around_initrd);
}

/* Which events: hexadecimal digits of four events each, the first ones first. */
__attribute__((noinline))
static void events_read(uint64_t *events, const struct lib_json_value *digits)
{
	for (size_t i = 0; i < digits->bytes && i < LAB_EVENTS / 4; i++) {
		unsigned digit = (unsigned char)digits->text[i];

		digit = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
		events[i / 16] |= (uint64_t)(digit & 15) << (i % 16 * 4);
	}
}

/* What is not configured may have been stored by the lab before the start. */
static uint64_t configured(enum bmk_setting setting, uint64_t stored)
{
	uint64_t number = bmk_setting_number(setting);

	return number ? number : stored;
}

/* Tracing from the first instruction on, if the lab asked for it. */
static void trace_enable(void)
{
	const struct lib_json_value *trace = bmk_setting(BMK_SETTING_TRACE);

	lab_header.trace_data_bytes =
	    (uint32_t)configured(BMK_SETTING_TRACE_DATA, lab_header.trace_data_bytes);
	lab_header.trace_packet_bytes =
	    (uint32_t)configured(BMK_SETTING_TRACE_PACKETS, lab_header.trace_packet_bytes);
	lab_header.trace_stack_words =
	    (uint32_t)configured(BMK_SETTING_TRACE_STACK, lab_header.trace_stack_words);
	lab_header.trace_sample_ns =
	    configured(BMK_SETTING_TRACE_SAMPLE_NS, lab_header.trace_sample_ns);
	events_read(lab_header.stacks, bmk_setting(BMK_SETTING_TRACE_STACKS));
	events_read(lab_header.enabled, bmk_setting(BMK_SETTING_TRACE_EVENTS));
	if (!trace->type || lib_json_is(trace, "off"))
		return;
	if (lib_json_is(trace, "all"))
		memset(lab_header.enabled, 0xff, sizeof(lab_header.enabled));
	else
		for (unsigned hc = 0; hc < LAB_HYPERCALL_COUNT; hc++)
			lab_header.enabled[(LAB_EVENT_HYPERCALL + hc) / 64] |= 1ull << (hc % 64);
}

void bmk_main(const void *start_info)
{
	const struct start_info *info = bmk_at_physical((uintptr_t)start_info);

	lab_header.state = LAB_STATE_BOOTING;
	lab_phase(LAB_PHASE_RUNTIME);
	bmk_panic_create();
	if (info->magic != START_MAGIC)
		bmk_panic(LAB_PANIC_ASSERTION, 6, NULL, 0, "the loader passed no PVH start info");
	bmk_config_create(bmk_at_physical(info->command_line));
	initrd_find(info);
	memory_create(info);
	arch_interrupts_create();
	bmk_clock_create(bmk_setting_number(BMK_SETTING_TSC_HZ),
	    (int64_t)bmk_setting_number(BMK_SETTING_EPOCH_NS));
	bmk_threads_create();
	bmk_trace_create(bmk_setting_number(BMK_SETTING_TRACE_RECORDS));
	trace_enable();
	lab_phase(LAB_PHASE_DEVICES);
	bmk_console_create();
	lab_phase(LAB_PHASE_KERNEL);
	bmk_start_factions();
	/* The boot thread's work is done; its stack is part of the image. */
	bmk_thread_exit();
}
