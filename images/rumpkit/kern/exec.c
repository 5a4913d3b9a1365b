/*
 * exec.c - start the program: arguments, environment, auxiliary vector (System V ABI,
 * AMD64 supplement, 3.4.1), and its first thread.
 *
 * The configuration is the one upstream documents: either "cmdline" or the first "rc"
 * entry names the program; each "env" adds one variable.
 */
#include "process.h"
#include "rumplib.h"

#define CONFIG_BYTES 8192
#define STRINGS_MAX 512

#define AT_NULL 0
#define AT_PHDR 3
#define AT_PHENT 4
#define AT_PHNUM 5
#define AT_PAGESZ 6
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25

/* The parts of an ELF header that the auxiliary vector repeats (ELF-64, figure 3). */
struct elf_header {
	uint8_t identification[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_bytes, program_header_bytes, program_header_count;
};

struct builder {
	uint8_t *at;                     /* lowest byte of the strings so far */
	uint64_t strings[STRINGS_MAX];   /* argv, then environment */
	unsigned arguments, variables;
	bool too_many;
};

static uint64_t push_bytes(struct builder *build, const void *data, size_t bytes)
{
	build->at -= bytes;
	memcpy(build->at, data, bytes);
	return (uintptr_t)build->at;
}

static void push_string(struct builder *build, const char *text, unsigned *count)
{
	unsigned index = build->arguments + build->variables;

	if (index == STRINGS_MAX) {
		build->too_many = true;
		return;
	}
	build->strings[index] = push_bytes(build, text, strlen(text) + 1);
	(*count)++;
}

static void push_value(struct builder *build, const struct lib_json_value *value, unsigned *count)
{
	size_t bytes = lib_json_string(value, NULL, 0) + 1;

	/* Unescaping writes straight into the stack. */
	if (build->arguments + build->variables == STRINGS_MAX) {
		build->too_many = true;
		return;
	}
	build->at -= bytes;
	lib_json_string(value, (char *)build->at, bytes);
	build->strings[build->arguments + build->variables] = (uintptr_t)build->at;
	(*count)++;
}

/* "cmdline": words separated by blanks, as upstream splits it. */
static void push_words(struct builder *build, char *text)
{
	while (*text) {
		char *end;

		while (*text == ' ')
			text++;
		for (end = text; *end && *end != ' '; end++)
			;
		if (end == text)
			break;
		if (*end)
			*end++ = '\0';
		push_string(build, text, &build->arguments);
		text = end;
	}
}

static void push_program(struct builder *build, const struct lib_json_value *entry)
{
	struct lib_json members, items;
	struct lib_json_value key, value, item;

	if (!lib_json_open(&members, entry->text, entry->bytes))
		return;
	while (lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "argv") && lib_json_open(&items, value.text, value.bytes))
			while (lib_json_next(&items, &key, &item))
				push_value(build, &item, &build->arguments);
}

static void push_arguments(struct builder *build, const char *config)
{
	struct lib_json members, programs;
	struct lib_json_value key, value, entry;
	char line[1024];

	if (!lib_json_open(&members, config, strlen(config)))
		return;
	while (!build->arguments && lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "cmdline")) {
			lib_json_string(&value, line, sizeof(line));
			push_words(build, line);
		} else if (lib_json_is(&key, "rc") &&
		    lib_json_open(&programs, value.text, value.bytes) &&
		    lib_json_next(&programs, &key, &entry)) {
			push_program(build, &entry);
		}
	}
}

static void push_environment(struct builder *build, const char *config)
{
	struct lib_json members;
	struct lib_json_value key, value;

	if (!lib_json_open(&members, config, strlen(config)))
		return;
	while (lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "env") && value.type == '"')
			push_value(build, &value, &build->variables);
}

static uint64_t *put(uint64_t *at, uint64_t type, uint64_t value)
{
	at[0] = type;
	at[1] = value;
	return at + 2;
}

static void put_auxiliary(uint64_t *at, uint64_t random)
{
	const struct elf_header *elf = rumpcomp_program_headers();

	at = put(at, AT_PHDR, (uintptr_t)elf + elf->program_headers);
	at = put(at, AT_PHENT, elf->program_header_bytes);
	at = put(at, AT_PHNUM, elf->program_header_count);
	at = put(at, AT_PAGESZ, 4096);
	at = put(at, AT_ENTRY, rumpcomp_program_entry());
	at = put(at, AT_UID, 0);
	at = put(at, AT_EUID, 0);
	at = put(at, AT_GID, 0);
	at = put(at, AT_EGID, 0);
	at = put(at, AT_CLKTCK, 100);
	at = put(at, AT_SECURE, 0);
	at = put(at, AT_RANDOM, random);
	put(at, AT_NULL, 0);
}

/* Returns the stack pointer: argc, argv, environment and auxiliary vector above it. */
static uint64_t stack_build(struct builder *build, const char *config)
{
	uint8_t seed[16];
	uint64_t random, *at;
	size_t got;

	rumpuser_getrandom(seed, sizeof(seed), 0, &got);
	random = push_bytes(build, seed, sizeof(seed));
	push_arguments(build, config);
	if (!build->arguments)
		push_string(build, "program", &build->arguments);
	push_environment(build, config);
	at = (uint64_t *)((uintptr_t)build->at & ~15ul);
	/* argc, two NULLs, and 13 pairs of the auxiliary vector. */
	at -= (1 + build->arguments + 1 + build->variables + 1 + 26 + 1) & ~1u;
	at[0] = build->arguments;
	memcpy(at + 1, build->strings, build->arguments * sizeof(*at));
	at[1 + build->arguments] = 0;
	memcpy(at + 2 + build->arguments, build->strings + build->arguments,
	    build->variables * sizeof(*at));
	at[2 + build->arguments + build->variables] = 0;
	put_auxiliary(at + 3 + build->arguments + build->variables, random);
	return (uintptr_t)at;
}

static void name_process(const struct builder *build)
{
	const char *path = (const char *)build->strings[0];
	const char *slash = strrchr(path, '/');

	lib_strlcpy(kern_process.command, slash ? slash + 1 : path, sizeof(kern_process.command));
}

void kern_exec_program(void)
{
	struct builder *build = kern_alloc(sizeof(*build));
	char *config = kern_alloc(CONFIG_BYTES);
	struct kern_thread *thread = kern_thread_create();
	uint64_t top = kern_vm_stack_create();
	struct rumpcomp_frame frame = { .rflags = 0x202 };
	int number;

	if (!build || !config || !thread || !top) {
		rumpuser_dprintf("rumpkit: no memory to start the program\n");
		rumpuser_exit(RUMPUSER_PANIC);
	}
	rumpuser_getparam("RUMPKIT_CONFIG", config, CONFIG_BYTES);
	build->at = (uint8_t *)top;
	frame.rsp = stack_build(build, config);
	frame.rip = rumpcomp_program_entry();
	if (build->too_many)
		rumpuser_dprintf("rumpkit: more than %d arguments and variables; the rest is lost\n",
		    STRINGS_MAX);
	name_process(build);
	kern_process.start_ns = kern_monotonic_ns();
	kern_free(config);
	kern_free(build);
	number = rumpcomp_thread_start(&frame, 0, "main", thread);
	if (number < 0)
		rumpuser_exit(RUMPUSER_PANIC);
	thread->tid = kern_process.main_tid = (uint32_t)number;
}
