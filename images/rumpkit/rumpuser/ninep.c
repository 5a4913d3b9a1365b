/*
 * ninep.c - the hypercalls that carry 9P messages, over virtio-9p (QEMU's virtio-9p, the
 * device of Linux's Documentation/filesystems/9p.rst).
 *
 * A message and the room for its reply are copied into memory of ours: a server may read
 * and write long after the caller has lost patience, and must not find other things there.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "upcalls.h"
#include "virtio.h"

#define SERVERS 8
#define DESCRIPTORS 128
#define FEATURE_TAG (1ull << 0)
#define TAG_BYTES 256
#define MESSAGE_MOST (2ul << 20)
#define IDLE_MOST 4
#define IDLE_PAGES_MOST 160      /* of one idle call: for messages of half a MiB */

/* A message begins with size[4] type[1] tag[2]. */
#define HEAD_BYTES 7
#define HEAD_TAG 5

struct call {
	struct call *next, **link;   /* in the list of those that are out, or idle */
	char *memory;                /* the request, from the next page on the reply */
	size_t pages;
	struct bmk_waitq caller;
	uint32_t written;
	bool done, failed, abandoned;
};

struct rumpcomp_9p {
	struct bmk_virtio *device;
	struct bmk_virtq queue;
	struct call *out, *idle;
	struct bmk_waitq waiting;    /* for room in the queue */
	unsigned idle_count;
	bool opened, failed;
	char tag[TAG_BYTES];
};

static struct rumpcomp_9p *servers[SERVERS];

/* --- calls --- */

static void call_destroy(struct call *call)
{
	if (call->memory)
		bmk_pages_free(call->memory, call->pages);
	bmk_memory_free(call, sizeof(*call));
}

static struct call *call_create(struct rumpcomp_9p *server, size_t pages)
{
	struct call *call = server->idle;

	if (call) {
		server->idle = call->next;
		server->idle_count--;
	} else {
		call = bmk_memory_alloc(sizeof(*call), 0);
		if (!call)
			return NULL;
		memset(call, 0, sizeof(*call));
	}
	if (call->pages < pages) {
		if (call->memory)
			bmk_pages_free(call->memory, call->pages);
		call->memory = bmk_pages_alloc(pages);
		call->pages = pages;
		if (!call->memory) {
			call_destroy(call);
			return NULL;
		}
	}
	call->done = call->failed = call->abandoned = false;
	call->link = NULL;
	return call;
}

static void call_release(struct rumpcomp_9p *server, struct call *call)
{
	if (server->idle_count == IDLE_MOST || call->pages > IDLE_PAGES_MOST) {
		call_destroy(call);
		return;
	}
	call->next = server->idle;
	server->idle = call;
	server->idle_count++;
}

static void call_end(struct rumpcomp_9p *server, struct call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	call->done = true;
	if (call->abandoned)
		call_release(server, call);
	else
		bmk_waitq_wake(&call->caller, 1);
}

static void on_used(void *argument)
{
	struct rumpcomp_9p *server = argument;
	struct call *call;
	uint32_t written;

	do {
		while ((call = bmk_virtq_take(&server->queue, &written))) {
			call->written = written;
			call_end(server, call);
		}
	} while (bmk_virtq_want(&server->queue, 1) && !server->failed);
	bmk_waitq_wake(&server->waiting, INT32_MAX);
}

static void on_failure(void *argument)
{
	struct rumpcomp_9p *server = argument;

	server->failed = true;
	while (server->out) {
		server->out->failed = true;
		call_end(server, server->out);
	}
	bmk_waitq_wake(&server->waiting, INT32_MAX);
}

/* --- opening --- */

static struct rumpcomp_9p *server_create(unsigned index)
{
	struct bmk_virtio *device = bmk_virtio_find(BMK_VIRTIO_9P, index);
	struct rumpcomp_9p *server = device ? bmk_memory_alloc(sizeof(*server), 0) : NULL;
	uint16_t bytes;

	if (!server)
		return NULL;
	memset(server, 0, sizeof(*server));
	server->device = device;
	if (!bmk_virtio_start(device, FEATURE_TAG, on_failure, server) ||
	    !bmk_virtq_create(&server->queue, device, 0, DESCRIPTORS, on_used, server)) {
		bmk_memory_free(server, sizeof(*server));
		return NULL;
	}
	bmk_virtio_config(device, 0, &bytes, sizeof(bytes));
	if (bytes < TAG_BYTES)
		bmk_virtio_config(device, sizeof(bytes), server->tag, bytes);
	server->failed = !bmk_virtio_ready(device);
	bmk_virtq_want(&server->queue, 1);
	return server;
}

static int server_open(const char *tag, struct rumpcomp_9p **found)
{
	for (unsigned i = 0; i < SERVERS && bmk_virtio_find(BMK_VIRTIO_9P, i); i++) {
		if (!servers[i])
			servers[i] = server_create(i);
		if (!servers[i] || strcmp(servers[i]->tag, tag))
			continue;
		if (servers[i]->failed)
			return -EIO;
		if (servers[i]->opened)
			return -EBUSY;
		servers[i]->opened = true;
		*found = servers[i];
		return 0;
	}
	return -ENODEV;
}

int rumpcomp_9p_open(const char *tag, struct rumpcomp_9p **server)
{
	HYPERCALL_ENTER(rumpcomp_9p_open, tag, server, 0, 0);
	HYPERCALL_RETURN(rumpcomp_9p_open, server_open(tag, server));
}

/* --- requests --- */

static uint32_t size_of(const char *message)
{
	uint32_t size;

	memcpy(&size, message, sizeof(size));
	return size;
}

static size_t pages_of(size_t bytes)
{
	return (bytes + BMK_PAGE_MASK) / BMK_PAGE_BYTES;
}

/* Give the device a call, waiting for room in its queue: 0, -ETIMEDOUT, -EIO. */
static int call_send(struct rumpcomp_9p *server, struct call *call, size_t bytes,
    size_t reply_bytes, int64_t deadline_ns)
{
	struct bmk_virtio_buffer buffers[] = {
		{ call->memory, bytes },
		{ call->memory + pages_of(bytes) * BMK_PAGE_BYTES, reply_bytes },
	};

	while (!bmk_virtq_add(&server->queue, buffers, 1, 1, call)) {
		if (server->failed)
			return -EIO;
		if (!bmk_waitq_sleep(&server->waiting, deadline_ns))
			return -ETIMEDOUT;
	}
	call->next = server->out;
	call->link = &server->out;
	if (call->next)
		call->next->link = &call->next;
	server->out = call;
	bmk_virtq_kick(&server->queue);
	return 0;
}

/* The reply's bytes, if it is one: its size and its tag are right. */
static long reply_copy(const struct call *call, const char *from, void *reply, size_t reply_bytes)
{
	uint32_t size = call->written < HEAD_BYTES ? 0 : size_of(from);

	if (call->failed || size < HEAD_BYTES || size > call->written || size > reply_bytes ||
	    memcmp(from + HEAD_TAG, call->memory + HEAD_TAG, 2))
		return -EIO;
	memcpy(reply, from, size);
	return size;
}

static long request(struct rumpcomp_9p *server, const void *message, size_t bytes, void *reply,
    size_t reply_bytes, int64_t deadline_ns)
{
	struct call *call;
	long result;

	if (bytes < HEAD_BYTES || bytes > MESSAGE_MOST || reply_bytes < HEAD_BYTES ||
	    reply_bytes > MESSAGE_MOST || size_of(message) != bytes)
		return -EMSGSIZE;
	if (server->failed)
		return -EIO;
	call = call_create(server, pages_of(bytes) + pages_of(reply_bytes));
	if (!call)
		return -ENOMEM;
	memcpy(call->memory, message, bytes);
	result = call_send(server, call, bytes, reply_bytes, deadline_ns);
	while (!result && !call->done)
		if (!bmk_waitq_sleep(&call->caller, deadline_ns) && !call->done)
			result = -ETIMEDOUT;
	if (result == -ETIMEDOUT && call->link && !call->done) {
		call->abandoned = true; /* it is released when the reply comes */
		return result;
	}
	if (!result)
		result = reply_copy(call, call->memory + pages_of(bytes) * BMK_PAGE_BYTES, reply,
		    reply_bytes);
	call_release(server, call);
	return result;
}

long rumpcomp_9p_request(struct rumpcomp_9p *server, const void *message, size_t bytes,
    void *reply, size_t reply_bytes, int64_t deadline_ns)
{
	long result;
	int locks;

	HYPERCALL_ENTER(rumpcomp_9p_request, server, message, bytes, reply);
	locks = rumpuser_block_begin(NULL);
	result = request(server, message, bytes, reply, reply_bytes, deadline_ns);
	rumpuser_block_end(locks, NULL);
	HYPERCALL_RETURN(rumpcomp_9p_request, result);
}
