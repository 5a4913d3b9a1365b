/*
 * vdso.c - the clock through the vDSO (vdso(7)) and through system calls: each reading
 * lies between two of the other kind.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 1000
#define NS_PER_S 1000000000ll

typedef int (*clock_fn)(clockid_t, struct timespec *);
typedef int (*day_fn)(struct timeval *, void *);
typedef time_t (*time_fn)(time_t *);
typedef int (*cpu_fn)(unsigned *, unsigned *, void *);

static const char *object; /* its ELF header */

static const Elf64_Dyn *dynamic(Elf64_Sxword tag)
{
	const Elf64_Ehdr *header = (const void *)object;
	const Elf64_Phdr *segment = (const void *)(object + header->e_phoff);

	while (segment->p_type != PT_DYNAMIC)
		segment++;
	for (const Elf64_Dyn *entry = (const void *)(object + segment->p_offset); entry->d_tag; entry++)
		if (entry->d_tag == tag)
			return entry;
	return NULL;
}

/* A vDSO's addresses count from 0, and it says how many symbols it has in DT_HASH. */
static void *function(const char *name)
{
	const Elf64_Sym *symbols = (const void *)(object + dynamic(DT_SYMTAB)->d_un.d_ptr);
	const char *names = object + dynamic(DT_STRTAB)->d_un.d_ptr;
	const Elf32_Word *hash = (const void *)(object + dynamic(DT_HASH)->d_un.d_ptr);

	for (Elf32_Word i = 0; i < hash[1]; i++)
		if (symbols[i].st_shndx && !strcmp(names + symbols[i].st_name, name))
			return (void *)(object + symbols[i].st_value);
	return NULL;
}

static long long by_call(clockid_t clock)
{
	struct timespec now;

	syscall(SYS_clock_gettime, clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void compare_clock(const char *name, clockid_t clock, clock_fn read_clock)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		long long before = by_call(clock), between;
		struct timespec now;

		wrong += read_clock(clock, &now) != 0;
		between = now.tv_sec * NS_PER_S + now.tv_nsec;
		wrong += between < before || between > by_call(clock) || now.tv_nsec >= NS_PER_S;
	}
	printf("%s: %d of %d wrong\n", name, wrong, ROUNDS);
}

static void compare_day(day_fn read_day, time_fn read_time)
{
	int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		long long before = by_call(CLOCK_REALTIME) / 1000, between;
		struct timeval now;
		time_t seconds;

		wrong += read_day(&now, NULL) != 0;
		between = now.tv_sec * 1000000ll + now.tv_usec;
		wrong += between < before || between > by_call(CLOCK_REALTIME) / 1000;
		/* Linux keeps the seconds of time(2) up to a tick behind. */
		wrong += read_time(&seconds) != seconds || seconds < now.tv_sec - 1 ||
		    seconds > by_call(CLOCK_REALTIME) / NS_PER_S;
	}
	printf("gettimeofday, time: %d of %d wrong\n", wrong, ROUNDS);
}

int main(void)
{
	unsigned processor = ~0u;
	clock_fn read_clock;
	struct timespec unused;

	object = (const char *)getauxval(AT_SYSINFO_EHDR);
	if (!object) {
		puts("there is no vDSO");
		return 1;
	}
	printf("an ELF object: %s\n", memcmp(object, ELFMAG, SELFMAG) ? "no" : "yes");
	read_clock = (clock_fn)function("__vdso_clock_gettime");
	compare_clock("monotonic", CLOCK_MONOTONIC, read_clock);
	compare_clock("raw", CLOCK_MONOTONIC_RAW, read_clock);
	compare_clock("since boot", CLOCK_BOOTTIME, read_clock);
	compare_clock("wall", CLOCK_REALTIME, read_clock);
	compare_clock("wall, the library's", CLOCK_REALTIME, clock_gettime);
	compare_clock("thread", CLOCK_THREAD_CPUTIME_ID, read_clock);
	compare_day((day_fn)function("__vdso_gettimeofday"), (time_fn)function("__vdso_time"));
	printf("no such clock: %d\n", read_clock(99, &unused));
	((cpu_fn)function("__vdso_getcpu"))(&processor, NULL, NULL);
	printf("getcpu: %s\n", processor == ~0u ? "no" : "yes");
	return 0;
}
