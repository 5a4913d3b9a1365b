/*
 * folders.c - /proc/PID of every process, and the threads in its folder task.
 *
 * Nothing of it is kept: a name that is looked up becomes a node, whose number is made of
 * the thread's and the entry's, so that the same thing has the same number each time.  fd,
 * root and mounts are in /proc/self only, where vfs has them.
 */
#include "describe.h"
#include "folders.h"
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define PROC_FILE_SYSTEM 0x18

/* What is in a folder: the texts first, by their place in kern_described, then these. */
enum { TASKS = 32, EXE, CWD };

struct entry {
	struct vfs_node node;
	uint32_t pid, tid;           /* tid 0: of the process as a whole */
	unsigned which;
};

uint32_t kern_folder_parse(struct vfs_name name)
{
	uint32_t number = 0;

	if (name.bytes > 9 || name.text[0] == '0')
		return 0;
	for (unsigned i = 0; i < name.bytes; i++) {
		if (name.text[i] < '0' || name.text[i] > '9')
			return 0;
		number = number * 10 + (uint32_t)(name.text[i] - '0');
	}
	return number;
}

static bool is(struct vfs_name name, const char *text)
{
	return name.bytes == strlen(text) && !memcmp(name.text, text, name.bytes);
}

static struct kern_process *process_of(const struct vfs_node *node)
{
	return kern_process_find(((const struct entry *)node)->pid);
}

/* --- files and links ------------------------------------------------------------------- */

static void destroy(struct vfs_node *node)
{
	kern_free(node);
}

static int text_open(struct vfs_node *node, struct vfs_file *file)
{
	const struct entry *entry = (const struct entry *)node;
	const struct kern_described *text = &kern_described[entry->which];

	if (!process_of(node))
		return -ESRCH;
	return vfs_text_open(file, text->write, text->take,
	    (void *)(uintptr_t)(entry->tid ? entry->tid : entry->pid));
}

static int text_resize(struct vfs_node *node, uint64_t size_bytes)
{
	(void)node;
	(void)size_bytes;
	return 0; /* truncating on open is harmless, as in Linux's /proc */
}

static long exe_describe(struct vfs_node *node, char *text, size_t bytes)
{
	const struct kern_process *process = process_of(node);
	size_t length = process ? strlen(process->path) : 0;

	if (!length)
		return -ENOENT;
	length = length < bytes ? length : bytes;
	memcpy(text, process->path, length);
	return (long)length;
}

static const char *exe_target(struct vfs_node *node)
{
	const struct kern_process *process = process_of(node);

	return process ? process->path : NULL;
}

static long cwd_describe(struct vfs_node *node, char *text, size_t bytes)
{
	const struct kern_process *process = process_of(node);
	long length = -ENOENT;

	if (process && process->files)
		length = vfs_path_of(process->files->cwd, process->files->cwd, text, bytes);
	return length > 0 ? length - 1 : length;
}

static int cwd_jump(struct vfs_node *node, struct vfs_node **to, struct vfs_node **dir)
{
	const struct kern_process *process = process_of(node);

	(void)dir;
	if (!process || !process->files)
		return -ENOENT;
	*to = vfs_node_get(process->files->cwd);
	return 0;
}

static const struct vfs_node_ops text_ops = {
	.open = text_open, .resize = text_resize, .destroy = destroy,
};
static const struct vfs_node_ops exe_ops = {
	.target = exe_target, .describe = exe_describe, .destroy = destroy,
};
static const struct vfs_node_ops cwd_ops = {
	.jump = cwd_jump, .describe = cwd_describe, .destroy = destroy,
};

/* --- folders --------------------------------------------------------------------------- */

static const struct vfs_node_ops folder_ops, tasks_ops;

static const struct vfs_node_ops *operations_of(unsigned which)
{
	return which < TASKS ? &text_ops : which == TASKS ? &tasks_ops : which == EXE ? &exe_ops :
	    which == CWD ? &cwd_ops : &folder_ops;
}

static int make(struct vfs_node *dir, uint32_t pid, uint32_t tid, unsigned which,
    struct vfs_node **made)
{
	struct entry *entry = kern_alloc(sizeof(*entry));
	bool link = which == EXE || which == CWD;
	uint32_t mode = which < TASKS ? S_IFREG | (kern_described[which].take ? 0644u : 0444u) :
	    link ? S_IFLNK | 0777u : S_IFDIR | 0555u;

	if (!entry)
		return -ENOMEM;
	vfs_node_init(&entry->node, operations_of(which), mode);
	entry->node.file_system = PROC_FILE_SYSTEM;
	entry->node.number = kern_folder_number(tid ? tid : pid, tid) + which;
	if (S_ISDIR(mode))
		entry->node.parent = vfs_node_get(dir);
	entry->pid = pid;
	entry->tid = tid;
	entry->which = which;
	*made = &entry->node;
	return 0;
}

static const char *name_of(unsigned which)
{
	return which < kern_described_count ? kern_described[which].name : which == TASKS ? "task" :
	    which == EXE ? "exe" : which == CWD ? "cwd" : NULL;
}

/* The next entry of a folder from this one on; a thread's has no folder of threads. */
static unsigned next_of(const struct entry *folder, unsigned which)
{
	while (which < KERN_FOLDER && (!name_of(which) || (folder->tid && which == TASKS)))
		which++;
	return which;
}

static int folder_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	const struct entry *folder = (const struct entry *)dir;

	if (!process_of(dir))
		return -ENOENT;
	for (unsigned which = next_of(folder, 0); which < KERN_FOLDER; which = next_of(folder, which + 1))
		if (is(name, name_of(which)))
			return make(dir, folder->pid, folder->tid, which, found);
	return -ENOENT;
}

static bool emit_dots(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	for (; *position < 2; ++*position)
		if (!emit(argument, (struct vfs_name){ "..", (uint8_t)(*position + 1) },
		    *position ? dir->parent->number : dir->number, S_IFDIR, *position + 1))
			return false;
	return true;
}

static int folder_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	const struct entry *folder = (const struct entry *)dir;

	if (!emit_dots(dir, position, emit, argument))
		return 0;
	for (unsigned which = next_of(folder, (unsigned)*position - 2); which < KERN_FOLDER;
	    which = next_of(folder, which + 1)) {
		const char *text = name_of(which);

		if (!emit(argument, (struct vfs_name){ text, strlen(text) }, kern_folder_number(folder->tid ? folder->tid : folder->pid, folder->tid) + which,
		    which < TASKS ? S_IFREG : which == TASKS ? S_IFDIR : S_IFLNK, which + 3))
			return 0;
		*position = which + 3;
	}
	return 0;
}

bool kern_folder_emit(uint32_t number, bool thread, uint64_t base, uint64_t *position,
    vfs_emit_fn emit, void *argument)
{
	char text[12];

	lib_snprintf(text, sizeof(text), "%u", number);
	if (!emit(argument, (struct vfs_name){ text, strlen(text) },
	    kern_folder_number(number, thread) + KERN_FOLDER, S_IFDIR, base + number + 1))
		return false;
	*position = base + number + 1;
	return true;
}

static int tasks_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	const struct kern_thread *thread = kern_thread_find(kern_folder_parse(name));

	if (!thread || thread->process != process_of(dir))
		return -ENOENT;
	return make(dir, thread->process->pid, thread->tid, KERN_FOLDER, found);
}

/* Threads have no order: each time the one with the next number is looked for. */
static int tasks_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	const struct kern_process *process = process_of(dir);

	if (!emit_dots(dir, position, emit, argument))
		return 0;
	for (;;) {
		uint32_t next = 0;

		for (const struct kern_thread *at = process ? process->threads : NULL; at; at = at->next)
			if (at->tid + 2 >= *position && (!next || at->tid < next))
				next = at->tid;
		if (!next || !kern_folder_emit(next, true, 2, position, emit, argument))
			return 0;
	}
}

static const struct vfs_node_ops folder_ops = {
	.lookup = folder_lookup, .list = folder_list, .destroy = destroy,
};
static const struct vfs_node_ops tasks_ops = {
	.lookup = tasks_lookup, .list = tasks_list, .destroy = destroy,
};

int kern_folder_make(struct vfs_node *dir, uint32_t pid, struct vfs_node **made)
{
	return make(dir, pid, 0, KERN_FOLDER, made);
}
