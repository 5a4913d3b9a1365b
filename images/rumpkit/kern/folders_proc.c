/*
 * folders_proc.c - /proc has a folder for each process, besides what is really there.
 */
#include "describe.h"
#include "folders.h"
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

static const struct vfs_node_ops *plain_ops;

static int proc_lookup(struct vfs_node *dir, struct vfs_name name, struct vfs_node **found)
{
	uint32_t pid = kern_folder_parse(name);

	if (!pid)
		return plain_ops->lookup(dir, name, found);
	return kern_process_find(pid) ? kern_folder_make(dir, pid, found) : -ENOENT;
}

/* A listing that notes whether its reader has had enough. */
struct listing {
	vfs_emit_fn emit;
	void *argument;
	bool full;
};

static bool pass_on(void *argument, struct vfs_name name, uint64_t number, uint32_t mode,
    uint64_t next_position)
{
	struct listing *listing = argument;

	listing->full = !listing->emit(listing->argument, name, number, mode, next_position);
	return !listing->full;
}

/* Positions of processes lie behind those of what is really there. */
static int proc_list(struct vfs_node *dir, uint64_t *position, vfs_emit_fn emit, void *argument)
{
	if (*position < KERN_FOLDER_NUMBER) {
		struct listing listing = { emit, argument, false };
		int error = plain_ops->list(dir, position, pass_on, &listing);

		if (error || listing.full)
			return error;
		*position = KERN_FOLDER_NUMBER;
	}
	for (;;) {
		uint32_t next = 0;

		for (const struct kern_process *at = kern_processes; at; at = at->next)
			if (at->pid + KERN_FOLDER_NUMBER >= *position && at->pid && (!next || at->pid < next))
				next = at->pid;
		if (!next || !kern_folder_emit(next, false, KERN_FOLDER_NUMBER, position, emit, argument))
			return 0;
	}
}

static const char *task_of_self(struct vfs_node *node)
{
	static char path[48];

	(void)node;
	lib_snprintf(path, sizeof(path), "%u/task/%u", kern_process->pid, kern_current()->tid);
	return path;
}

static const char *tasks_of_self(struct vfs_node *node)
{
	static char path[48];

	(void)node;
	lib_snprintf(path, sizeof(path), "../%u/task", kern_process->pid);
	return path;
}

int kern_folders(void)
{
	static const struct vfs_node_ops self_ops = { .target = task_of_self };
	static const struct vfs_node_ops self_tasks_ops = { .target = tasks_of_self };
	static struct vfs_node_ops proc_ops; /* /proc's own, with two changed */
	static struct vfs_node self, self_tasks;
	struct vfs_place place;
	int error = vfs_walk(vfs_root, "/proc", VFS_WALK_FOLLOW, &place);

	if (error)
		return error;
	if (place.node && !place.node->volume && place.node->ops->insert) {
		plain_ops = place.node->ops;
		proc_ops = *plain_ops;
		proc_ops.lookup = proc_lookup;
		proc_ops.list = proc_list;
		place.node->ops = &proc_ops;
	}
	vfs_place_put(&place);
	vfs_node_init(&self, &self_ops, S_IFLNK | 0777);
	vfs_node_init(&self_tasks, &self_tasks_ops, S_IFLNK | 0777);
	error = vfs_attach("/proc/thread-self", &self);
	return error ? error : vfs_attach("/proc/self/task", &self_tasks);
}
