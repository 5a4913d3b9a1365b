/*
 * rc.c - what the configuration starts, one after the other, at once, or in pipes.
 *
 * The keys are those that upstream documents: "cmdline", or "rc", a list of programs
 * with "bin", "argv", "workdir" and "runmode": "&" goes on without waiting, "|" sends the
 * output to the next one.  The guest ends with the last program that was waited for, or,
 * if there was none, when all have ended.
 */
#include "net.h"
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define CONFIG_BYTES 8192
#define ENTRIES 32
#define PATH_BYTES 256
#define SIGNAL_STATUS 128

struct kern_rc_entry {
	struct kern_strings strings;
	char path[PATH_BYTES], directory[PATH_BYTES];
	char mode;                   /* '&', '|' or 0 */
	struct vfs_file *input, *output; /* ends of pipes, or NULL */
	bool started, ended;
	bool waited_for;
};

struct vfs_context *kern_rc_files;
static struct kern_rc_entry *entries;
static unsigned entry_count, next_entry;
static bool any_waited_for;

/* --- the configuration --- */

static int add_value(struct kern_strings *strings, const struct lib_json_value *value,
    unsigned *count)
{
	size_t bytes = lib_json_string(value, NULL, 0);
	char *text = kern_alloc(bytes + 1);
	int error = text ? 0 : -ENOMEM;

	if (!error) {
		lib_json_string(value, text, bytes + 1);
		error = kern_strings_add(strings, text, bytes);
	}
	if (!error)
		++*count;
	kern_free(text);
	return error;
}

/* "cmdline": words separated by blanks, as upstream splits it. */
static int add_words(struct kern_rc_entry *entry, const char *text)
{
	int error = 0;

	while (*text && !error) {
		const char *end;

		while (*text == ' ')
			text++;
		for (end = text; *end && *end != ' '; end++)
			;
		if (end == text)
			break;
		error = kern_strings_add(&entry->strings, text, (size_t)(end - text));
		entry->strings.arguments++;
		text = end;
	}
	lib_strlcpy(entry->path, entry->strings.text ? entry->strings.text : "", PATH_BYTES);
	return error;
}

static int read_entry(struct kern_rc_entry *entry, const struct lib_json_value *object)
{
	struct lib_json members, items;
	struct lib_json_value key, value, item;
	char mode[2] = "";
	int error = 0;

	if (!lib_json_open(&members, object->text, object->bytes))
		return -EINVAL;
	while (!error && lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "bin"))
			lib_json_string(&value, entry->path, PATH_BYTES);
		else if (lib_json_is(&key, "workdir"))
			lib_json_string(&value, entry->directory, PATH_BYTES);
		else if (lib_json_is(&key, "runmode"))
			lib_json_string(&value, mode, sizeof(mode));
		else if (lib_json_is(&key, "argv") && lib_json_open(&items, value.text, value.bytes))
			while (!error && lib_json_next(&items, &key, &item))
				error = add_value(&entry->strings, &item, &entry->strings.arguments);
	}
	entry->mode = mode[0];
	return error;
}

static int read_programs(const char *config)
{
	struct lib_json members, programs;
	struct lib_json_value key, value, object;
	char line[1024];
	int error = 0;

	if (!lib_json_open(&members, config, strlen(config)))
		return 0;
	while (!error && lib_json_next(&members, &key, &value)) {
		if (lib_json_is(&key, "cmdline") && entry_count < ENTRIES) {
			lib_json_string(&value, line, sizeof(line));
			error = add_words(&entries[entry_count++], line);
		} else if (lib_json_is(&key, "rc") &&
		    lib_json_open(&programs, value.text, value.bytes)) {
			while (!error && entry_count < ENTRIES &&
			    lib_json_next(&programs, &key, &object))
				error = read_entry(&entries[entry_count++], &object);
		}
	}
	return error;
}

static bool has_variable(const struct kern_strings *strings, const char *name)
{
	const char *text = strings->text;
	size_t bytes = strlen(name);

	for (unsigned i = 0; i < strings->arguments + strings->variables; i++) {
		if (i >= strings->arguments && !strncmp(text, name, bytes))
			return true;
		text += strlen(text) + 1;
	}
	return false;
}

/* A program of a root file system looks for others, and for its user's folder. */
static int add_defaults(struct kern_strings *strings)
{
	static const char *const defaults[][2] = {
		{ "PATH=", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "HOME=", "HOME=/root" },
	};
	int error = 0;

	for (unsigned i = 0; i < sizeof(defaults) / sizeof(*defaults) && !error; i++) {
		if (rumpcomp_program_entry() || has_variable(strings, defaults[i][0]))
			continue;
		error = kern_strings_add(strings, defaults[i][1], strlen(defaults[i][1]));
		strings->variables++;
	}
	return error;
}

static int read_environment(struct kern_strings *strings, const char *config)
{
	struct lib_json members;
	struct lib_json_value key, value;
	int error = 0;

	if (!lib_json_open(&members, config, strlen(config)))
		return 0;
	while (!error && lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "env") && value.type == '"')
			error = add_value(strings, &value, &strings->variables);
	return error;
}

static int read_config(void)
{
	char *config = kern_alloc(CONFIG_BYTES);
	int error = config ? 0 : -ENOMEM;

	if (!error) {
		rumpuser_getparam("RUMPKIT_CONFIG", config, CONFIG_BYTES);
		error = read_programs(config);
	}
	if (!error && !entry_count)
		entry_count = 1;
	for (unsigned i = 0; i < entry_count && !error; i++) {
		struct kern_strings *strings = &entries[i].strings;

		if (!strings->arguments) {
			const char *name = entries[i].path[0] ? entries[i].path : "program";

			error = kern_strings_add(strings, name, strlen(name));
			strings->arguments = 1;
		}
		if (!error)
			error = read_environment(strings, config);
		if (!error)
			error = add_defaults(strings);
	}
	kern_free(config);
	return error;
}

/* --- one program --- */

static int enter_directory(const char *path)
{
	struct vfs_place place;
	int error = vfs_walk(vfs_root, path, 0, &place);

	if (error)
		return error;
	if (!place.node) {
		error = -ENOENT;
	} else if (S_ISDIR(place.node->mode)) {
		vfs_node_put(vfs_current->cwd);
		vfs_current->cwd = vfs_node_get(place.node);
	} else {
		error = -ENOTDIR;
	}
	vfs_place_put(&place);
	return error;
}

/* A name without a slash is the image's own program, or looked for where programs are. */
static int exec_entry(struct kern_rc_entry *entry)
{
	static const char *const places[] = {
		"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/",
	};
	const char *path = entry->path[0] ? entry->path : entry->strings.text;
	char full[PATH_BYTES];
	int error = -ENOENT;

	if (strchr(path, '/'))
		return kern_exec(path, &entry->strings);
	if (rumpcomp_program_entry())
		return kern_exec(NULL, &entry->strings);
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places) && error == -ENOENT; i++) {
		lib_snprintf(full, sizeof(full), "%s%s", places[i], path);
		error = kern_exec(full, &entry->strings);
	}
	return error;
}

static const char *reason_of(int error)
{
	switch (error) {
	case -ENOENT:
		return "no such file";
	case -ENOEXEC:
		return "not a program for this guest (x86-64 ELF)";
	case -EACCES:
		return "not an executable file";
	case -ENOMEM:
		return "out of memory";
	}
	return "it could not be read";
}

/* Runs as the first thread of the new process. */
static void *begin(void *owner)
{
	struct kern_rc_entry *entry = ((struct kern_thread *)owner)->process->entry;
	const char *path = entry->path[0] ? entry->path : entry->strings.text;
	int error;

	vfs_start();
	error = entry->directory[0] ? enter_directory(entry->directory) : 0;
	if (error) {
		rumpuser_dprintf("rumpkit: cannot start %s in %s: error %d\n", path,
		    entry->directory, -error);
	} else {
		error = exec_entry(entry);
		rumpuser_dprintf("rumpkit: cannot start %s: %s\n", path, reason_of(error));
	}
	/* As a shell tells it: 127 not found, 126 found but no program. */
	kern_process_exit(KERN_STATUS_EXITED(error == -ENOENT ? 127 : 126));
}

static void replace(struct vfs_context *files, int descriptor, struct vfs_file *file)
{
	if (!file)
		return;
	vfs_file_put(files->slots[descriptor].file);
	files->slots[descriptor] = (struct vfs_slot){ file, false };
}

static int start_entry(struct kern_rc_entry *entry)
{
	/* The only program needs no copy, and is to start soon. */
	struct vfs_context *files = entry_count == 1 ? kern_rc_files : vfs_context_copy(kern_rc_files);
	struct kern_process *process = files ? kern_process_create(NULL, files) : NULL;
	struct kern_thread *thread = process ? kern_thread_create(process) : NULL;
	bool first = !kern_process && !next_entry;
	int number;

	if (!thread)
		return -ENOMEM;
	replace(files, 0, entry->input);
	replace(files, 1, entry->output);
	entry->input = entry->output = NULL;
	entry->started = true;
	process->entry = entry;
	if (first)
		kern_process = process;
	number = rumpcomp_thread_begin(begin, "main", thread);
	if (number < 0)
		return -ENOMEM;
	thread->number = (uint32_t)number;
	process->pid = thread->tid = first ? KERN_FIRST_PID : (uint32_t)number;
	process->group = process->session = process->pid;
	return 0;
}

/* --- one after the other --- */

static void fail(void)
{
	rumpuser_dprintf("rumpkit: no memory to start the program\n");
	rumpuser_exit(RUMPUSER_PANIC);
}

/* A program and those its output goes to, up to the first without "|". */
static void start_group(void)
{
	unsigned end = next_entry;
	bool background;

	while (end < entry_count - 1 && entries[end].mode == '|')
		end++;
	background = entries[end].mode == '&';
	for (unsigned i = next_entry; i < end; i++)
		if (vfs_pipe(0, &entries[i + 1].input, &entries[i].output))
			fail();
	for (unsigned i = next_entry; i <= end; i++) {
		entries[i].waited_for = !background;
		if (start_entry(&entries[i]))
			fail();
		next_entry = i + 1;
	}
	any_waited_for = any_waited_for || !background;
}

static bool all_ended(bool only_waited_for)
{
	for (unsigned i = 0; i < entry_count; i++)
		if (entries[i].started && !entries[i].ended &&
		    (entries[i].waited_for || !only_waited_for))
			return false;
	return true;
}

void kern_rc_ended(struct kern_process *process)
{
	int status = process->wait_status;

	process->entry->ended = true;
	process->entry = NULL;
	while (all_ended(true) && next_entry < entry_count)
		start_group();
	if (all_ended(any_waited_for))
		kern_guest_exit(status & 0x7f ? SIGNAL_STATUS + (status & 0x7f) : status >> 8 & 0xff);
}

bool kern_rc_is_guest(const struct kern_process *process)
{
	return process->entry && entry_count == 1;
}

void kern_guest_exit(int status)
{
	net_stop();
	vfs_stop();
	rumpuser_exit(status);
}

void kern_rc_start(void)
{
	entries = kern_alloc(ENTRIES * sizeof(*entries));
	kern_rc_files = vfs_current;
	if (!entries || read_config())
		fail();
	do
		start_group();
	while (all_ended(true) && next_entry < entry_count);
}
