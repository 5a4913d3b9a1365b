/*
 * ledger_scenario.c - promises about files on a disk: what fsync has reported is there.
 *
 * Before each change of a file a line says what it will be, and after its fsync that it is.
 * Other files are made, changed and removed meanwhile, which nobody asks to last: their
 * blocks become the others'.  Whoever looks at the disk afterwards knows from the lines
 * what must be on it.
 */
#include "calls.h"

#define STEPS 400
#define FILES 6
#define NOISES 12
#define LONGEST 30000

int snprintf(char *, size_t, const char *, ...);
char *getenv(const char *);
long atol(const char *);

static char bytes[LONGEST];
static uint64_t state;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

/* The bytes of a seed, of which a reader knows the same. */
static void fill(unsigned seed, unsigned from, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		bytes[i] = (char)(seed * 31 + (from + i) * 7 + ((from + i) >> 8));
}

static void store(const char *name, uint32_t flags, unsigned seed, unsigned at, unsigned count)
{
	long file = QUIET(open, name, flags | O_CREAT | O_WRONLY, 0600);

	fill(seed, at, count);
	QUIET(pwrite64, file, bytes, count, at);
	if (!(flags & O_DSYNC))
		note("sync %ld\n", QUIET(fsync, file));
	QUIET(close, file);
}

static void sync_names(void)
{
	long root = QUIET(open, "/", O_RDONLY | O_DIRECTORY, 0);

	note("sync %ld\n", QUIET(fsync, root));
	QUIET(close, root);
}

static void noise(void)
{
	char name[20];
	long file;

	snprintf(name, sizeof name, "n%u", any(NOISES));
	switch (any(4)) {
	case 0:
		QUIET(unlink, name);
		return;
	case 1:
		QUIET(truncate, name, any(LONGEST));
		return;
	default:
		file = QUIET(open, name, O_CREAT | O_WRONLY, 0600);
		fill(any(1000), 0, LONGEST);
		QUIET(pwrite64, file, bytes, 1 + any(LONGEST - 1), any(3) * 50000);
		if (any(12) == 0) { /* what was freed is written out, and used again */
			note("noise is synced\n");
			QUIET(syncfs, file);
		}
		QUIET(close, file);
	}
}

static unsigned sizes[FILES];

static void promise(unsigned file, unsigned seed)
{
	unsigned kind = any(5), at, count = any(LONGEST - 1) + 1;
	char name[20];

	snprintf(name, sizeof name, "f%u", file);
	if (kind == 2)
		count = 1 + count % 3000;
	at = kind == 2 ? sizes[file] : kind == 3 ? any(sizes[file] + 1) : 0;
	if (at + count > LONGEST)
		kind = 0, at = 0;
	note("begin %s %u %u %u %u\n", name, kind, seed, at, count);
	if (kind == 0)
		store(name, O_TRUNC, seed, 0, count);
	if (kind == 1) {
		store("new", O_TRUNC, seed, 0, count);
		QUIET(rename, "new", name);
		for (unsigned i = any(8); i; i--) /* may have its old blocks, once that is the disk's */
			noise();
		sync_names();
	}
	if (kind == 2 || kind == 3)
		store(name, kind == 3 ? O_DSYNC : 0, seed, at, count);
	if (kind == 4) {
		QUIET(unlink, name);
		sync_names();
	}
	note("done %s\n", name);
	sizes[file] = kind == 4 ? 0 : at + count > sizes[file] || kind < 2 ? at + count : sizes[file];
}

static void ledger(void)
{
	state = getenv("SEED") ? (uint64_t)atol(getenv("SEED")) : 1;
	for (unsigned step = 1; step <= STEPS; step++) {
		for (unsigned i = any(6); i; i--)
			noise();
		promise(any(FILES), step);
	}
	note("all\n");
}

const struct scenario ledger_scenarios[] = { { "ledger", ledger }, { NULL, NULL } };
