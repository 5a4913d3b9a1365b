/*
 * random.c - random numbers: ChaCha20 (RFC 8439) keyed from the processor.
 *
 * The key is RDRAND's where there is one, mixed with the time-stamp counter; after
 * each request the generator replaces its key, so earlier output cannot be recovered.
 * Before there is a key, a little is the processor's own, mixed in the same way.
 */
#include "arch.h"
#include "bmk.h"
#include "rumplib.h"

#define KEY_WORDS 8
#define BLOCK_WORDS 16
#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))

static uint32_t key[KEY_WORDS];
static uint64_t counter;
static bool seeded;

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b; *d = ROTATE(*d ^ *a, 16);
	*c += *d; *b = ROTATE(*b ^ *c, 12);
	*a += *b; *d = ROTATE(*d ^ *a, 8);
	*c += *d; *b = ROTATE(*b ^ *c, 7);
}

static void block(uint32_t out[BLOCK_WORDS])
{
	uint32_t state[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(state + 4, key, sizeof(key));
	state[12] = (uint32_t)counter;
	state[13] = (uint32_t)(counter >> 32);
	counter++;
	memcpy(out, state, sizeof(state));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			quarter_round(out + i, out + 4 + i, out + 8 + i, out + 12 + i);
		for (int i = 0; i < 4; i++)
			quarter_round(out + i, out + 4 + (i + 1) % 4, out + 8 + (i + 2) % 4,
			    out + 12 + (i + 3) % 4);
	}
	for (int i = 0; i < BLOCK_WORDS; i++)
		out[i] += state[i];
}

/* The processor's, or of its time alone; returns whether it was the processor's. */
static bool gather(uint64_t *value)
{
	bool good = arch_random(value);

	*value ^= arch_tsc() * 0x9e3779b97f4a7c15ull;
	return good;
}

static void seed(void)
{
	for (unsigned i = 0; i < KEY_WORDS; i += 2) {
		uint64_t value = 0;

		gather(&value);
		key[i] ^= (uint32_t)value;
		key[i + 1] ^= (uint32_t)(value >> 32);
	}
	seeded = true;
}

/*
 * What each program is given at its start.  Many ask for no more, and the generator takes
 * longer to start than to ask the processor twice.
 */
static bool little(uint64_t *to, size_t bytes)
{
	return !seeded && bytes == 2 * sizeof(*to) && gather(&to[0]) && gather(&to[1]);
}

void bmk_random(void *to, size_t bytes)
{
	uint32_t out[BLOCK_WORDS];
	uint8_t *at = to;

	if (little(to, bytes))
		return;
	if (!seeded)
		seed();
	while (bytes) {
		size_t part = bytes < sizeof(out) ? bytes : sizeof(out);

		block(out);
		memcpy(at, out, part);
		at += part;
		bytes -= part;
	}
	block(out);
	memcpy(key, out, sizeof(key));
}
