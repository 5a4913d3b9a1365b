/*
 * fid.c - fids: the numbers by which a client names the server's files.
 */
#include "ninep.h"

#define QID_BYTES 13
#define QID_PATH_OFFSET 5

uint32_t ninep_fid_new(struct ninep_volume *volume)
{
	if (++volume->last_fid == NINEP_NO_FID)
		volume->last_fid = 1;
	return volume->last_fid;
}

/* A request of a fid and at most one more word, without an interesting reply. */
int ninep_simple(struct ninep_volume *volume, uint8_t type, uint32_t fid, uint32_t word)
{
	struct ninep_call call;

	ninep_begin(&call, volume, type);
	ninep_put(&call, fid, 4);
	if (type != NINEP_CLUNK)
		ninep_put(&call, word, 4);
	return ninep_send(&call);
}

void ninep_fid_drop(struct ninep_volume *volume, uint32_t fid)
{
	if (fid != NINEP_NO_FID)
		ninep_simple(volume, NINEP_CLUNK, fid, 0);
}

int ninep_open_fid(struct ninep_volume *volume, uint32_t fid, uint32_t flags)
{
	return ninep_simple(volume, NINEP_OPEN, fid, flags);
}

int ninep_walk(struct ninep_volume *volume, uint32_t fid, struct vfs_name name, uint32_t *found,
    uint64_t *path)
{
	uint32_t wanted = ninep_fid_new(volume);
	struct ninep_call call;
	uint64_t count;
	int error;

	ninep_begin(&call, volume, NINEP_WALK);
	ninep_put(&call, fid, 4);
	ninep_put(&call, wanted, 4);
	ninep_put(&call, name.bytes ? 1 : 0, 2);
	if (name.bytes)
		ninep_put_text(&call, name);
	error = ninep_send(&call);
	if (error)
		return error;
	count = ninep_take(&call, 2);
	if (count != (name.bytes ? 1 : 0))
		return -EIO;
	if (count) {
		ninep_take(&call, QID_PATH_OFFSET);
		*path = ninep_take(&call, QID_BYTES - QID_PATH_OFFSET);
	}
	*found = wanted;
	return ninep_check(&call);
}
