/* ninep.c - steps on a 9P server, with messages of 9P2000.L made by hand. */
#include "rumpcomp.h"
#include "steps.h"

#define T_VERSION 100
#define T_ATTACH 104
#define T_WALK 110
#define T_LOPEN 12
#define T_READ 116
#define T_LERROR 6
#define NO_TAG 0xffff
#define NO_FID 0xffffffff
#define MESSAGE_BYTES 4096
#define READERS 8

static struct rumpcomp_9p *server;
static uint32_t most = 65536;

struct message {
	uint8_t bytes[MESSAGE_BYTES];
	uint32_t size;
};

static void put(struct message *message, uint64_t value, unsigned bytes)
{
	memcpy(message->bytes + message->size, &value, bytes);
	message->size += bytes;
}

static void put_text(struct message *message, const char *text)
{
	put(message, strlen(text), 2);
	memcpy(message->bytes + message->size, text, strlen(text));
	message->size += (uint32_t)strlen(text);
}

static void begin(struct message *message, uint8_t type, uint16_t tag)
{
	message->size = 4;
	put(message, type, 1);
	put(message, tag, 2);
}

static long ask(struct message *message, void *reply, size_t bytes, int64_t deadline_ns)
{
	memcpy(message->bytes, &message->size, 4);
	return rumpcomp_9p_request(server, message->bytes, message->size, reply, bytes, deadline_ns);
}

static void open_server(const struct step *step)
{
	say("9p %s: error %d\n", step->word[1], rumpcomp_9p_open(step->word[1], &server));
}

/* A reply's type, or what the request said instead. */
static void tell(const char *what, long bytes, const uint8_t *reply)
{
	if (bytes < 0)
		say("%s: error %ld\n", what, bytes);
	else
		say("%s: type %u, %ld bytes\n", what, reply[4], bytes);
}

/* 9pversion MSIZE MS: agree on sizes; the reply must come within so many milliseconds. */
static void version(const struct step *step)
{
	static struct message message;
	static uint8_t reply[MESSAGE_BYTES];
	int64_t deadline = *step->word[2] ?
	    now_ns() + (int64_t)number(step->word[2]) * 1000000 : INT64_MAX;

	most = (uint32_t)number(step->word[1]);
	begin(&message, T_VERSION, NO_TAG);
	put(&message, most, 4);
	put_text(&message, "9P2000.L");
	tell("version", ask(&message, reply, sizeof(reply), deadline), reply);
}

/* 9pfile NAME: attach as fid 0, walk to NAME as fid 1, open it. */
static void file(const struct step *step)
{
	static struct message message;
	static uint8_t reply[MESSAGE_BYTES];

	begin(&message, T_ATTACH, 1);
	put(&message, 0, 4);
	put(&message, NO_FID, 4);
	put_text(&message, "root");
	put_text(&message, "");
	put(&message, 0, 4);
	tell("attach", ask(&message, reply, sizeof(reply), INT64_MAX), reply);
	begin(&message, T_WALK, 1);
	put(&message, 0, 4);
	put(&message, 1, 4);
	put(&message, 1, 2);
	put_text(&message, step->word[1]);
	tell("walk", ask(&message, reply, sizeof(reply), INT64_MAX), reply);
	begin(&message, T_LOPEN, 1);
	put(&message, 1, 4);
	put(&message, 0, 4);
	tell("open", ask(&message, reply, sizeof(reply), INT64_MAX), reply);
}

/* --- several threads read the file at a time, each its own part --- */

static struct reader {
	uint64_t bytes, sum;
	uint64_t start, end;
	uint16_t tag;
	long error;
} readers[READERS];

static void *read_part(void *argument)
{
	struct reader *reader = argument;
	struct message *message;
	uint8_t *reply;

	if (rumpuser_anonmmap(NULL, sizeof(*message), 0, 0, (void **)&message) ||
	    rumpuser_anonmmap(NULL, most, 0, 0, (void **)&reply))
		return NULL;
	for (uint64_t at = reader->start; at < reader->end; ) {
		uint32_t part = reader->end - at < most - 11 ? (uint32_t)(reader->end - at) : most - 11;
		uint32_t got;
		long bytes;

		begin(message, T_READ, reader->tag);
		put(message, 1, 4);
		put(message, at, 8);
		put(message, part, 4);
		bytes = ask(message, reply, most, INT64_MAX);
		if (bytes < 11 || reply[4] != T_READ + 1) {
			reader->error = bytes < 0 ? bytes : reply[4];
			break;
		}
		memcpy(&got, reply + 7, 4);
		if (!got || got > bytes - 11)
			break;
		for (uint32_t i = 0; i < got; i++)
			reader->sum += reply[11 + i];
		reader->bytes += got;
		at += got;
	}
	return NULL;
}

/* 9pread BYTES THREADS: read from the beginning; how much, and the sum of the bytes. */
static void read_file(const struct step *step)
{
	uint64_t bytes = number(step->word[1]), count = number(step->word[2]), got = 0, sum = 0;
	void *cookies[READERS];
	int64_t start = now_ns();
	long error = 0;

	for (uint64_t i = 0; i < count; i++) {
		readers[i] = (struct reader){ .start = bytes * i / count,
			.end = bytes * (i + 1) / count, .tag = (uint16_t)(i + 1) };
		rumpuser_thread_create(read_part, &readers[i], "reader", 1, -1, -1, &cookies[i]);
	}
	for (uint64_t i = 0; i < count; i++) {
		rumpuser_thread_join(cookies[i]);
		got += readers[i].bytes;
		sum += readers[i].sum;
		error = readers[i].error ? readers[i].error : error;
	}
	say("9p read: error %ld, %lu bytes, sum %lu\n", error, got, sum);
	if (*step->word[3])
		say("9p read: %ld us\n", (now_ns() - start) / 1000);
}

/* 9plate COUNT MS: read pages of the file until a reply does not come in time. */
static void late(const struct step *step)
{
	static struct message message;
	static uint8_t reply[MESSAGE_BYTES + 64];
	uint64_t count = number(step->word[1]);
	int64_t patience_ns = (int64_t)number(step->word[2]) * 1000000;
	long bytes = 0;

	for (uint64_t i = 0; i < count && bytes >= 0; i++) {
		begin(&message, T_READ, 9);
		put(&message, 1, 4);
		put(&message, 0, 8);
		put(&message, MESSAGE_BYTES, 4);
		bytes = ask(&message, reply, sizeof(reply), now_ns() + patience_ns);
	}
	if (bytes < 0)
		say("late: error %ld\n", bytes);
	else
		say("late: never\n");
}

const struct command ninep_commands[] = {
	{ "9p", open_server }, { "9pversion", version }, { "9pfile", file }, { "9pread", read_file },
	{ "9plate", late }, { NULL, NULL },
};
