/*
 * rc.c - what the configuration starts, one after the other, at once, or in pipes.
 *
 * The run mode "&" goes on without waiting, "|" sends the output to the next program.  The
 * guest ends with the last program that was waited for, or, if there was none, when all
 * have ended.
 */
#include "net.h"
#include "rc.h"
#include "rumplib.h"
#include "vfs.h"

#define ENTRIES 32
#define SIGNAL_STATUS 128

struct vfs_context *kern_rc_files;
static struct kern_rc_entry *entries;
static unsigned entry_count, next_entry;
static bool any_waited_for;

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
	char full[KERN_RC_PATH_BYTES];
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
	if (net_stop)
		net_stop();
	vfs_stop();
	rumpuser_exit(status);
}

void kern_rc_start(void)
{
	int count;

	entries = kern_alloc(ENTRIES * sizeof(*entries));
	kern_rc_files = vfs_current;
	count = entries ? kern_rc_read(entries, ENTRIES) : -ENOMEM;
	if (count < 0)
		fail();
	entry_count = (unsigned)count;
	do
		start_group();
	while (all_ended(true) && next_entry < entry_count);
}
