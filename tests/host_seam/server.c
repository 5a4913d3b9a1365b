/*
 * server.c - the seam's 9p server, "tag": none, or one that answers anything at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rumpcomp.h"
#include "seam.h"

#define HEAD_BYTES 7

static uint64_t state;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

void server_start(unsigned seed)
{
	state = seed + 1;
}

int rumpcomp_9p_open(const char *tag, struct rumpcomp_9p **server)
{
	*server = (struct rumpcomp_9p *)&state;
	return state && !strcmp(tag, "tag") ? 0 : -ENODEV;
}

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	memcpy(at, &value, bytes);
}

/* Numbers as they often are: small, or with a few bits set. */
static void fill(uint8_t *reply, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		reply[i] = any(3) ? 0 : (uint8_t)(any(2) ? any(8) : any(256));
}

/* Some entries with short names. */
static size_t list(uint8_t *reply, size_t room)
{
	static const uint8_t types[] = { 4, 8, 10, 1, 0 };
	size_t at = 11;

	for (unsigned n = any(6); n && at + 25 < room; n--, at += 25) {
		reply[at + 5] = (uint8_t)any(12);                 /* its number */
		put(reply + at + 13, at + 25 + any(3) * 1000, 8); /* where the next one is */
		reply[at + 21] = types[any(5)];
		put(reply + at + 22, any(20) ? 1 : any(300), 2);
		reply[at + 24] = any(20) ? (uint8_t)('a' + any(12)) : (uint8_t)any(256);
	}
	put(reply + 7, any(20) ? at - 11 : any(9000), 4);
	return at;
}

/* What lets a client go on, so that the wrong replies come from deep inside as well. */
static size_t plausible(uint8_t type, uint8_t *reply, size_t room)
{
	static const uint16_t modes[] = { 0100644, 0040755, 0120777, 0040755, 0010600 };

	switch (type) {
	case 100: /* version */
		put(reply + 7, 8192 << any(8), 4);
		memcpy(reply + 11, "\10\0" "9P2000.L", 10);
		return 21;
	case 104: /* attach */
		return 20;
	case 110: /* walk: one name, or none */
		put(reply + 7, any(4) != 0, 2);
		reply[14] = (uint8_t)any(12);
		return 22;
	case 24: /* attributes */
		put(reply + 28, modes[any(5)], 4);
		put(reply + 40, 1 + any(3), 8);
		put(reply + 56, any(20000), 8);
		return 160;
	case 40:
		return list(reply, room);
	case 116: /* read */
		put(reply + 7, any(200), 4);
		return room < 211 ? room : 211;
	default:
		return HEAD_BYTES + any(40);
	}
}

long rumpcomp_9p_request(struct rumpcomp_9p *server, const void *request, size_t bytes,
    void *reply, size_t reply_bytes, int64_t deadline_ns)
{
	const uint8_t *message = request;
	uint8_t *answer = reply;
	size_t size;

	(void)server;
	(void)deadline_ns;
	if (bytes < HEAD_BYTES || any(400) == 0)
		return any(2) ? -ENOMEM : -EMSGSIZE;
	fill(answer, reply_bytes < 300 ? reply_bytes : 300);
	size = plausible(message[4], answer, reply_bytes);
	if (size > reply_bytes || any(20) == 0)
		size = any((unsigned)reply_bytes + 1);
	put(answer, any(30) ? size : any(100000), 4);
	answer[4] = any(15) ? message[4] + 1 : any(2) ? 7 : (uint8_t)any(256);
	put(answer + 5, message[5] | message[6] << 8, 2);
	return (long)(size < HEAD_BYTES ? HEAD_BYTES : size);
}
