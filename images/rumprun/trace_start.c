/*
 * trace_start.c - tracing begins with the main thread, before the rump kernel does.
 *
 * What the lab asks for stands on the command line before the configuration, where upstream
 * looks for nothing:  rumplab:tsc_hz=2500000000,trace_records=65536,… {"rc":…}
 */
#include "trace.h"
#include "upstream.h"

#define PREFIX "rumplab:"
#define NS 1000000000ull
#define MEASURE_NS 2000000

void __real_bmk_mainthread(void *command_line);
void __wrap_bmk_mainthread(void *command_line);

static int begins(const char *text, const char *word)
{
	while (*word && *text == *word)
		text++, word++;
	return !*word;
}

/* Where the settings begin: after the last prefix before the configuration. */
static const char *settings_of(const char *text)
{
	const char *found = "";

	for (; text && *text && *text != '{'; text++)
		if (begins(text, PREFIX))
			found = text + sizeof(PREFIX) - 1;
	return found;
}

static const char *setting(const char *settings, const char *name)
{
	for (const char *at = settings; *at && *at != ' ' && *at != '{'; at++)
		if ((at == settings || at[-1] == ',') && begins(at, name))
			return at + __builtin_strlen(name);
	return "";
}

static uint64_t number(const char *settings, const char *name)
{
	const char *digits = setting(settings, name);
	uint64_t value = 0;

	while (*digits >= '0' && *digits <= '9')
		value = value * 10 + (uint64_t)(*digits++ - '0');
	return value;
}

static int digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Hexadecimal digits, that of events 0 to 3 first. */
static void bits_read(uint64_t bits[LAB_EVENTS / 64], const char *digits)
{
	for (unsigned at = 0; at < LAB_EVENTS / 4 && digit(digits[at]) >= 0; at++)
		bits[at / 16] |= (uint64_t)digit(digits[at]) << at % 16 * 4;
}

/* How fast the counter ticks, by upstream's clock; only if the lab has not said it. */
static uint64_t measure_tsc_hz(void)
{
	int64_t start_ns = bmk_platform_cpu_clock_monotonic(), now_ns;
	uint64_t start = lab_tsc();

	do {
		now_ns = bmk_platform_cpu_clock_monotonic();
	} while (now_ns - start_ns < MEASURE_NS);
	return (lab_tsc() - start) * NS / (uint64_t)(now_ns - start_ns);
}

static void clock_read(const char *settings)
{
	uint64_t hz = number(settings, "tsc_hz=");
	int64_t now_ns;

	if (!hz)
		hz = measure_tsc_hz();
	now_ns = bmk_platform_cpu_clock_monotonic() + bmk_platform_cpu_clock_epochoffset();
	lab_header.wall_offset_ns = now_ns - (int64_t)(lab_tsc() / hz * NS + lab_tsc() % hz * NS / hz);
	lab_header.tsc_hz = hz;
}

/* "hypercalls", "all", or the digits of a bitmap. */
static void events_read(const char *settings)
{
	const char *name = setting(settings, "trace=");
	int calls = begins(name, "hypercalls");
	unsigned first = calls ? LAB_EVENT_HYPERCALL : 1;
	unsigned end = calls ? LAB_EVENT_SYSCALL : LAB_EVENTS;

	bits_read(lab_header.enabled, setting(settings, "trace_events="));
	if (*name && *name != 'o')
		for (unsigned event = first; event < end; event++)
			lab_header.enabled[event / 64] |= 1ull << event % 64;
}

static void phase(enum lab_phase phase)
{
	lab_header.phase_tsc[phase] = lab_tsc();
}

void __wrap_bmk_mainthread(void *command_line)
{
	const char *settings = settings_of(command_line);

	lab_header.ram_bytes = bmk_memsize;
	clock_read(settings);
	phase(LAB_PHASE_ENTRY);
	lab_header.trace_data_bytes = (uint32_t)number(settings, "trace_data=");
	lab_header.trace_stack_words = (uint32_t)number(settings, "trace_stack=");
	events_read(settings);
	bits_read(lab_header.stacks, setting(settings, "trace_stacks="));
	lab_ring_create(number(settings, "trace_records="));
	lab_threads_follow();
	phase(LAB_PHASE_DEVICES);
	lab_header.state = LAB_STATE_RUNNING;
	__real_bmk_mainthread(command_line);
}
