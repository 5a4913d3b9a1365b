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
#define AT_BASE 7
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_PLATFORM 15
#define AT_HWCAP 16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31
/* Pairs that put_auxiliary makes. */
#define AUXILIARY_PAIRS 17

struct builder {
	uint8_t *at;                     /* lowest byte of the strings so far */
	uint64_t strings[STRINGS_MAX];   /* argv, then environment */
	unsigned arguments, variables;
	bool too_many;
	char path[256];                  /* "bin" of the rc entry */
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
	while (lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "bin"))
			lib_json_string(&value, build->path, sizeof(build->path));
		if (lib_json_is(&key, "argv") && lib_json_open(&items, value.text, value.bytes))
			while (lib_json_next(&items, &key, &item))
				push_value(build, &item, &build->arguments);
	}
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

static void put_auxiliary(uint64_t *at, const struct kern_program *program, uint64_t random,
    uint64_t platform, uint64_t path)
{
	at = put(at, AT_PHDR, program->program_headers);
	at = put(at, AT_PHENT, program->program_header_bytes);
	at = put(at, AT_PHNUM, program->program_header_count);
	at = put(at, AT_PAGESZ, 4096);
	at = put(at, AT_BASE, program->base);
	at = put(at, AT_ENTRY, program->entry);
	at = put(at, AT_UID, 0);
	at = put(at, AT_EUID, 0);
	at = put(at, AT_GID, 0);
	at = put(at, AT_EGID, 0);
	at = put(at, AT_PLATFORM, platform);
	at = put(at, AT_HWCAP, 0);
	at = put(at, AT_CLKTCK, 100);
	at = put(at, AT_SECURE, 0);
	at = put(at, AT_RANDOM, random);
	at = put(at, AT_EXECFN, path);
	put(at, AT_NULL, 0);
}

/* Returns the stack pointer: argc, argv, environment and auxiliary vector above it. */
static uint64_t stack_build(struct builder *build, const struct kern_program *program)
{
	uint8_t seed[16];
	uint64_t random, platform, *at;
	size_t got;

	rumpuser_getrandom(seed, sizeof(seed), 0, &got);
	random = push_bytes(build, seed, sizeof(seed));
	platform = push_bytes(build, "x86_64", 7);
	at = (uint64_t *)((uintptr_t)build->at & ~15ul);
	/* argc and two NULLs beside the pointers; a multiple of 16 bytes in all. */
	at -= (3 + build->arguments + build->variables + 2 * AUXILIARY_PAIRS + 1) & ~1u;
	at[0] = build->arguments;
	memcpy(at + 1, build->strings, build->arguments * sizeof(*at));
	at[1 + build->arguments] = 0;
	memcpy(at + 2 + build->arguments, build->strings + build->arguments,
	    build->variables * sizeof(*at));
	at[2 + build->arguments + build->variables] = 0;
	put_auxiliary(at + 3 + build->arguments + build->variables, program, random, platform,
	    build->strings[0]);
	return (uintptr_t)at;
}

/* The parts of an ELF header that a baked program's auxiliary vector repeats. */
struct baked_header {
	uint8_t before[32];
	uint64_t program_headers, section_headers;
	uint32_t flags;
	uint16_t header_bytes, program_header_bytes, program_header_count;
};

/* The program that is part of the image, or the file that argv[0] or "bin" names. */
static int find_program(const struct builder *build, struct kern_program *program)
{
	const struct baked_header *elf = rumpcomp_program_headers();
	uintptr_t entry = rumpcomp_program_entry();
	const char *path = build->path[0] ? build->path : (const char *)build->strings[0];
	int error;

	if (entry) {
		*program = (struct kern_program){
			.start = entry, .entry = entry,
			.program_headers = (uintptr_t)elf + elf->program_headers,
			.program_header_bytes = elf->program_header_bytes,
			.program_header_count = elf->program_header_count,
		};
		return 0;
	}
	error = kern_elf_load(path, program);
	if (error)
		rumpuser_dprintf("rumpkit: cannot start %s: %s\n", path,
		    error == -ENOENT ? "no such file" : error == -ENOEXEC ?
		    "not a program for this guest (position-independent x86-64 ELF)" :
		    error == -ENOMEM ? "out of memory" : "not a file");
	return error;
}

static void name_process(const struct builder *build)
{
	const char *path = (const char *)build->strings[0];
	const char *slash = strrchr(path, '/');

	lib_strlcpy(kern_process.command, slash ? slash + 1 : path, sizeof(kern_process.command));
}

/* The strings of the new program, at the top of its stack. */
static void strings_build(struct builder *build, char *config, uint64_t top)
{
	rumpuser_getparam("RUMPKIT_CONFIG", config, CONFIG_BYTES);
	build->at = (uint8_t *)top;
	push_arguments(build, config);
	if (!build->arguments)
		push_string(build, "program", &build->arguments);
	push_environment(build, config);
	if (build->too_many)
		rumpuser_dprintf("rumpkit: more than %d arguments and variables; the rest is lost\n",
		    STRINGS_MAX);
}

static void thread_start(const struct rumpcomp_frame *frame, struct kern_thread *thread)
{
	int number = rumpcomp_thread_start(frame, 0, "main", thread);

	if (number < 0)
		rumpuser_exit(RUMPUSER_PANIC);
	thread->tid = kern_process.main_tid = (uint32_t)number;
}

void kern_exec_program(void)
{
	struct builder *build = kern_alloc(sizeof(*build));
	char *config = kern_alloc(CONFIG_BYTES);
	struct kern_thread *thread = kern_thread_create();
	uint64_t top = kern_vm_stack_create();
	struct rumpcomp_frame frame = { .rflags = 0x202 };
	struct kern_program program;

	if (!build || !config || !thread || !top) {
		rumpuser_dprintf("rumpkit: no memory to start the program\n");
		rumpuser_exit(RUMPUSER_PANIC);
	}
	strings_build(build, config, top);
	name_process(build);
	/* As a shell tells it: 127 not found, 126 found but no program. */
	switch (find_program(build, &program)) {
	case 0:
		break;
	case -ENOENT:
		rumpuser_exit(127);
	default:
		rumpuser_exit(126);
	}
	frame.rsp = stack_build(build, &program);
	frame.rip = program.start;
	kern_process.start_ns = kern_monotonic_ns();
	kern_free(config);
	kern_free(build);
	rumpcomp_program_starts();
	thread_start(&frame, thread);
}
