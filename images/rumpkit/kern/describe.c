/*
 * describe.c - /proc/self: the process that asks, as proc(5) lays it out.
 */
#include "describe.h"
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

#define NS_PER_TICK 10000000l /* 100 a second, as AT_CLKTCK says */
#define PATH_BYTES 512
#define STRINGS_BYTES 4096

void kern_print(struct kern_text *text, const char *format, ...)
{
	size_t room = text->used < text->room ? text->room - text->used : 0;
	va_list arguments;

	va_start(arguments, format);
	text->used += (size_t)lib_vsnprintf(text->text + (room ? text->used : text->room), room,
	    format, arguments);
	va_end(arguments);
}

static uint64_t device_major(const struct vfs_node *node)
{
	return node->file_system >> 8 & 0xfff;
}

/* ---- memory ---------------------------------------------------------------------------- */

static const char *name_of(const struct kern_region *region)
{
	if (region->start >= BRK_START && region->end <= BRK_LIMIT)
		return "[heap]";
	return region->start >= STACK_START && region->end <= STACK_START + STACK_BYTES ?
	    "[stack]" : "";
}

static void print_region(struct kern_text *text, const struct kern_region *region)
{
	const struct vfs_node *node = region->file ? region->file->node : NULL;
	char path[PATH_BYTES];
	long length = -1;

	if (region->file && region->file->dir)
		length = vfs_path_of(region->file->dir, region->file->node, path, sizeof(path));
	kern_print(text, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu", region->start, region->end,
	    region->protection & RUMPCOMP_VM_READ ? 'r' : '-',
	    region->protection & RUMPCOMP_VM_WRITE ? 'w' : '-',
	    region->protection & RUMPCOMP_VM_EXECUTE ? 'x' : '-', region->shared ? 's' : 'p',
	    region->offset, node ? device_major(node) : 0, node ? node->file_system & 0xfful : 0,
	    node ? node->number : 0);
	kern_print(text, " %s\n", length > 0 ? path : node ? "/memfd: (deleted)" : name_of(region));
}

/* A path's listing may sleep, and regions come and go meanwhile: each is found anew. */
static size_t maps(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	uint64_t at = 0;

	(void)unused;
	for (;;) {
		struct kern_region *region = kern_region_above(at), copy;

		if (!region)
			break;
		copy = *region;
		at = copy.end;
		if (copy.file)
			vfs_file_get(copy.file);
		if (!copy.guard)
			print_region(&text, &copy);
		vfs_file_put(copy.file);
	}
	return text.used;
}

static uint64_t mapped_bytes(void)
{
	uint64_t bytes = 0;

	for (const struct kern_region *region = kern_process->vm->regions; region; region = region->next)
		if (!region->guard)
			bytes += region->end - region->start;
	return bytes;
}

/* What is really there is not counted by process: of one program it is what is not free. */
static uint64_t resident_pages(void)
{
	uint64_t used = rumpcomp_vm_total_pages() - rumpcomp_vm_free_pages();
	uint64_t mapped = mapped_bytes() / PAGE;

	return used < mapped ? used : mapped;
}

static size_t statm(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "%lu %lu 0 0 0 %lu 0\n", mapped_bytes() / 4096, resident_pages(),
	    mapped_bytes() / 4096);
	return text.used;
}

/* ---- the process ------------------------------------------------------------------------- */

static uint32_t parent_pid(void)
{
	return kern_process->parent ? kern_process->parent->pid : 0;
}

static size_t status(void *unused, char *room, size_t bytes)
{
	const struct kern_process *process = kern_process;
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "Name:\t%.15s\nUmask:\t%04o\nState:\tR (running)\nTgid:\t%u\nPid:\t%u\n"
	    "PPid:\t%u\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t%u\nGroups:\t0\n",
	    process->command, vfs_current->umask, process->pid, process->pid, parent_pid(),
	    vfs_current->capacity);
	kern_print(&text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n"
	    "VmSwap:\t%8d kB\nThreads:\t%u\n", mapped_bytes() / 1024, mapped_bytes() / 1024,
	    resident_pages() * 4, resident_pages() * 4, 0, process->thread_count);
	kern_print(&text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n"
	    "CapEff:\t000001ffffffffff\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
	    "Mems_allowed_list:\t0\n",
	    kern_current()->signals_pending, process->signals_pending, kern_current()->signal_mask);
	return text.used;
}

static size_t stat(void *unused, char *room, size_t bytes)
{
	const struct kern_process *process = kern_process;
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "%u (%.15s) R %u %u %u 0 -1 0 0 0 0 0 %lu 0 %lu 0 20 0 %u 0 %lu %lu %lu "
	    "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	    process->pid, process->command, parent_pid(), process->group, process->session,
	    (uint64_t)(kern_process_cpu_ns(process) / NS_PER_TICK),
	    (uint64_t)(process->cpu_ns_of_children / NS_PER_TICK), process->thread_count,
	    (uint64_t)(process->start_ns / NS_PER_TICK), mapped_bytes(), resident_pages());
	return text.used;
}

static size_t comm(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "%.15s\n", kern_process->command);
	return text.used;
}

/* The strings that the program got on its stack, as they are now. */
static size_t strings(uint64_t start, uint64_t end, char *room, size_t bytes)
{
	size_t length = end > start ? (size_t)(end - start) : 0;

	if (length < bytes && kern_copyin((const void *)start, room, length))
		return 0;
	return length;
}

static size_t cmdline(void *unused, char *room, size_t bytes)
{
	(void)unused;
	return strings(kern_process->arguments_start, kern_process->arguments_end, room, bytes);
}

static size_t environ(void *unused, char *room, size_t bytes)
{
	(void)unused;
	return strings(kern_process->arguments_end, kern_process->environment_end, room, bytes);
}

static size_t limits(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "%-26s%-21s%-21s%-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	kern_print(&text, "%-26s%-21s%-21s%-10s\n", "Max cpu time", "unlimited", "unlimited", "seconds");
	kern_print(&text, "%-26s%-21llu%-21llu%-10s\n", "Max stack size", STACK_BYTES, STACK_BYTES,
	    "bytes");
	kern_print(&text, "%-26s%-21u%-21u%-10s\n", "Max open files", vfs_current->limit,
	    vfs_current->limit, "files");
	kern_print(&text, "%-26s%-21s%-21s%-10s\n", "Max address space", "unlimited", "unlimited",
	    "bytes");
	return text.used;
}

size_t kern_program_path(char *path, size_t bytes)
{
	const struct kern_process *process = kern_process;

	return (size_t)lib_snprintf(path, bytes, "%s%s", process->path[0] ? "" : "/",
	    process->path[0] ? process->path : process->command);
}

static const struct {
	const char *path;
	vfs_text_fn write;
} texts[] = {
	{ "/proc/self/maps", maps }, { "/proc/self/status", status }, { "/proc/self/stat", stat },
	{ "/proc/self/statm", statm }, { "/proc/self/comm", comm },
	{ "/proc/self/cmdline", cmdline }, { "/proc/self/environ", environ },
	{ "/proc/self/limits", limits },
};

int kern_describe(void)
{
	int error = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && error != -ENOMEM; i++)
		error = vfs_attach_text(texts[i].path, texts[i].write, NULL);
	return error == -ENOMEM ? error : kern_describe_machine();
}
