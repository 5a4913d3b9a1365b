/*
 * message.c - writing requests and reading replies.
 *
 * A message is size[4] type[1] tag[2] and fields, numbers little endian, texts with
 * their length in two bytes before them.  A reply may be anything: whatever does not
 * fit makes the call broken.
 */
#include "kern.h"
#include "ninep.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "rumpuser.h"

#define HEAD_BYTES 7
#define NO_TAG 0xffff
#define NAME_LENGTH_BYTES 2

void ninep_begin_in(struct ninep_call *call, struct ninep_volume *volume, uint8_t type,
    void *request, size_t request_bytes, void *reply, size_t reply_bytes)
{
	call->volume = volume;
	call->request = request;
	call->request_bytes = request_bytes;
	call->reply = reply;
	call->reply_bytes = reply_bytes;
	call->used = call->read = call->got = 0;
	call->broken = false;
	if (++volume->last_tag == NO_TAG)
		volume->last_tag = 0;
	ninep_put(call, 0, 4);
	ninep_put(call, type, 1);
	ninep_put(call, type == NINEP_VERSION ? NO_TAG : volume->last_tag, 2);
}

void ninep_begin(struct ninep_call *call, struct ninep_volume *volume, uint8_t type)
{
	ninep_begin_in(call, volume, type, call->few, sizeof call->few, call->few_reply,
	    sizeof call->few_reply);
}

void ninep_put(struct ninep_call *call, uint64_t value, unsigned bytes)
{
	if (call->request_bytes - call->used < bytes) {
		call->broken = true;
		return;
	}
	memcpy(call->request + call->used, &value, bytes);
	call->used += bytes;
}

void ninep_put_text(struct ninep_call *call, struct vfs_name text)
{
	ninep_put(call, text.bytes, NAME_LENGTH_BYTES);
	if (call->broken || text.bytes > call->request_bytes - call->used) {
		call->broken = true;
		return;
	}
	memcpy(call->request + call->used, text.text, text.bytes);
	call->used += text.bytes;
}

uint64_t ninep_take(struct ninep_call *call, unsigned bytes)
{
	uint64_t value = 0;

	if (call->got - call->read < bytes) {
		call->broken = true;
		return 0;
	}
	memcpy(&value, call->reply + call->read, bytes);
	call->read += bytes;
	return value;
}

struct vfs_name ninep_take_text(struct ninep_call *call)
{
	size_t bytes = ninep_take(call, NAME_LENGTH_BYTES);
	struct vfs_name text = { (const char *)call->reply + call->read, bytes };

	if (call->got - call->read < bytes) {
		call->broken = true;
		text.bytes = 0;
	} else {
		call->read += bytes;
	}
	return text;
}

int ninep_check(const struct ninep_call *call)
{
	return call->broken ? -EIO : 0;
}

static int gone(struct ninep_volume *volume, long why)
{
	if (!volume->gone)
		rumpuser_dprintf("rumpkit: the 9p server of %s %s; its files are errors now\n",
		    volume->tag, why == -ETIMEDOUT ? "does not answer" : "has failed");
	volume->gone = true;
	return -EIO;
}

/* The reply's head: its own size, and the type that fits, or an error. */
static int judge(struct ninep_call *call, uint8_t type)
{
	uint32_t size = (uint32_t)ninep_take(call, 4);
	uint8_t got = (uint8_t)ninep_take(call, 1);
	uint32_t error;

	ninep_take(call, 2); /* the transport has compared the tag */
	if (call->broken || size < HEAD_BYTES || size > call->got)
		return -EIO;
	call->got = size;
	if (got == type + 1)
		return 0;
	if (got != NINEP_RLERROR)
		return -EIO;
	error = (uint32_t)ninep_take(call, 4);
	return call->broken || !error || error > 4095 ? -EIO : -(int)error;
}

int ninep_send(struct ninep_call *call)
{
	struct ninep_volume *volume = call->volume;
	uint32_t size = (uint32_t)call->used;
	uint8_t type = call->request[4];
	long got;

	if (volume->gone)
		return -EIO;
	if (call->broken)
		return -ENAMETOOLONG;
	memcpy(call->request, &size, sizeof size);
	got = rumpcomp_9p_request(volume->server, call->request, call->used, call->reply,
	    call->reply_bytes, kern_monotonic_ns() + volume->patience_ns);
	if (got == -ETIMEDOUT || got == -EIO)
		return gone(volume, got);
	if (got < 0)
		return (int)got;
	call->got = (size_t)got <= call->reply_bytes ? (size_t)got : call->reply_bytes;
	return judge(call, type);
}
