/*
 * disk_requests.c - reading and writing virtio block devices, section 5.2.6 of virtio 1.1.
 *
 * A transfer (one rumpuser_bio) becomes requests of limited size.  Transfers wait in line
 * for free requests and finish from interrupt level; their data is never copied.
 */
#include "bmk.h"
#include "disk.h"
#include "rumplib.h"
#include "upcalls.h"

#define TYPE_READ 0
#define TYPE_WRITE 1
#define TYPE_FLUSH 4
#define TYPE_ID 8
#define STATUS_OK 0
#define STATUS_NONE 0xff
#define LINES_MOST 20           /* about errors, of one disk */

struct disk_transfer {
	struct rumpuser_disk *disk;
	struct disk_transfer *next; /* in line */
	rump_biodone_fn done;
	void *done_argument;
	char *data;
	uint64_t sector;
	size_t bytes, given, good;  /* of them, passed to the device; before the first error */
	int operation, error;
	unsigned out;               /* requests the device has */
	bool in_line, flushed;
};

struct disk_request {
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	struct disk_transfer *transfer; /* NULL: free */
	struct disk_request *next_free;
	size_t at, bytes;           /* the part of the transfer */
	uint8_t status;
};

bool rumpuser_disk_requests_create(struct rumpuser_disk *disk)
{
	disk->request_count = disk->queue.size / DISK_BUFFERS;
	if (disk->request_count > DISK_REQUESTS)
		disk->request_count = DISK_REQUESTS;
	disk->requests = bmk_memory_alloc(disk->request_count * sizeof(*disk->requests), 0);
	if (!disk->requests || !disk->request_count)
		return false;
	memset(disk->requests, 0, disk->request_count * sizeof(*disk->requests));
	for (unsigned i = 0; i < disk->request_count; i++) {
		disk->requests[i].next_free = disk->free;
		disk->free = &disk->requests[i];
	}
	return true;
}

/* --- the end of a transfer --- */

static void error_report(struct rumpuser_disk *disk, const struct disk_request *request)
{
	static const char *const names[] = { [TYPE_READ] = "read", [TYPE_WRITE] = "write",
		[TYPE_FLUSH] = "flush", [TYPE_ID] = "reading the serial number" };

	if (disk->lines == LINES_MOST)
		return;
	if (request->header.type == TYPE_READ || request->header.type == TYPE_WRITE)
		bmk_printf("rumpkit: blk%u: %s of %zu bytes at block %lu failed\n", disk->number,
		    names[request->header.type], request->bytes, request->header.sector);
	else
		bmk_printf("rumpkit: blk%u: %s failed\n", disk->number, names[request->header.type]);
	if (++disk->lines == LINES_MOST)
		bmk_printf("rumpkit: blk%u: later errors are not printed\n", disk->number);
}

static void transfer_end(struct disk_transfer *transfer)
{
	rump_biodone_fn done = transfer->done;
	void *argument = transfer->done_argument;
	size_t good = transfer->error ? transfer->good : transfer->bytes;
	int error = transfer->error;

	bmk_memory_free(transfer, sizeof(*transfer));
	done(argument, good, error);
}

/* Does the transfer still need something from the device? */
static bool transfer_wants(const struct disk_transfer *transfer)
{
	if (transfer->error)
		return false;
	return transfer->given < transfer->bytes ||
	    (transfer->operation & RUMPUSER_BIO_SYNC && !transfer->flushed && !transfer->out);
}

/* --- requests --- */

static bool request_send(struct rumpuser_disk *disk, struct disk_transfer *transfer, uint32_t type)
{
	struct disk_request *request = disk->free;
	size_t bytes = transfer->bytes - transfer->given;
	struct bmk_virtio_buffer buffers[DISK_BUFFERS];
	unsigned readable = 1, count = 0;

	if (!request)
		return false;
	if (type == TYPE_FLUSH)
		bytes = 0;
	else if (bytes > disk->request_bytes)
		bytes = disk->request_bytes;
	request->header.type = type;
	request->header.reserved = 0;
	request->header.sector = type == TYPE_READ || type == TYPE_WRITE ?
	    transfer->sector + transfer->given / DISK_SECTOR_BYTES : 0;
	request->status = STATUS_NONE;
	request->at = transfer->given;
	request->bytes = bytes;
	buffers[count++] = (struct bmk_virtio_buffer){ &request->header, sizeof(request->header) };
	if (bytes)
		buffers[count++] = (struct bmk_virtio_buffer){ transfer->data + transfer->given, bytes };
	buffers[count++] = (struct bmk_virtio_buffer){ &request->status, 1 };
	readable += bytes && type == TYPE_WRITE;
	if (!bmk_virtq_add(&disk->queue, buffers, readable, count - readable, request))
		return false;
	disk->free = request->next_free;
	request->transfer = transfer;
	transfer->given += bytes;
	transfer->out++;
	transfer->flushed |= type == TYPE_FLUSH;
	return true;
}

/* Pass on what waits in line, as far as requests go. */
static void line_move(struct rumpuser_disk *disk)
{
	while (disk->first) {
		struct disk_transfer *transfer = disk->first;

		while (transfer_wants(transfer)) {
			uint32_t type = transfer->operation & DISK_OPERATION_ID ? TYPE_ID :
			    transfer->given == transfer->bytes ? TYPE_FLUSH :
			    transfer->operation & RUMPUSER_BIO_WRITE ? TYPE_WRITE : TYPE_READ;

			if (!request_send(disk, transfer, type)) {
				bmk_virtq_kick(&disk->queue);
				return;
			}
		}
		disk->first = transfer->next;
		transfer->in_line = false;
		/* Without requests out nobody would look at it again. */
		if (!transfer->out)
			transfer_end(transfer);
	}
	bmk_virtq_kick(&disk->queue);
}

static void line_append(struct rumpuser_disk *disk, struct disk_transfer *transfer)
{
	transfer->next = NULL;
	if (disk->first)
		disk->last->next = transfer;
	else
		disk->first = transfer;
	disk->last = transfer;
	transfer->in_line = true;
}

static void request_end(struct rumpuser_disk *disk, struct disk_request *request, bool failed)
{
	struct disk_transfer *transfer = request->transfer;

	if (failed) {
		if (!transfer->error || request->at < transfer->good)
			transfer->good = request->at;
		transfer->error = RUMPUSER_EIO;
	}
	request->transfer = NULL;
	request->next_free = disk->free;
	disk->free = request;
	if (--transfer->out || transfer->in_line)
		return;
	if (transfer_wants(transfer))
		line_append(disk, transfer);
	else
		transfer_end(transfer);
}

void rumpuser_disk_on_used(void *argument)
{
	struct rumpuser_disk *disk = argument;

	do {
		struct disk_request *request;
		uint32_t written;

		while ((request = bmk_virtq_take(&disk->queue, &written))) {
			bool failed = request->status != STATUS_OK;

			if (failed)
				error_report(disk, request);
			request_end(disk, request, failed);
		}
	} while (bmk_virtq_want(&disk->queue, 1) && !disk->failed);
	line_move(disk);
}

/* The device is gone: everything it had, and everything in line, has failed. */
void rumpuser_disk_on_failure(void *argument)
{
	struct rumpuser_disk *disk = argument;

	disk->failed = true;
	for (struct disk_transfer *transfer = disk->first; transfer; transfer = transfer->next)
		transfer->error = RUMPUSER_EIO;
	for (unsigned i = 0; i < disk->request_count; i++)
		if (disk->requests[i].transfer)
			request_end(disk, &disk->requests[i], true);
	line_move(disk);
}

/* --- transfers --- */

/* Memory that is the application's has no one physical address. */
static bool is_kernel_memory(const void *data, size_t bytes)
{
	uintptr_t start = (uintptr_t)data;

	return start + bytes >= start && ((start >> 63) || start + bytes <= bmk_map_lowest());
}

static int transfer_check(const struct rumpuser_disk *disk, int operation, const void *data,
    size_t bytes, int64_t offset)
{
	if (disk->failed)
		return RUMPUSER_EIO;
	if (operation & DISK_OPERATION_ID)
		return 0;
	if (offset < 0 || (offset | bytes) % DISK_SECTOR_BYTES || bytes > disk->bytes ||
	    (uint64_t)offset > disk->bytes - bytes)
		return RUMPUSER_EINVAL;
	if (operation & RUMPUSER_BIO_WRITE && disk->read_only)
		return RUMPUSER_EROFS;
	return is_kernel_memory(data, bytes) ? 0 : RUMPUSER_EFAULT;
}

void rumpuser_disk_bio(struct rumpuser_disk *disk, int operation, void *data, size_t bytes,
    int64_t offset, rump_biodone_fn done, void *done_argument)
{
	int error = transfer_check(disk, operation, data, bytes, offset);
	struct disk_transfer *transfer = error ? NULL : bmk_memory_alloc(sizeof(*transfer), 0);

	if (!transfer) {
		done(done_argument, 0, error ? error : RUMPUSER_ENOMEM);
		return;
	}
	/* A device without the flush command writes through. */
	if (!bmk_virtio_has(disk->device, DISK_FLUSH))
		operation &= ~RUMPUSER_BIO_SYNC;
	*transfer = (struct disk_transfer){
		.disk = disk, .done = done, .done_argument = done_argument, .data = data,
		.sector = (uint64_t)offset / DISK_SECTOR_BYTES, .bytes = bytes,
		.operation = operation,
	};
	line_append(disk, transfer);
	line_move(disk);
}

struct waiting {
	struct bmk_waitq thread;
	bool done;
	int error;
};

static void on_done(void *argument, size_t bytes, int error)
{
	struct waiting *waiting = argument;

	(void)bytes;
	waiting->done = true;
	waiting->error = error;
	bmk_waitq_wake(&waiting->thread, 1);
}

int rumpuser_disk_do(struct rumpuser_disk *disk, int operation, void *data, size_t bytes,
    int64_t offset)
{
	struct waiting waiting = { .done = false };

	rumpuser_disk_bio(disk, operation, data, bytes, offset, on_done, &waiting);
	if (!waiting.done) {
		int locks = rumpuser_block_begin(NULL);

		while (!waiting.done)
			bmk_waitq_sleep(&waiting.thread, BMK_FOREVER);
		rumpuser_block_end(locks, NULL);
	}
	return waiting.error;
}
