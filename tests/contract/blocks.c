/*
 * blocks.c - clauses B: block devices.
 *
 * blk0 is a disk of one MiB whose sectors begin with their numbers; blk1 is another that
 * cannot be written.
 */
#include "suite.h"

#define SECTOR 512
#define DISK (1 << 20)
#define SECTORS (DISK / SECTOR)
#define MANY 100

static uint8_t data[MANY][SECTOR] __attribute__((aligned(SECTOR)));

struct result {
	volatile int calls;
	size_t bytes;
	int error;
};

static void done(void *argument, size_t bytes, int error)
{
	struct result *result = argument;

	result->bytes = bytes;
	result->error = error;
	result->calls++;
}

static void wait_for(struct result *result)
{
	for (int64_t start = suite_now_ms(); !result->calls && suite_now_ms() < start + 5000; )
		rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 10000);
}

/* One transfer to its end: the error, or -1 if it was not all done, exactly once. */
static int bio(int descriptor, int operation, void *memory, size_t bytes, int64_t offset)
{
	struct result result = { 0 };

	rumpuser_bio(descriptor, operation, memory, bytes, offset, done, &result);
	wait_for(&result);
	if (result.calls != 1 || (!result.error && result.bytes != bytes))
		return -1;
	return result.error;
}

static int open_disk(const char *name, int mode)
{
	int descriptor = -1;

	CHECK(rumpuser_open(name, mode | RUMPUSER_OPEN_BIO, &descriptor) == 0);
	return descriptor;
}

static uint32_t number_in(const uint8_t *sector)
{
	uint32_t number;

	memcpy(&number, sector, sizeof(number));
	return number;
}

static void info(void)
{
	uint64_t bytes = 0;
	int type = -1;

	CHECK(rumpuser_getfileinfo("blk0", &bytes, &type) == 0);
	CHECK(bytes == DISK && type == RUMPUSER_FT_BLK);
	CHECK(rumpuser_getfileinfo("blk1", NULL, NULL) == 0);
	CHECK(rumpuser_getfileinfo("blk2", &bytes, &type) == RUMPUSER_ENOENT);
	CHECK(rumpuser_getfileinfo("blk", &bytes, &type) == RUMPUSER_ENOENT);
	CHECK(rumpuser_getfileinfo("serial:none such", &bytes, &type) == RUMPUSER_ENOENT);
}

static void descriptors(void)
{
	int reading = open_disk("blk0", RUMPUSER_OPEN_RDONLY);
	int writing = open_disk("blk0", RUMPUSER_OPEN_WRONLY);
	int fixed = open_disk("blk1", RUMPUSER_OPEN_RDONLY), none;

	CHECK(reading != writing && writing != fixed);
	CHECK(rumpuser_open("blk1", RUMPUSER_OPEN_RDWR, &none) == RUMPUSER_EROFS);
	CHECK(rumpuser_open("blk1", RUMPUSER_OPEN_WRONLY, &none) == RUMPUSER_EROFS);
	CHECK(rumpuser_open("blk2", RUMPUSER_OPEN_RDONLY, &none) == RUMPUSER_ENOENT);
	CHECK(bio(reading, RUMPUSER_BIO_WRITE, data, SECTOR, 0) == RUMPUSER_EBADF);
	CHECK(bio(writing, RUMPUSER_BIO_READ, data, SECTOR, 0) == RUMPUSER_EBADF);
	CHECK(bio(fixed, RUMPUSER_BIO_READ, data, SECTOR, 0) == 0);
	CHECK(rumpuser_close(reading) == 0);
	CHECK(rumpuser_close(reading) == RUMPUSER_EBADF);
	CHECK(bio(reading, RUMPUSER_BIO_READ, data, SECTOR, 0) == RUMPUSER_EBADF);
	CHECK(rumpuser_close(writing) == 0 && rumpuser_close(fixed) == 0);
}

static struct {
	int descriptor, left;
	struct result *last;
} chain;

static void next_of_chain(void *argument, size_t bytes, int error)
{
	if (!error && bytes == SECTOR && --chain.left)
		rumpuser_bio(chain.descriptor, RUMPUSER_BIO_READ, argument, SECTOR, chain.left * SECTOR,
		    next_of_chain, argument);
	else
		done(chain.last, bytes, error);
}

static void transfers(void)
{
	static struct result results[MANY];
	struct result last = { 0 };
	int descriptor = open_disk("blk0", RUMPUSER_OPEN_RDWR);

	memset(data, 0xff, sizeof(data));
	for (int i = 0; i < MANY; i++)
		rumpuser_bio(descriptor, RUMPUSER_BIO_READ, data[i], SECTOR, (int64_t)i * 20 * SECTOR,
		    done, &results[i]);
	for (int i = 0; i < MANY; i++) {
		wait_for(&results[i]);
		CHECK(results[i].calls == 1 && !results[i].error && results[i].bytes == SECTOR);
		CHECK(number_in(data[i]) == (uint32_t)i * 20);
	}
	/* One that is longer than a page, and one of nothing. */
	CHECK(bio(descriptor, RUMPUSER_BIO_READ, data, sizeof(data), 50 * SECTOR) == 0);
	CHECK(number_in(data[0]) == 50 && number_in(data[MANY - 1]) == 50 + MANY - 1);
	CHECK(bio(descriptor, RUMPUSER_BIO_READ, data, 0, 0) == 0);
	/* Each from within the callback of the one before. */
	chain.descriptor = descriptor;
	chain.left = MANY;
	chain.last = &last;
	rumpuser_bio(descriptor, RUMPUSER_BIO_READ, data[0], SECTOR, 0, next_of_chain, data[0]);
	wait_for(&last);
	CHECK(last.calls == 1 && !last.error && number_in(data[0]) == 1);
	rumpuser_close(descriptor);
}

static void wrong_transfers(void)
{
	int descriptor = open_disk("blk0", RUMPUSER_OPEN_RDWR);
	const int read = RUMPUSER_BIO_READ;

	CHECK(bio(descriptor, read, data, SECTOR - 1, 0) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, data, SECTOR, 1) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, data, SECTOR, -SECTOR) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, data, SECTOR, DISK) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, data, 2 * SECTOR, DISK - SECTOR) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, data, SECTOR, INT64_MAX - SECTOR + 1) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, 0, data, SECTOR, 0) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read | RUMPUSER_BIO_WRITE, data, SECTOR, 0) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, 0x40 | read, data, SECTOR, 0) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, read, (void *)0x700000000000, SECTOR, 0) == RUMPUSER_EFAULT);
	CHECK(bio(descriptor, read, (void *)(uintptr_t)-SECTOR, 2 * SECTOR, 0) == RUMPUSER_EFAULT);
	CHECK(bio(descriptor, read, data, SECTOR, 0) == 0);
	rumpuser_close(descriptor);
}

static void written_is_read(void)
{
	int first = open_disk("blk0", RUMPUSER_OPEN_RDWR);
	int second = open_disk("blk0", RUMPUSER_OPEN_RDONLY);

	for (int i = 0; i < 20; i++) {
		memset(data[0], i, SECTOR);
		CHECK(bio(first, RUMPUSER_BIO_WRITE, data[0], SECTOR, 7 * SECTOR) == 0);
		CHECK(bio(second, RUMPUSER_BIO_READ, data[1], SECTOR, 7 * SECTOR) == 0);
		CHECK(memcmp(data[0], data[1], SECTOR) == 0);
	}
	/* The sectors beside it are as they were. */
	CHECK(bio(second, RUMPUSER_BIO_READ, data, 3 * SECTOR, 6 * SECTOR) == 0);
	CHECK(number_in(data[0]) == 6 && number_in(data[2]) == 8);
	rumpuser_close(first);
	rumpuser_close(second);
}

static void synchronous(void)
{
	int descriptor = open_disk("blk0", RUMPUSER_OPEN_RDWR);

	CHECK(rumpuser_syncfd(descriptor, RUMPUSER_SYNCFD_WRITE, 0, 0) == 0);
	CHECK(rumpuser_syncfd(descriptor, RUMPUSER_SYNCFD_READ, 0, 0) == 0);
	CHECK(rumpuser_syncfd(descriptor, RUMPUSER_SYNCFD_BOTH | RUMPUSER_SYNCFD_BARRIER |
	    RUMPUSER_SYNCFD_SYNC, 0, DISK) == 0);
	CHECK(rumpuser_syncfd(descriptor, RUMPUSER_SYNCFD_BARRIER, 0, 0) == RUMPUSER_EINVAL);
	CHECK(rumpuser_syncfd(descriptor, 0x100 | RUMPUSER_SYNCFD_WRITE, 0, 0) == RUMPUSER_EINVAL);
	CHECK(bio(descriptor, RUMPUSER_BIO_WRITE | RUMPUSER_BIO_SYNC, data, 8 * SECTOR,
	    100 * SECTOR) == 0);
	CHECK(bio(descriptor, RUMPUSER_BIO_SYNC, NULL, 0, 0) == 0);
	rumpuser_close(descriptor);
}

static void vectors(void)
{
	int descriptor = open_disk("blk0", RUMPUSER_OPEN_RDWR);
	char out[1500], in[1500] = { 0 };
	struct rumpuser_iovec to[] = { { out, 3 }, { out + 3, 1024 }, { out + 1027, 473 } };
	struct rumpuser_iovec from[] = { { in, 700 }, { in + 700, 0 }, { in + 700, 800 } };
	size_t bytes = 1;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	CHECK(rumpuser_iovwrite(descriptor, to, 3, 300 * SECTOR + 77, &bytes) == 0);
	CHECK(bytes == sizeof(out));
	CHECK(rumpuser_iovread(descriptor, from, 3, 300 * SECTOR + 77, &bytes) == 0);
	CHECK(bytes == sizeof(in) && memcmp(in, out, sizeof(in)) == 0);
	CHECK(bio(descriptor, RUMPUSER_BIO_READ, data, SECTOR, 300 * SECTOR) == 0);
	CHECK(number_in(data[0]) == 300 && data[0][77] == 0 && data[0][78] == 7);
	CHECK(rumpuser_iovread(descriptor, from, 3, DISK - 900, &bytes) == 0 && bytes == 900);
	CHECK(rumpuser_iovread(descriptor, from, 3, DISK, &bytes) == 0 && bytes == 0);
	CHECK(rumpuser_iovwrite(descriptor, to, 3, DISK - 900, &bytes) == 0 && bytes == 900);
	CHECK(rumpuser_iovwrite(descriptor, to, 3, DISK, &bytes) == RUMPUSER_ENOSPC && bytes == 0);
	CHECK(rumpuser_iovread(descriptor, from, 3, RUMPUSER_IOV_NOSEEK, &bytes) == RUMPUSER_EINVAL);
	rumpuser_close(descriptor);
}

const struct suite_case block_cases[] = {
	{ "B1 a disk has bytes and a type", info },
	{ "B2 descriptors allow what they were opened for", descriptors },
	{ "B3 many transfers at a time, each done once", transfers },
	{ "B4 transfers that cannot be are refused", wrong_transfers },
	{ "B5 what was written is read", written_is_read },
	{ "B6 synchronous writes and syncfd succeed", synchronous },
	{ "B7 vectors at any byte, and the end of the disk", vectors },
	{ NULL, NULL },
};
