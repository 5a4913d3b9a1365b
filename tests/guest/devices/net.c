/* net.c - steps on network interface 0. */
#include "rumpcomp.h"
#include "steps.h"

static struct rumpcomp_virtif *interface;
static volatile unsigned announced;

static void input_ready(void *argument)
{
	if (argument == &interface)
		announced++;
}

static void open_interface(const struct step *step)
{
	uint8_t mac[6] = { 0 };
	unsigned mtu = 0;
	int error = rumpcomp_virtif_open((unsigned)number(step->word[1]), mac, &mtu, input_ready,
	    &interface, &interface);

	say("interface: error %d, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, features %u\n", error,
	    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mtu,
	    error ? 0 : rumpcomp_virtif_features(interface));
}

/* send BYTES COUNT: frames to nobody, of the type for experiments, numbered, in two pieces. */
static void send(const struct step *step)
{
	static uint8_t frame[2048] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	size_t bytes = number(step->word[1]);
	uint64_t count = number(step->word[2]), full = 0;
	struct rumpcomp_segment segments[] = { { frame, 20 }, { frame + 20, bytes - 20 } };
	int error = 0;
	int64_t start = now_ns();

	for (uint64_t i = 0; i < count && (!error || error == -105); ) {
		memcpy(frame + 14, &i, 4);
		for (size_t at = 20; at < bytes; at++)
			frame[at] = (uint8_t)(at + i);
		error = rumpcomp_virtif_send(interface, segments, 2, NULL);
		if (error == -105) {
			full++;
			rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 20000);
		} else {
			i++;
		}
	}
	rumpcomp_virtif_flush(interface);
	say("send: error %d%s\n", error, full ? ", was full" : "");
	if (*step->word[3])
		say("send: %ld us\n", (now_ns() - start) / 1000);
}

/* echo COUNT: send back so many frames, sleeping when there are none. */
static void echo(const struct step *step)
{
	uint64_t count = number(step->word[1]), bytes = 0;
	struct rumpcomp_offload offload;
	unsigned sleeps = 0;

	for (uint64_t i = 0; i < count; ) {
		void *frame;
		long length = rumpcomp_virtif_receive(interface, &frame, &offload);

		if (length < 0) {
			say("echo: error %ld\n", length);
			return;
		}
		if (!length) {
			unsigned before = announced;

			rumpcomp_virtif_flush(interface);
			if (rumpcomp_virtif_notify(interface, true))
				continue;
			for (sleeps++; announced == before; )
				rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 1000000);
			continue;
		}
		struct rumpcomp_segment segment = { frame, (size_t)length };

		while (rumpcomp_virtif_send(interface, &segment, 1, NULL) == -105)
			rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, 20000);
		rumpcomp_virtif_release(interface, frame);
		bytes += (uint64_t)length;
		i++;
	}
	rumpcomp_virtif_flush(interface);
	say("echo: %lu bytes%s\n", bytes, sleeps ? ", slept" : "");
}

const struct command net_commands[] = {
	{ "interface", open_interface }, { "send", send }, { "echo", echo }, { NULL, NULL },
};
