/*
 * program.c - what a loader of programs needs of kern, on a host: address space, and the
 * archive an image comes with.  Files of the environment: PROGRAM, ARCHIVE.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kern.h"
#include "rumpcomp.h"
#include "seam.h"
#include "seam_inside.h"

/* Where no part of this process is, the sanitizer's shadow included. */
#define ARENA 0x200000000000ul
#define ARENA_BYTES 0x10000000000ul

struct vfs_file;
struct vfs_node;
struct kern_program {
	uint64_t words[8];
};
extern struct vfs_node *vfs_root;
int kern_elf_load(struct vfs_file *file, struct kern_program *program);
int vfs_open(struct vfs_node *start, const char *path, uint32_t flags, uint32_t mode,
    struct vfs_file **file);
void vfs_file_put(struct vfs_file *file);

/* A host's file in memory of just its size, so that a byte too far is noticed. */
static void *read_all(const char *variable, size_t *bytes)
{
	const char *path = getenv(variable);
	int file = path ? open(path, O_RDONLY) : -1;
	struct stat status;
	char *data;

	*bytes = 0;
	if (file < 0 || fstat(file, &status))
		return NULL;
	data = malloc((size_t)status.st_size);
	*bytes = (size_t)read(file, data, (size_t)status.st_size);
	close(file);
	return data;
}

const void *rumpcomp_initrd(size_t *bytes)
{
	static void *archive;
	static size_t archive_bytes;

	if (!archive)
		archive = read_all("ARCHIVE", &archive_bytes);
	*bytes = archive_bytes;
	return archive;
}

size_t kern_program_path(char *path, size_t bytes)
{
	return (size_t)snprintf(path, bytes, "/bin/program");
}

uintptr_t rumpcomp_vm_lowest(void)
{
	return ARENA;
}

long kern_vm_map_file(uint64_t address, uint64_t bytes, int protection, int flags,
    struct vfs_file *file, uint64_t offset)
{
	void *where;

	(void)offset;
	if (!(flags & MAP_FIXED))
		address = ARENA;
	if (!bytes || address % 4096 || offset % 4096)
		return -EINVAL;
	if (address < ARENA || address > ARENA + ARENA_BYTES || bytes > ARENA + ARENA_BYTES - address)
		return -ENOMEM;
	/* Contents do not matter; that they can be written does. */
	where = mmap((void *)address, bytes, protection & 3 || !file ? PROT_READ | PROT_WRITE : PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	return where == MAP_FAILED ? -ENOMEM : (long)where;
}

int load_program(const char *path)
{
	struct kern_program program;
	struct vfs_file *file;
	int error;

	pthread_mutex_lock(&processor);
	error = vfs_open(vfs_root, path, 0, 0, &file);
	if (!error) {
		error = kern_elf_load(file, &program);
		vfs_file_put(file);
	}
	pthread_mutex_unlock(&processor);
	return error;
}

void *host_program(size_t *bytes)
{
	return read_all("PROGRAM", bytes);
}
