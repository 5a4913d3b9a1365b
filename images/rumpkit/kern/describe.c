/*
 * describe.c - what /proc says of processes and threads, as proc(5) lays it out.
 */
#include "describe.h"
#include "region.h"
#include "rumplib.h"
#include "vfs.h"

#define NS_PER_TICK 10000000l /* 100 a second, as AT_CLKTCK says */

void kern_print(struct kern_text *text, const char *format, ...)
{
	size_t room = text->used < text->room ? text->room - text->used : 0;
	va_list arguments;

	va_start(arguments, format);
	text->used += (size_t)lib_vsnprintf(text->text + (room ? text->used : text->room), room,
	    format, arguments);
	va_end(arguments);
}

struct kern_subject kern_subject_of(void *argument)
{
	uint32_t tid = (uint32_t)(uintptr_t)argument;
	struct kern_thread *thread = tid ? kern_thread_find(tid) : kern_current();

	return (struct kern_subject){ thread ? thread->process : kern_process_find(tid), thread };
}

/* ---- the process ------------------------------------------------------------------------- */

static char state_of(struct kern_subject of)
{
	return of.thread == kern_current() ? 'R' : of.process->state == KERN_PROCESS_ENDED ? 'Z' : 'S';
}

static const char *name_of_subject(struct kern_subject of)
{
	return of.thread ? of.thread->name : of.process->command;
}

static uint32_t number_of(struct kern_subject of)
{
	return of.thread ? of.thread->tid : of.process->pid;
}

static uint32_t parent_pid(const struct kern_process *process)
{
	return process->parent ? process->parent->pid : 0;
}

static void print_ids(struct kern_text *text, const char *name, const struct kern_ids *ids)
{
	kern_print(text, "%s:\t%u\t%u\t%u\t%u\n", name, ids->real, ids->effective, ids->saved,
	    ids->effective);
}

static void print_identity(struct kern_text *text, const struct kern_identity *identity)
{
	print_ids(text, "Uid", &identity->user);
	print_ids(text, "Gid", &identity->group);
	kern_print(text, "Groups:\t");
	for (unsigned i = 0; i < identity->group_count; i++)
		kern_print(text, "%u ", identity->groups[i]);
	kern_print(text, "\n");
}

static size_t status(void *argument, char *room, size_t bytes)
{
	const struct kern_subject of = kern_subject_of(argument);
	const struct kern_process *process = of.process;
	struct kern_text text = { room, bytes, 0 };
	uint64_t kib = kern_mapped_bytes(process) / 1024;

	if (!process)
		return 0;
	kern_print(&text, "Name:\t%.15s\nUmask:\t%04o\nState:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\n"
	    "PPid:\t%u\nTracerPid:\t0\n", name_of_subject(of),
	    process->files ? process->files->umask : 0, state_of(of) == 'R' ? "R (running)" :
	    state_of(of) == 'Z' ? "Z (zombie)" : "S (sleeping)", process->pid, number_of(of),
	    parent_pid(process));
	print_identity(&text, &process->identity);
	kern_print(&text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n"
	    "VmSwap:\t%8d kB\nThreads:\t%u\n", kib, kib, kern_resident_pages(process) * 4,
	    kern_resident_pages(process) * 4, 0, process->thread_count);
	kern_print(&text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n",
	    of.thread ? of.thread->signals_pending : 0, process->signals_pending,
	    of.thread ? of.thread->signal_mask : 0);
	kern_print(&text, "CapInh:\t%016x\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
	    "CapAmb:\t%016x\nNoNewPrivs:\t%u\nSeccomp:\t0\nCpus_allowed:\t1\n"
	    "Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n", 0, process->identity.permitted,
	    process->identity.effective, KERN_CAPABILITIES_ALL, 0, process->no_new_privileges);
	return text.used;
}

static size_t stat(void *argument, char *room, size_t bytes)
{
	const struct kern_subject of = kern_subject_of(argument);
	const struct kern_process *process = of.process;
	struct kern_text text = { room, bytes, 0 };

	if (!process)
		return 0;
	kern_print(&text, "%u (%.15s) %c %u %u %u 0 -1 0 0 0 0 0 %lu 0 %lu 0 20 0 %u 0 %lu %lu %lu "
	    "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	    number_of(of), name_of_subject(of), state_of(of), parent_pid(process), process->group,
	    process->session, (uint64_t)(kern_process_cpu_ns(process) / NS_PER_TICK),
	    (uint64_t)(process->cpu_ns_of_children / NS_PER_TICK), process->thread_count,
	    (uint64_t)(process->start_ns / NS_PER_TICK), kern_mapped_bytes(process), kern_resident_pages(process));
	return text.used;
}

static size_t comm(void *argument, char *room, size_t bytes)
{
	const struct kern_subject of = kern_subject_of(argument);
	struct kern_text text = { room, bytes, 0 };

	if (of.process)
		kern_print(&text, "%.15s\n", name_of_subject(of));
	return text.used;
}

static long comm_take(void *argument, const char *name, size_t bytes)
{
	const struct kern_subject of = kern_subject_of(argument);

	if (!of.thread)
		return -ESRCH;
	if (of.process != kern_process)
		return -EINVAL;
	kern_thread_set_name(of.thread, name);
	return (long)bytes;
}

/* The strings that a program got on its stack, as they are now: they are there, in memory. */
static size_t strings(struct kern_process *process, uint64_t start, uint64_t end, char *room,
    size_t bytes)
{
	size_t length = end > start ? (size_t)(end - start) : 0;
	struct kern_vm *own = kern_process->vm;
	int error;

	if (!process->vm || length >= bytes)
		return process->vm ? length : 0;
	kern_vm_use(process->vm);
	error = kern_copyin((const void *)start, room, length);
	kern_vm_use(own);
	return error ? 0 : length;
}

static size_t cmdline(void *argument, char *room, size_t bytes)
{
	struct kern_process *process = kern_subject_of(argument).process;

	return process ? strings(process, process->arguments_start, process->arguments_end, room,
	    bytes) : 0;
}

static size_t environ(void *argument, char *room, size_t bytes)
{
	struct kern_process *process = kern_subject_of(argument).process;

	return process ? strings(process, process->arguments_end, process->environment_end, room,
	    bytes) : 0;
}

static size_t cgroup(void *argument, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)argument;
	kern_print(&text, "0::/\n");
	return text.used;
}

/* Who is ended when memory is out is decided otherwise; servers write it and go on. */
static size_t oom_score_adj(void *argument, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)argument;
	kern_print(&text, "0\n");
	return text.used;
}

static long oom_score_adj_take(void *argument, const char *value, size_t bytes)
{
	(void)argument;
	(void)value;
	return (long)bytes;
}

static size_t limits(void *argument, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	(void)argument;
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

const struct kern_described kern_described[] = {
	{ "maps", kern_describe_maps, NULL }, { "status", status, NULL }, { "stat", stat, NULL },
	{ "statm", kern_describe_statm, NULL }, { "comm", comm, comm_take }, { "cmdline", cmdline, NULL },
	{ "environ", environ, NULL }, { "limits", limits, NULL }, { "cgroup", cgroup, NULL },
	{ "oom_score_adj", oom_score_adj, oom_score_adj_take },
};
const unsigned kern_described_count = sizeof(kern_described) / sizeof(*kern_described);

int kern_describe(void)
{
	char path[64];
	int error = 0;

	for (unsigned i = 0; i < kern_described_count && error != -ENOMEM; i++) {
		lib_snprintf(path, sizeof(path), "/proc/self/%s", kern_described[i].name);
		error = vfs_attach_text(path, kern_described[i].write, kern_described[i].take, NULL);
	}
	if (error != -ENOMEM)
		error = kern_folders();
	return error == -ENOMEM ? error : kern_describe_machine();
}
