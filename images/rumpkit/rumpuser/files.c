/*
 * files.c - files and block devices of the host.
 *
 * A machine of bare metal has no host files: these calls exist, count and trace like
 * the others, and say ENOSYS (ENOENT for a name), which rumpuser(3) allows.
 */
#include "lab_trace.h"
#include "rumpuser.h"

int rumpuser_open(const char *path, int mode, int *descriptor)
{
	HYPERCALL_ENTER(rumpuser_open, path, mode, descriptor, 0);
	HYPERCALL_RETURN(rumpuser_open, RUMPUSER_ENOENT);
}

int rumpuser_close(int descriptor)
{
	HYPERCALL_ENTER(rumpuser_close, descriptor, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_close, RUMPUSER_EBADF);
}

int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type)
{
	HYPERCALL_ENTER(rumpuser_getfileinfo, path, bytes, file_type, 0);
	HYPERCALL_RETURN(rumpuser_getfileinfo, RUMPUSER_ENOENT);
}

void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    rump_biodone_fn done, void *done_argument)
{
	HYPERCALL_ENTER(rumpuser_bio, descriptor, operation, data, bytes);
	(void)offset;
	done(done_argument, 0, RUMPUSER_ENOSYS);
	HYPERCALL_EXIT(rumpuser_bio, 0);
}

int rumpuser_iovread(int descriptor, struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes)
{
	HYPERCALL_ENTER(rumpuser_iovread, descriptor, vector, count, offset);
	*bytes = 0;
	HYPERCALL_RETURN(rumpuser_iovread, RUMPUSER_ENOSYS);
}

int rumpuser_iovwrite(int descriptor, const struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes)
{
	HYPERCALL_ENTER(rumpuser_iovwrite, descriptor, vector, count, offset);
	*bytes = 0;
	HYPERCALL_RETURN(rumpuser_iovwrite, RUMPUSER_ENOSYS);
}

int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes)
{
	HYPERCALL_ENTER(rumpuser_syncfd, descriptor, flags, start, bytes);
	HYPERCALL_RETURN(rumpuser_syncfd, RUMPUSER_ENOSYS);
}
