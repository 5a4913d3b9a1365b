/*
 * disk.c - which virtio block devices there are, and starting them (5.2 of virtio 1.1).
 */
#include "bmk.h"
#include "disk.h"
#include "rumplib.h"

#define CONFIG_CAPACITY 0
#define CONFIG_SIZE_MAX 8
#define REQUEST_BYTES (1ul << 20)
#define DISKS 16
#define ID_BYTES 20

static struct rumpuser_disk *disks[DISKS];

static void limits_read(struct rumpuser_disk *disk)
{
	uint64_t sectors;
	uint32_t most = 0;

	bmk_virtio_config(disk->device, CONFIG_CAPACITY, &sectors, sizeof(sectors));
	/* More than an offset can say is not reachable. */
	disk->bytes = sectors > INT64_MAX / DISK_SECTOR_BYTES ? 0 : sectors * DISK_SECTOR_BYTES;
	if (bmk_virtio_has(disk->device, DISK_SIZE_MAX))
		bmk_virtio_config(disk->device, CONFIG_SIZE_MAX, &most, sizeof(most));
	most &= ~(uint32_t)(DISK_SECTOR_BYTES - 1);
	disk->request_bytes = most && most < REQUEST_BYTES ? most : REQUEST_BYTES;
	disk->read_only = bmk_virtio_has(disk->device, DISK_READ_ONLY);
}

static bool disk_start(struct rumpuser_disk *disk)
{
	if (!bmk_virtio_start(disk->device, DISK_SIZE_MAX | DISK_READ_ONLY | DISK_FLUSH,
	    rumpuser_disk_on_failure, disk) ||
	    !bmk_virtq_create(&disk->queue, disk->device, 0, DISK_REQUESTS * 4,
	    rumpuser_disk_on_used, disk))
		return false;
	if (!rumpuser_disk_requests_create(disk)) {
		bmk_virtio_fail(disk->device, "no memory for its requests");
		return false;
	}
	limits_read(disk);
	if (!bmk_virtio_ready(disk->device))
		return false;
	bmk_virtq_want(&disk->queue, 1);
	return true;
}

static struct rumpuser_disk *disk_create(unsigned number, int *error)
{
	struct bmk_virtio *device = bmk_virtio_find(BMK_VIRTIO_BLOCK, number);
	struct rumpuser_disk *disk;

	*error = RUMPUSER_ENOENT;
	if (!device)
		return NULL;
	*error = RUMPUSER_ENOMEM;
	disk = bmk_memory_alloc(sizeof(*disk), 0);
	if (!disk)
		return NULL;
	memset(disk, 0, sizeof(*disk));
	disk->device = device;
	disk->number = number;
	if (!disk_start(disk)) {
		*error = RUMPUSER_ENXIO;
		bmk_memory_free(disk, sizeof(*disk));
		return NULL;
	}
	return disk;
}

static struct rumpuser_disk *disk_at(unsigned number, int *error)
{
	*error = RUMPUSER_ENOENT;
	if (number >= DISKS)
		return NULL;
	if (!disks[number])
		disks[number] = disk_create(number, error);
	return disks[number];
}

static struct rumpuser_disk *disk_by_serial(const char *serial, int *error)
{
	struct rumpuser_disk *disk;
	unsigned number = 0;

	while ((disk = disk_at(number++, error))) {
		char id[ID_BYTES + 1] __attribute__((aligned(32))) = "";

		if (!rumpuser_disk_do(disk, DISK_OPERATION_ID, id, ID_BYTES, 0) && !strcmp(id, serial))
			return disk;
	}
	return NULL;
}

struct rumpuser_disk *rumpuser_disk_find(const char *name, int *error)
{
	unsigned number = 0;

	*error = RUMPUSER_ENOENT;
	if (!strncmp(name, "serial:", 7))
		return disk_by_serial(name + 7, error);
	if (strncmp(name, "blk", 3) || !name[3])
		return NULL;
	for (name += 3; *name; name++) {
		if (*name < '0' || *name > '9' || number >= DISKS)
			return NULL;
		number = number * 10 + (unsigned)(*name - '0');
	}
	return disk_at(number, error);
}
