/*
 * describe_machine.c - /proc and /sys: the machine, its memory and its processor, as
 * proc(5) lays it out.
 */
#include "describe.h"
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define NS_PER_TICK 10000000l
#define KIB_PER_PAGE 4
#define NS_PER_S 1000000000l

static size_t meminfo(void *unused, char *room, size_t bytes)
{
	uint64_t total = rumpcomp_vm_total_pages() * KIB_PER_PAGE;
	uint64_t free = rumpcomp_vm_free_pages() * KIB_PER_PAGE;
	struct kern_text text = { room, bytes, 0 };

	(void)unused;
	kern_print(&text, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\n"
	    "MemAvailable:   %8lu kB\nBuffers:               0 kB\nCached:                0 kB\n"
	    "SwapCached:            0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n"
	    "Shmem:                 0 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n",
	    total, free, free);
	return text.used;
}

static void processor_register(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

/* CPUID leaves 0x80000002 to 4 hold the name. */
static void processor_name(char *name)
{
	uint32_t words[12];

	for (uint32_t i = 0; i < 3; i++)
		processor_register(0x80000002 + i, words + 4 * i, words + 4 * i + 1, words + 4 * i + 2,
		    words + 4 * i + 3);
	memcpy(name, words, sizeof(words));
	name[sizeof(words)] = 0;
}

/* The names that programs look for; CPUID 1, then 7. */
static const struct {
	uint8_t leaf, word, bit; /* word: b 1, c 2, d 3 */
	const char *name;
} flags[] = {
	{ 1, 3, 0, "fpu" }, { 1, 3, 4, "tsc" }, { 1, 3, 8, "cx8" }, { 1, 3, 15, "cmov" },
	{ 1, 3, 23, "mmx" }, { 1, 3, 24, "fxsr" }, { 1, 3, 25, "sse" }, { 1, 3, 26, "sse2" },
	{ 1, 2, 0, "pni" }, { 1, 2, 1, "pclmulqdq" }, { 1, 2, 9, "ssse3" }, { 1, 2, 13, "cx16" },
	{ 1, 2, 19, "sse4_1" }, { 1, 2, 20, "sse4_2" }, { 1, 2, 23, "popcnt" }, { 1, 2, 25, "aes" },
	{ 1, 2, 30, "rdrand" }, { 1, 2, 31, "hypervisor" }, { 7, 1, 3, "bmi1" }, { 7, 1, 8, "bmi2" },
	{ 7, 1, 18, "rdseed" },
};

static size_t cpuinfo(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	uint32_t words[4], version, ignored;
	char vendor[13] = "", name[49];

	(void)unused;
	processor_register(0, &ignored, (uint32_t *)vendor, (uint32_t *)(vendor + 8),
	    (uint32_t *)(vendor + 4));
	processor_register(1, &version, &ignored, &ignored, &ignored);
	processor_name(name);
	kern_print(&text, "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
	    "model name\t: %s\nstepping\t: %u\nphysical id\t: 0\nsiblings\t: 1\n"
	    "core id\t\t: 0\ncpu cores\t: 1\nflags\t\t:", vendor, version >> 8 & 15,
	    (version >> 4 & 15) | (version >> 12 & 0xf0), name, version & 15);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		processor_register(flags[i].leaf, words, words + 1, words + 2, words + 3);
		if (words[flags[i].word] >> flags[i].bit & 1)
			kern_print(&text, " %s", flags[i].name);
	}
	kern_print(&text, "\n\n");
	return text.used;
}

static int64_t busy_ns(void)
{
	int64_t busy = 0;

	for (const struct kern_process *process = kern_processes; process; process = process->next)
		busy += kern_process_cpu_ns(process) + process->cpu_ns_of_children;
	return busy;
}

static size_t stat(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	int64_t up = kern_monotonic_ns(), busy = busy_ns(), idle = up > busy ? up - busy : 0;

	(void)unused;
	for (int i = 0; i < 2; i++)
		kern_print(&text, "cpu%s %ld 0 0 %ld 0 0 0 0 0 0\n", i ? "0" : " ", busy / NS_PER_TICK,
		    idle / NS_PER_TICK);
	kern_print(&text, "btime %ld\nprocs_running 1\nprocs_blocked 0\n",
	    (kern_wall_ns() - up) / NS_PER_S);
	return text.used;
}

static size_t uptime(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	int64_t up = kern_monotonic_ns(), idle = up - busy_ns();

	(void)unused;
	idle = idle > 0 ? idle : 0;
	kern_print(&text, "%ld.%02ld %ld.%02ld\n", up / NS_PER_S,
	    up % NS_PER_S / NS_PER_TICK, idle / NS_PER_S, idle % NS_PER_S / NS_PER_TICK);
	return text.used;
}

/* How many were ready to run is not kept: what is here now is told. */
static size_t loadavg(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	unsigned threads = 0;
	uint32_t last = 0;

	(void)unused;
	for (const struct kern_process *at = kern_processes; at; at = at->next) {
		threads += at->thread_count;
		last = at->pid > last ? at->pid : last;
	}
	kern_print(&text, "0.00 0.00 0.00 1/%u %u\n", threads, last);
	return text.used;
}

static size_t hostname(void *unused, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	char name[65] = "rumpkit";

	(void)unused;
	rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, name, sizeof(name));
	kern_print(&text, "%s\n", name);
	return text.used;
}

/* A random UUID, version 4: a new one each time, or one for the whole run. */
static size_t uuid(void *fixed, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };
	static uint8_t boot[16];
	static bool known;
	uint8_t fresh[16], *id = fixed ? boot : fresh;
	size_t got;

	if (!fixed || !known)
		rumpuser_getrandom(id, 16, 0, &got);
	known = known || fixed;
	id[6] = (id[6] & 0x0f) | 0x40;
	id[8] = (id[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		kern_print(&text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	kern_print(&text, "\n");
	return text.used;
}

static size_t constant(void *argument, char *room, size_t bytes)
{
	struct kern_text text = { room, bytes, 0 };

	kern_print(&text, "%s\n", (const char *)argument);
	return text.used;
}

static const char *const directories[] = {
	"/proc/sys", "/proc/sys/kernel", "/proc/sys/kernel/random", "/proc/sys/vm", "/proc/sys/net",
	"/proc/sys/net/core", "/proc/sys/fs", "/sys", "/sys/devices", "/sys/devices/system",
	"/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/kernel", "/sys/kernel/mm",
	"/sys/kernel/mm/transparent_hugepage", "/sys/fs",
};

/* Release and version are those of uname(2), sys/process.c. */
static const struct {
	const char *path;
	vfs_text_fn write;
	const char *argument;
} texts[] = {
	{ "/proc/meminfo", meminfo, NULL }, { "/proc/cpuinfo", cpuinfo, NULL },
	{ "/proc/stat", stat, NULL }, { "/proc/uptime", uptime, NULL },
	{ "/proc/loadavg", loadavg, NULL },
	{ "/proc/version", constant, "Linux version 6.1.0-rumpkit (rumpkit)" },
	{ "/proc/filesystems", constant, "nodev\ttmpfs\nnodev\tproc\nnodev\t9p\n\text2" },
	{ "/proc/sys/kernel/ostype", constant, "Linux" },
	{ "/proc/sys/kernel/osrelease", constant, "6.1.0-rumpkit" },
	{ "/proc/sys/kernel/hostname", hostname, NULL },
	{ "/proc/sys/kernel/pid_max", constant, "32768" },
	{ "/proc/sys/kernel/threads-max", constant, "4096" },
	{ "/proc/sys/kernel/ngroups_max", constant, "65536" },
	{ "/proc/sys/kernel/random/uuid", uuid, NULL },
	{ "/proc/sys/kernel/random/boot_id", uuid, "" },
	{ "/proc/sys/kernel/random/entropy_avail", constant, "256" },
	{ "/proc/sys/vm/overcommit_memory", constant, "1" },
	{ "/proc/sys/vm/max_map_count", constant, "65530" },
	{ "/proc/sys/vm/mmap_min_addr", constant, "65536" },
	{ "/proc/sys/net/core/somaxconn", constant, "4096" },
	{ "/proc/sys/fs/file-max", constant, "1024" },
	{ "/proc/sys/fs/nr_open", constant, "1048576" },
	{ "/sys/devices/system/cpu/online", constant, "0" },
	{ "/sys/devices/system/cpu/possible", constant, "0" },
	{ "/sys/devices/system/cpu/present", constant, "0" },
	{ "/sys/devices/system/node/online", constant, "0" },
	{ "/sys/kernel/mm/transparent_hugepage/enabled", constant, "always madvise [never]" },
};

int kern_describe_machine(void)
{
	int error = 0;

	/* What cannot be put there (a root on a disk may have no /sys) is done without. */
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories) && error != -ENOMEM; i++)
		error = vfs_make_directory(directories[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && error != -ENOMEM; i++)
		error = vfs_attach_text(texts[i].path, texts[i].write, NULL, (void *)(uintptr_t)texts[i].argument);
	return error == -ENOMEM ? error : 0;
}
