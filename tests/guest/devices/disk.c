/* disk.c - steps on a block device: one is open at a time. */
#include "steps.h"

#define PARTS 64

static int descriptor = -1;

static void info(const struct step *step)
{
	uint64_t bytes = 0;
	int type = -1;
	int error = rumpuser_getfileinfo(step->word[1], &bytes, &type);

	say("info %s: error %d, %lu bytes, type %d\n", step->word[1], error, bytes, type);
}

static void open_disk(const struct step *step)
{
	int mode = !strcmp(step->word[2], "rw") ? RUMPUSER_OPEN_RDWR : RUMPUSER_OPEN_RDONLY;

	say("open %s: error %d\n", step->word[1],
	    rumpuser_open(step->word[1], mode | RUMPUSER_OPEN_BIO, &descriptor));
}

static void close_disk(const struct step *step)
{
	(void)step;
	say("close: error %d\n", rumpuser_close(descriptor));
}

/* Bytes that tell where they belong: of their place on the disk, and a seed. */
static uint8_t pattern(uint64_t at, uint64_t seed)
{
	return (uint8_t)((at * 2654435761u >> 8) + seed);
}

static char *memory_get(size_t bytes)
{
	void *memory;

	if (rumpuser_anonmmap(NULL, bytes, 0, 0, &memory)) {
		say("no memory\n");
		rumpuser_exit(1);
	}
	return memory;
}

/* write OFFSET BYTES SEED, read OFFSET BYTES SEED: in two parts, as iovec. */
static void write_disk(const struct step *step)
{
	uint64_t offset = number(step->word[1]);
	size_t bytes = number(step->word[2]), half = bytes / 1024 * 512, moved;
	char *data = memory_get(bytes);
	struct rumpuser_iovec vector[] = { { data, half }, { data + half, bytes - half } };
	int error;

	for (size_t i = 0; i < bytes; i++)
		data[i] = (char)pattern(offset + i, number(step->word[3]));
	error = rumpuser_iovwrite(descriptor, vector, 2, (int64_t)offset, &moved);
	say("write %lu: error %d, %zu bytes\n", offset, error, moved);
	rumpuser_unmap(data, bytes);
}

static void read_disk(const struct step *step)
{
	uint64_t offset = number(step->word[1]);
	size_t bytes = number(step->word[2]), half = bytes / 1024 * 512, moved, good = 0;
	char *data = memory_get(bytes);
	struct rumpuser_iovec vector[] = { { data, half }, { data + half, bytes - half } };
	int error = rumpuser_iovread(descriptor, vector, 2, (int64_t)offset, &moved);

	while (good < moved && (uint8_t)data[good] == pattern(offset + good, number(step->word[3])))
		good++;
	say("read %lu: error %d, %zu bytes, %zu good\n", offset, error, moved, good);
	rumpuser_unmap(data, bytes);
}

static void sync(const struct step *step)
{
	(void)step;
	say("sync: error %d\n", rumpuser_syncfd(descriptor, RUMPUSER_SYNCFD_BOTH, 0, 0));
}

/* --- many transfers at a time --- */

static struct {
	bool done;
	size_t bytes;
	int error;
} parts[PARTS];
static volatile unsigned parts_done;

static void on_done(void *argument, size_t bytes, int error)
{
	size_t part = (size_t)argument;

	if (parts[part].done)
		say("done twice\n");
	parts[part].done = true;
	parts[part].bytes = bytes;
	parts[part].error = error;
	parts_done++;
}

/* bio OPERATION OFFSET BYTES COUNT: COUNT transfers beside each other; errors, and time. */
static void bio(const struct step *step)
{
	int operation = (int)number(step->word[1]);
	uint64_t offset = number(step->word[2]);
	size_t bytes = number(step->word[3]), count = number(step->word[4]), moved = 0;
	unsigned rounds = (unsigned)number(step->word[5]), failed = 0;
	char *data = memory_get(bytes * count + 1);
	int64_t start = now_ns();

	for (unsigned round = 0; round < (rounds ? rounds : 1); round++) {
		parts_done = 0;
		for (size_t i = 0; i < count; i++) {
			parts[i].done = false;
			rumpuser_bio(descriptor, operation, data + bytes * i, bytes,
			    (int64_t)(offset + bytes * i), on_done, (void *)i);
		}
		while (parts_done < count)
			rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000);
		for (size_t i = 0; i < count; i++) {
			moved += parts[i].bytes;
			failed += parts[i].error != 0;
		}
	}
	say("bio: %zu bytes, %u failed, first error %d\n", moved, failed, parts[0].error);
	if (rounds)
		say("bio: %ld us\n", (now_ns() - start) / 1000);
	rumpuser_unmap(data, bytes * count + 1);
}

/* tight: one transfer, with memory of the image's own. */
static void tight(const struct step *step)
{
	static char data[512] __attribute__((aligned(512)));

	(void)step;
	parts_done = 0;
	parts[0].done = false;
	rumpuser_bio(descriptor, RUMPUSER_BIO_READ, data, sizeof(data), 0, on_done, NULL);
	while (!parts_done)
		rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000);
	say("tight: error %d\n", parts[0].error);
}

const struct command disk_commands[] = {
	{ "info", info }, { "open", open_disk }, { "close", close_disk }, { "write", write_disk },
	{ "read", read_disk }, { "sync", sync }, { "bio", bio },
	{ "tight", tight }, { NULL, NULL },
};
