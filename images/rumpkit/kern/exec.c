/*
 * exec.c - a program takes over a process: its memory, arguments, environment, identity.
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define S_IXGRP 0010u
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

static void act_as(const struct kern_identity *identity)
{
	kern_process->identity = *identity;
	kern_process->files->uid = identity->user.effective;
	kern_process->files->gid = identity->group.effective;
}

/* Who the process acts as with this program: its owner, if that set S_ISUID; execve(2). */
static void take_identity(const struct vfs_node *node)
{
	struct kern_identity next = kern_process->identity;

	if (node && node->mode & S_ISUID && !kern_process->no_new_privileges)
		next.user.effective = node->uid;
	if (node && (node->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    !kern_process->no_new_privileges)
		next.group.effective = node->gid;
	next.user.saved = next.user.effective;
	next.group.saved = next.group.effective;
	/* Root has them all, whatever was given up before; others begin without. */
	next.keeps = false;
	next.permitted = next.user.effective && next.user.real ? 0 : KERN_CAPABILITIES_ALL;
	next.effective = next.user.effective ? 0 : KERN_CAPABILITIES_ALL;
	act_as(&next);
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
		*stack = kern_stack_build(top, strings, program);
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
	const struct kern_identity before = kern_process->identity;
	struct vfs_file *file = NULL;
	struct kern_program program;
	char *absolute = path ? kern_alloc(sizeof(kern_process->path)) : NULL;
	int error = !path ? 0 : absolute ? find_program(path, strings, &file) : -ENOMEM;

	if (!error) {
		kern_process_end_others();
		take_identity(file ? file->node : NULL);
		error = load(file, strings, &program, &registers.rsp);
	}
	if (error)
		act_as(&before);
	else if (path)
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
