/*
 * folders.h - the folders of processes and threads in /proc.
 */
#ifndef KERN_FOLDERS_H
#define KERN_FOLDERS_H

#include "vfs.h"

/* Numbers (st_ino) of what is in them lie above those of other nodes, 128 for each. */
#define KERN_FOLDER_NUMBER 0x100000000ull
/* The folder itself, among the numbers of what is in it. */
#define KERN_FOLDER 40u

static inline uint64_t kern_folder_number(uint32_t tid, bool thread)
{
	return KERN_FOLDER_NUMBER + (uint64_t)tid * 128 + (thread ? 64 : 0);
}

/* The number that a name is, 0 if it is none. */
uint32_t kern_folder_parse(struct vfs_name name);
/* A process's folder, an entry of dir; 0 or -ENOMEM. */
int kern_folder_make(struct vfs_node *dir, uint32_t pid, struct vfs_node **made);
/* List one at position base + number; false if its reader has had enough. */
bool kern_folder_emit(uint32_t number, bool thread, uint64_t base, uint64_t *position,
    vfs_emit_fn emit, void *argument);

#endif
