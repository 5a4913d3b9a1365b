/* disk.h - block devices of this host, below the hypercalls; inside rumpuser. */
#ifndef RUMPUSER_DISK_H
#define RUMPUSER_DISK_H

#include <stdbool.h>

#include "rumpuser.h"
#include "virtio.h"

#define DISK_SECTOR_BYTES 512
#define DISK_REQUESTS 64
#define DISK_BUFFERS 3                /* of a request: header, data, status */
#define DISK_OPERATION_ID 0x100       /* beside RUMPUSER_BIO_*: read the serial number */

/* Features, 5.2.3. */
#define DISK_SIZE_MAX (1ull << 1)
#define DISK_READ_ONLY (1ull << 5)
#define DISK_FLUSH (1ull << 9)

struct disk_request;
struct disk_transfer;

struct rumpuser_disk {
	struct bmk_virtio *device;
	struct bmk_virtq queue;
	struct disk_request *requests, *free;
	struct disk_transfer *first, *last; /* in line for free requests */
	uint64_t bytes;
	size_t request_bytes;               /* the most that one request moves */
	unsigned number, request_count, lines;
	bool read_only, failed;
};

/* "blk0" and on, in the machine's order, or "serial:TEXT"; NULL: ENOENT, ENXIO, ENOMEM. */
struct rumpuser_disk *rumpuser_disk_find(const char *name, int *error);

/*
 * As rumpuser_bio, for sectors; operation may be SYNC alone.  Any number may be out.
 * done comes from interrupt level, or before the return.
 */
void rumpuser_disk_bio(struct rumpuser_disk *disk, int operation, void *data, size_t bytes,
    int64_t offset, rump_biodone_fn done, void *done_argument);
/* The same, sleeping until it is done: the error. */
int rumpuser_disk_do(struct rumpuser_disk *disk, int operation, void *data, size_t bytes,
    int64_t offset);

/* For the queue: requests for it, and what to do when some are used, or none ever will be. */
bool rumpuser_disk_requests_create(struct rumpuser_disk *disk);
void rumpuser_disk_on_used(void *disk);
void rumpuser_disk_on_failure(void *disk);

#endif
