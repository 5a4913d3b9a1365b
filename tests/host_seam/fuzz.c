/*
 * fuzz.c - random calls on few names, so that they meet often.
 */
#include "calls.h"

static const char *const paths[] = {
	"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "e", "e/a", "s", "s/a", "d/s", "a/", "d/",
	"d/.", "d/..", "d/../a", "/e", "e/../d/a", "x/y", "d//e/./b", "s/",
};
#define PATHS (sizeof paths / sizeof *paths)
#define DESCRIPTORS 6

static uint64_t state;
static bool small; /* only what an ext2 with the smallest blocks can do as well */

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

static const char *path(void)
{
	return paths[any(PATHS)];
}

static uint32_t open_flags(void)
{
	static const uint32_t extra[] = {
		0, 0, 0, O_CREAT, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_CREAT | O_TRUNC, O_APPEND,
		O_DIRECTORY, O_NOFOLLOW, O_PATH, O_CREAT | O_NOFOLLOW,
	};

	return any(3) | extra[any(sizeof extra / sizeof *extra)];
}

/* Near the ends of pages, sometimes far away. */
static long offset(void)
{
	long at = any(4) * 4096l + any(5) - 2 + any(2) * any(3000);

	if (any(20) == 0)
		at += 1l << (20 + any(small ? 13 : 20));
	return at < 0 ? 0 : at;
}

static void change_names(unsigned which)
{
	const char *first = path(), *second = path();

	note("%s %s: ", first, second);
	switch (which) {
	case 0: DO(mkdir, first, 0755); break;
	case 1: DO(rmdir, first); break;
	case 2: DO(unlink, first); break;
	case 3: DO(rename, first, second); break;
	case 4: DO(link, first, second); break;
	case 5: DO(symlink, first, second); break;
	case 6: DO(renameat2, AT_FDCWD, first, AT_FDCWD, second, any(3)); break;
	case 7: DO(mknod, first, S_IFREG | 0600, 0); break;
	default: note_stat(first); break;
	}
}

static void change_data(unsigned which)
{
	static char bytes[9000];
	long descriptor = 3 + any(DESCRIPTORS), at = offset();
	size_t length = any(3) ? any(100) : any(sizeof bytes);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)any(256);
	note("%ld %ld %zu: ", descriptor, at, length);
	switch (which) {
	case 0: DO(pwrite64, descriptor, bytes, length, at); break;
	case 1: DO(write, descriptor, bytes, length); break;
	case 2: DO(read, descriptor, bytes, length); break;
	case 3: DO(ftruncate, descriptor, at); break;
	case 4: DO(lseek, descriptor, at, any(3)); break;
	case 5: DO(fallocate, descriptor, any(2) ? 3 : any(2) && !small, at % 50000, length + 1); break;
	case 6: DO(dup2, descriptor, 3 + any(DESCRIPTORS)); break;
	case 7: note_fstat((int)descriptor); break;
	case 8: DO(close, descriptor); break;
	default: DO(fchmod, descriptor, any(01000)); break;
	}
}

static void reopen(void)
{
	const char *name = path();
	uint32_t flags = open_flags();
	long opened;

	note("%s %x: ", name, flags);
	opened = DO(open, name, flags, 0666);
	if (opened >= 3 + DESCRIPTORS) {
		DO(dup2, opened, 3 + any(DESCRIPTORS));
		QUIET(close, opened);
	}
}

/* Have what was done so far on the disk. */
static void write_out(void)
{
	long root = QUIET(open, "/", O_RDONLY, 0);

	QUIET(syncfs, root);
	QUIET(close, root);
}

static void look_at_everything(void)
{
	for (size_t i = 0; i < PATHS; i++) {
		note_stat(paths[i]);
		note_content(paths[i]);
	}
	note_listing("d");
	note_listing("e");
	note_listing("d/e");
}

void fuzz(unsigned seed, int steps, bool for_disks)
{
	int i;

	state = seed;
	small = for_disks;
	for (i = 0; i < steps; i++) {
		unsigned kind = any(20);

		if (kind < 9)
			change_names(kind);
		else if (kind < 12)
			reopen();
		else
			change_data(any(10));
		if (i % 200 == 199)
			look_at_everything();
		if (small && i % 40 == 39)
			write_out();
	}
	for (i = 3; i < 3 + DESCRIPTORS; i++)
		QUIET(close, i);
	look_at_everything();
}
