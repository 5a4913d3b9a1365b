/*
 * guest_scenarios.c - what can only be asked of the guest: memory, and running out of it.
 */
#include "calls.h"

#define MANY 400

static char page[4096];

/* Remove what the fuzzer may have made below the current directory. */
static void remove_all(int depth)
{
	static const char *const names[] = { "a", "b", "d", "e", "s" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!QUIET(unlink, names[i]) || depth > 8 || QUIET(chdir, names[i]))
			continue;
		remove_all(depth + 1);
		QUIET(chdir, "..");
		QUIET(rmdir, names[i]);
	}
}

static void close_all(void)
{
	QUIET(close_range, 3, 1023, 0);
}

static void check_nothing_left(const char *when, long pages, long objects)
{
	remove_all(0);
	close_all();
	note("%s: %ld pages and %ld objects more than before\n", when,
	    seam_held_pages() - pages, seam_held_objects() - objects);
	note_listing("/");
}

/* What is removed is given back: pages, tables, nodes, entries, open files. */
static void memory_comes_back(void)
{
	long pages = seam_held_pages(), objects = seam_held_objects();

	fuzz(1, 3000, false);
	check_nothing_left("after many calls", pages, objects);
}

/* Every n-th allocation fails: calls fail, nothing leaks, nothing breaks. */
static void failing_allocations(void)
{
	long pages = seam_held_pages(), objects = seam_held_objects();

	for (unsigned n = 2; n < 40; n += 3) {
		seam_fail_every(n);
		fuzz(n, 400, false);
		seam_fail_every(0);
		check_nothing_left("after failures", pages, objects);
	}
}

static void full(void)
{
	long written = 0, got, before = seam_held_pages();
	struct linux_stat stat;

	seam_limit_pages(100);
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	while ((got = QUIET(write, 3, page, sizeof page)) > 0)
		written += got;
	note("%ld pages, then %ld\n", written / 4096, got);
	QUIET(fstat, 3, &stat);
	note("%ld\n", stat.st_size / 4096);
	DO(write, 3, page, 1);
	DO(pwrite64, 3, page, 10, 0);
	DO(fallocate, 3, 0, 0, 4096 * 200);
	DO(ftruncate, 3, 4096);
	note("%ld held\n", seam_held_pages() - before);
	DO(unlink, "f");
	DO(close, 3);
	note("%ld held\n", seam_held_pages() - before);
}

/* Half of the memory at most is files; then ENOSPC although there is memory. */
static void half_of_memory(void)
{
	struct linux_statfs statfs;
	long pages = 0;

	DO(statfs, "/", &statfs);
	note("%lx %ld %lu\n", statfs.f_type, statfs.f_bsize, statfs.f_blocks);
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(fallocate, 3, 0, 0, (long)(statfs.f_blocks + 1) * 4096);
	while (QUIET(write, 3, page, sizeof page) == sizeof page)
		pages++;
	note("%ld\n", pages);
	DO(ftruncate, 3, 0);
	DO(write, 3, page, 1);
}

static void pipes_return_pages(void)
{
	long before = seam_held_pages(), objects = seam_held_objects();
	int ends[2];

	for (int i = 0; i < MANY; i++) {
		QUIET(pipe2, ends, O_NONBLOCK);
		QUIET(write, ends[1], page, sizeof page);
		QUIET(fcntl, ends[1], F_SETPIPE_SZ, 8192 << i % 4);
		QUIET(write, ends[1], page, sizeof page);
		if (i % 3)
			QUIET(read, ends[0], page, i);
		QUIET(close, ends[0]);
		QUIET(close, ends[1]);
	}
	note("%ld %ld\n", seam_held_pages() - before, seam_held_objects() - objects);
}

static void first_files(void)
{
	note_listing("/");
	note_listing("/dev");
	note_listing("/etc");
	note_content("/etc/hostname");
	note_stat("/tmp");
	note_stat("/dev/console");
	note_stat("/dev/stdin");
	DO(fcntl, 0, F_GETFL, 0);
}

const struct scenario guest_scenarios[] = {
	{ "memory_comes_back", memory_comes_back },
	{ "failing_allocations", failing_allocations }, { "full", full },
	{ "half_of_memory", half_of_memory }, { "pipes_return_pages", pipes_return_pages },
	{ "first_files", first_files }, { NULL, NULL },
};
