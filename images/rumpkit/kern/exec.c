/*
 * exec.c - a program takes over a process: its memory, arguments, environment and
 * auxiliary vector (System V ABI, AMD64 supplement, 3.4.1).
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

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
#define SCRIPT_LINE_BYTES 256
#define SCRIPT_DEPTH 4
#define SIG_IGN 1
#define SS_DISABLE 2

/* --- arguments and environment --- */

int kern_strings_add(struct kern_strings *strings, const char *text, size_t bytes)
{
	size_t capacity = strings->capacity ? strings->capacity : 512;
	char *larger;

	if (strings->bytes + bytes + 1 > KERN_STRINGS_BYTES)
		return -E2BIG;
	while (capacity < strings->bytes + bytes + 1)
		capacity *= 2;
	if (capacity != strings->capacity) {
		larger = kern_alloc(capacity);
		if (!larger)
			return -ENOMEM;
		memcpy(larger, strings->text, strings->bytes);
		kern_free(strings->text);
		strings->text = larger;
		strings->capacity = capacity;
	}
	memcpy(strings->text + strings->bytes, text, bytes);
	strings->text[strings->bytes + bytes] = '\0';
	strings->bytes += bytes + 1;
	return 0;
}

void kern_strings_free(struct kern_strings *strings)
{
	kern_free(strings->text);
	*strings = (struct kern_strings){ 0 };
}

/* --- the first stack --- */

/* As it is for every program; put_auxiliary fills in what differs. */
enum auxiliary {
	OWN_PHDR, OWN_PHENT, OWN_PHNUM, OWN_BASE, OWN_ENTRY, OWN_PLATFORM, OWN_RANDOM, OWN_EXECFN,
	OWN_MINSIGSTKSZ, OWN_SYSINFO_EHDR, SAME
};
static const uint64_t auxiliary[][2] = {
	[OWN_PHDR] = { AT_PHDR }, [OWN_PHENT] = { AT_PHENT }, [OWN_PHNUM] = { AT_PHNUM },
	[OWN_BASE] = { AT_BASE }, [OWN_ENTRY] = { AT_ENTRY }, [OWN_PLATFORM] = { AT_PLATFORM },
	[OWN_RANDOM] = { AT_RANDOM }, [OWN_EXECFN] = { AT_EXECFN },
	[OWN_MINSIGSTKSZ] = { AT_MINSIGSTKSZ }, [OWN_SYSINFO_EHDR] = { AT_SYSINFO_EHDR },
	[SAME] = { AT_PAGESZ, 4096 }, { AT_UID }, { AT_EUID }, { AT_GID }, { AT_EGID }, { AT_HWCAP },
	{ AT_CLKTCK, 100 }, { AT_SECURE }, { AT_NULL },
};

static void put_auxiliary(void *to, const struct kern_program *program, uint64_t random,
    uint64_t platform, uint64_t path)
{
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

/* Returns the stack pointer: argc, argv, environment and auxiliary vector above it. */
static uint64_t stack_build(uint64_t top, const struct kern_strings *strings,
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

/* --- finding and loading --- */

/* The parts of an ELF header that a baked program's auxiliary vector repeats. */
struct baked_header {
	uint8_t before[32];
	uint64_t program_headers, section_headers;
	uint32_t flags;
	uint16_t header_bytes, program_header_bytes, program_header_count;
};

static void baked_program(struct kern_program *program)
{
	const struct baked_header *elf = rumpcomp_program_headers();
	uintptr_t entry = rumpcomp_program_entry();

	*program = (struct kern_program){
		.start = entry, .entry = entry,
		.program_headers = (uintptr_t)elf + elf->program_headers,
		.program_header_bytes = elf->program_header_bytes,
		.program_header_count = elf->program_header_count,
	};
}

static int open_program(const char *path, struct vfs_file **file)
{
	struct vfs_node *start = *path == '/' ? vfs_root : vfs_current->cwd;
	int error = vfs_open(start, path, O_RDONLY, 0, file);

	if (error)
		return error;
	if (S_ISREG((*file)->node->mode) && !vfs_node_access((*file)->node, X_OK))
		return 0;
	vfs_file_put(*file);
	return -EACCES;
}

/* "#! interpreter argument": both words, or false if this is no script. */
static bool read_script(struct vfs_file *file, char *line, char **interpreter, char **argument)
{
	int bytes = vfs_file_pread(file, 0, line, SCRIPT_LINE_BYTES - 1);
	char *end;

	if (bytes < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[bytes] = '\0';
	end = strchr(line, '\n');
	if (!end)
		return false;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	for (*interpreter = line + 2; **interpreter == ' ' || **interpreter == '\t'; ++*interpreter)
		;
	*argument = *interpreter;
	while (**argument && **argument != ' ' && **argument != '\t')
		++*argument;
	if (**argument)
		*(*argument)++ = '\0';
	while (**argument == ' ' || **argument == '\t')
		++*argument;
	return **interpreter;
}

/* In place of argv[0]: the interpreter, its argument, the script. */
static int script_strings(struct kern_strings *strings, const char *interpreter,
    const char *argument, const char *path)
{
	struct kern_strings more = { 0 };
	size_t first = strings->bytes ? strlen(strings->text) + 1 : 0;
	int error = kern_strings_add(&more, interpreter, strlen(interpreter));

	if (!error && *argument)
		error = kern_strings_add(&more, argument, strlen(argument));
	if (!error)
		error = kern_strings_add(&more, path, strlen(path));
	if (!error && strings->bytes > first)
		error = kern_strings_add(&more, strings->text + first, strings->bytes - first - 1);
	if (error) {
		kern_strings_free(&more);
		return error;
	}
	more.arguments = strings->arguments + (*argument ? 2 : 1) + (strings->arguments ? 0 : 1);
	more.variables = strings->variables;
	kern_strings_free(strings);
	*strings = more;
	return 0;
}

/* The file of the program itself, however many scripts lead to it. */
static int find_program(const char *path, struct kern_strings *strings, struct vfs_file **file)
{
	char *line = kern_alloc(SCRIPT_LINE_BYTES), *name = kern_alloc(SCRIPT_LINE_BYTES);
	char *interpreter, *argument;
	int error = line && name ? open_program(path, file) : -ENOMEM;

	for (int depth = 0; !error && read_script(*file, line, &interpreter, &argument); depth++) {
		vfs_file_put(*file);
		*file = NULL;
		error = depth == SCRIPT_DEPTH ? -ELOOP :
		    script_strings(strings, interpreter, argument, depth ? name : path);
		lib_strlcpy(name, interpreter, SCRIPT_LINE_BYTES);
		if (!error)
			error = open_program(name, file);
		if (error == -ENOENT)
			rumpuser_dprintf("rumpkit: the script's interpreter %s is not there\n", name);
	}
	kern_free(line);
	kern_free(name);
	return error;
}

/* Set up the memory of the new program; the old one is still there, and is if this fails. */
static int load(struct vfs_file *file, const struct kern_strings *strings,
    struct kern_program *program, uint64_t *stack)
{
	struct kern_vm *old = kern_process->vm, *vm = kern_vm_make();
	uint64_t top;
	int error;

	if (!vm)
		return -ENOMEM;
	kern_vm_use(vm);
	top = kern_vm_stack_create();
	error = top ? 0 : -ENOMEM;
	if (!error && file)
		error = kern_elf_load(file, program);
	else if (!error)
		baked_program(program);
	if (!error) {
		*stack = stack_build(top, strings, program);
		kern_vm_put(old);
		return 0;
	}
	if (old)
		kern_vm_use(old);
	kern_vm_put(vm);
	return error;
}

static void name_process(const char *given, const char *path, const char *argument)
{
	const char *slash = strrchr(argument, '/');

	lib_strlcpy(kern_process->command, slash ? slash + 1 : argument,
	    sizeof(kern_process->command));
	lib_strlcpy(kern_process->path, path, sizeof(kern_process->path));
	slash = given ? strrchr(given, '/') : NULL;
	lib_strlcpy(kern_current()->name, slash ? slash + 1 : given ? given : kern_process->command,
	    KERN_NAME_BYTES);
	/* Of one program alone, "main" says more. */
	if (kern_processes->next)
		rumpcomp_thread_name(kern_process->command);
}

/* What a process keeps of the program before, and what not: execve(2). */
static void forget_program(struct kern_thread *thread)
{
	for (int signal = 1; signal <= KERN_SIGNALS; signal++) {
		struct kern_sigaction *action = &kern_process->actions[signal];

		*action = (struct kern_sigaction){ .handler = action->handler == SIG_IGN ? SIG_IGN : 0 };
	}
	thread->altstack = (struct kern_altstack){ .flags = SS_DISABLE };
	thread->clear_child_tid = 0;
	thread->robust_list = 0;
	vfs_context_exec(kern_process->files);
	kern_process_timers_end(false);
	if (kern_process->borrows_vm) {
		kern_process->borrows_vm = false;
		kern_wake(&kern_process->changed, KERN_ALL);
	}
}

int kern_exec(const char *path, struct kern_strings *strings)
{
	struct rumpcomp_registers registers = { .rflags = 0x202 };
	struct vfs_file *file = NULL;
	struct kern_program program;
	char *absolute = path ? kern_alloc(sizeof(kern_process->path)) : NULL;
	int error = !path ? 0 : absolute ? find_program(path, strings, &file) : -ENOMEM;

	if (!error) {
		kern_process_end_others();
		error = load(file, strings, &program, &registers.rsp);
	}
	if (!error && path)
		vfs_path_of(file->dir, file->node, absolute, sizeof(kern_process->path));
	vfs_file_put(file);
	if (error) {
		kern_free(absolute);
		return error;
	}
	name_process(path, absolute ? absolute : "", strings->text);
	kern_free(absolute);
	kern_strings_free(strings);
	kern_tell_program();
	forget_program(kern_current());
	rumpcomp_thread_tls(0);
	rumpcomp_fpu_reset();
	registers.rip = program.start;
	rumpcomp_program_starts();
	rumpcomp_resume(&registers);
}
