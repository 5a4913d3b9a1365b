/*
 * exec_stack.c - what a program finds on its stack: arguments, environment and auxiliary
 * vector (System V ABI, AMD64 supplement, 3.4.1).
 */
#include "process.h"
#include "rumplib.h"

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
#define AT_SYSINFO_EHDR 33
#define AT_MINSIGSTKSZ 51

/* As it is for every program; put_auxiliary fills in what differs. */
enum auxiliary {
	OWN_PHDR, OWN_PHENT, OWN_PHNUM, OWN_BASE, OWN_ENTRY, OWN_PLATFORM, OWN_RANDOM, OWN_EXECFN,
	OWN_MINSIGSTKSZ, OWN_SYSINFO_EHDR, OWN_UID, OWN_EUID, OWN_GID, OWN_EGID, OWN_SECURE, SAME
};
static const uint64_t auxiliary[][2] = {
	[OWN_PHDR] = { AT_PHDR }, [OWN_PHENT] = { AT_PHENT }, [OWN_PHNUM] = { AT_PHNUM },
	[OWN_BASE] = { AT_BASE }, [OWN_ENTRY] = { AT_ENTRY }, [OWN_PLATFORM] = { AT_PLATFORM },
	[OWN_RANDOM] = { AT_RANDOM }, [OWN_EXECFN] = { AT_EXECFN },
	[OWN_MINSIGSTKSZ] = { AT_MINSIGSTKSZ }, [OWN_SYSINFO_EHDR] = { AT_SYSINFO_EHDR },
	[OWN_UID] = { AT_UID }, [OWN_EUID] = { AT_EUID }, [OWN_GID] = { AT_GID },
	[OWN_EGID] = { AT_EGID }, [OWN_SECURE] = { AT_SECURE },
	[SAME] = { AT_PAGESZ, 4096 }, { AT_HWCAP }, { AT_CLKTCK, 100 }, { AT_NULL },
};

static void put_auxiliary(void *to, const struct kern_program *program, uint64_t random,
    uint64_t platform, uint64_t path)
{
	const struct kern_ids *user = &kern_process->identity.user;
	const struct kern_ids *group = &kern_process->identity.group;
	uint64_t (*at)[2] = to;

	memcpy(at, auxiliary, sizeof(auxiliary));
	at[OWN_PHDR][1] = program->program_headers;
	at[OWN_PHENT][1] = program->program_header_bytes;
	at[OWN_PHNUM][1] = program->program_header_count;
	at[OWN_BASE][1] = program->base;
	at[OWN_ENTRY][1] = program->entry;
	at[OWN_PLATFORM][1] = platform;
	at[OWN_RANDOM][1] = random;
	at[OWN_EXECFN][1] = path;
	at[OWN_MINSIGSTKSZ][1] = kern_signal_frame_bytes();
	at[OWN_SYSINFO_EHDR][1] = (uintptr_t)rumpcomp_vdso();
	at[OWN_UID][1] = user->real;
	at[OWN_EUID][1] = user->effective;
	at[OWN_GID][1] = group->real;
	at[OWN_EGID][1] = group->effective;
	at[OWN_SECURE][1] = user->real != user->effective || group->real != group->effective;
}

/* The address of each string, from where their copies begin; then a NULL. */
static uint64_t *put_pointers(uint64_t *at, const char **text, uint64_t *copy, unsigned count)
{
	while (count--) {
		size_t bytes = strlen(*text) + 1;

		*at++ = *copy;
		*copy += bytes;
		*text += bytes;
	}
	*at++ = 0;
	return at;
}

uint64_t kern_stack_build(uint64_t top, const struct kern_strings *strings,
    const struct kern_program *program)
{
	struct { uint8_t seed[16]; char platform[16]; } facts = { .platform = "x86_64" };
	uint64_t copy = top - strings->bytes, first = copy;
	uint64_t fact = (copy - sizeof(facts)) & ~15ul;
	const char *text = strings->text;
	uint64_t *stack, *at;
	size_t got;

	rumpuser_getrandom(facts.seed, sizeof(facts.seed), 0, &got);
	memcpy((void *)copy, strings->text, strings->bytes);
	memcpy((void *)fact, &facts, sizeof(facts));
	/* argc and two NULLs beside the pointers; a multiple of 16 bytes in all. */
	stack = (uint64_t *)fact -
	    ((3 + strings->arguments + strings->variables + sizeof(auxiliary) / 8 + 1) & ~1ul);
	at = stack;
	*at++ = strings->arguments;
	at = put_pointers(at, &text, &copy, strings->arguments);
	kern_process->arguments_start = first;
	kern_process->arguments_end = copy;
	at = put_pointers(at, &text, &copy, strings->variables);
	kern_process->environment_end = copy;
	put_auxiliary(at, program, fact, fact + sizeof(facts.seed), first);
	return (uintptr_t)stack;
}
