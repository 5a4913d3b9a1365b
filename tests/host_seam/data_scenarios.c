/*
 * data_scenarios.c - reading, writing, sizes, holes, seals, locks, memory devices.
 */
#include "calls.h"

void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);

static char big[300000];

static void reading_and_writing(void)
{
	char text[32] = "";

	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(write, 3, "hello world", 11);
	DO(read, 3, text, 10);
	DO(lseek, 3, 6, SEEK_SET);
	DO(read, 3, text, 3);
	note("%.3s\n", text);
	DO(read, 3, text, 30);
	DO(read, 3, text, 30);
	DO(pread64, 3, text, 5, 0);
	DO(pread64, 3, text, 5, 100);
	DO(pread64, 3, text, 5, -1);
	DO(pwrite64, 3, "HE", 2, 0);
	DO(pwrite64, 3, "!", 1, 20);
	DO(pwrite64, 3, "!", 1, -20);
	DO(pwrite64, 3, "!", 2, 0x7fffffffffffffff);
	DO(write, 3, "", 0);
	DO(lseek, 3, 0, SEEK_CUR);
	note_content("f");
	DO(open, "f", O_WRONLY | O_APPEND, 0);
	DO(write, 4, "end", 3);
	DO(pwrite64, 4, "END", 3, 0);
	DO(lseek, 4, 0, SEEK_CUR);
	DO(read, 4, text, 1);
	note_content("f");
	DO(open, "f", O_RDONLY, 0);
	DO(write, 5, "x", 1);
	DO(read, 99, text, 1);
	DO(write, -1, text, 1);
	DO(open, "f", 3, 0);
	DO(read, 6, text, 1);
	DO(write, 6, text, 1);
	DO(read, 3, text, 0);
	DO(fsync, 3);
	DO(fdatasync, 99);
	DO(fsync, 0);
	DO(ioctl, 3, FIONREAD, text);
	note("%d\n", *(int *)text);
	DO(ioctl, 3, TCGETS, text);
	DO(ioctl, 99, TCGETS, text);
	DO(ioctl, 3, FIOCLEX, 0);
	DO(fcntl, 3, F_GETFD, 0);
}

static void large_writes(void)
{
	size_t i;

	for (i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7 + i / 4096);
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(write, 3, big, sizeof big);
	DO(pwrite64, 3, big, sizeof big, 1000001);
	note_stat("f");
	note_content("f");
	DO(ftruncate, 3, 5000);
	note_stat("f");
	DO(ftruncate, 3, 9000);
	note_stat("f");
	note_content("f");
	memset(big, 0, sizeof big);
	DO(pread64, 3, big, sizeof big, 0);
	note("%d %d\n", big[4999], big[5000]);
}

static void seeking(void)
{
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(write, 3, "0123456789", 10);
	DO(lseek, 3, -1, SEEK_SET);
	DO(lseek, 3, -3, SEEK_CUR);
	DO(lseek, 3, -11, SEEK_CUR);
	DO(lseek, 3, -10, SEEK_END);
	DO(lseek, 3, -11, SEEK_END);
	DO(lseek, 3, 100, SEEK_END);
	DO(lseek, 3, 0x7fffffffffffffff, SEEK_SET);
	DO(lseek, 3, 0x7fffffffffffffff, SEEK_CUR);
	DO(lseek, 3, 0, 9);
	DO(lseek, 99, 0, SEEK_SET);
	DO(lseek, 3, 1ul << 40, SEEK_SET);
	DO(write, 3, "far", 3);
	note_stat("f");
	DO(lseek, 3, 0, SEEK_DATA);
	DO(lseek, 3, 5, SEEK_DATA);
	DO(lseek, 3, 5000, SEEK_DATA);
	DO(lseek, 3, 0, SEEK_HOLE);
	DO(lseek, 3, 10000, SEEK_HOLE);
	DO(lseek, 3, 1ul << 40, SEEK_HOLE);
	DO(lseek, 3, 1ul << 41, SEEK_DATA);
	DO(lseek, 3, -1, SEEK_HOLE);
	DO(ftruncate, 3, 20000);
	DO(lseek, 3, 5000, SEEK_DATA);
	DO(lseek, 3, 19999, SEEK_HOLE);
	note_stat("f");
}

static void truncating(void)
{
	put("f", "some text");
	QUIET(mkdir, "d", 0755);
	DO(truncate, "f", 4);
	note_content("f");
	DO(truncate, "f", 8);
	note_content("f");
	DO(truncate, "f", -1);
	DO(truncate, "d", 0);
	DO(truncate, "none", 0);
	DO(truncate, "/dev/null", 0);
	DO(truncate, "f", 1ul << 62);
	note_stat("f");
	DO(open, "f", O_RDONLY, 0);
	DO(ftruncate, 3, 0);
	DO(ftruncate, 99, 0);
	DO(ftruncate, 3, -1);
	DO(ftruncate, 0, 0);
	DO(open, "d", O_RDONLY, 0);
	DO(ftruncate, 4, 0);
	DO(truncate, "f", 0);
	note_stat("f");
}

static void allocating(void)
{
	size_t i;

	for (i = 0; i < 40000; i++)
		big[i] = 'd';
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(fallocate, 3, 0, 0, 10000);
	note_stat("f");
	DO(fallocate, 3, FALLOC_FL_KEEP_SIZE, 0, 20000);
	note_stat("f");
	DO(write, 3, big, 40000);
	DO(fallocate, 3, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 5000, 20000);
	note_stat("f");
	note_content("f");
	DO(fallocate, 3, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 100, 50);
	DO(fallocate, 3, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 4096, 4096);
	DO(fallocate, 3, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 36000, 1000000);
	note_stat("f");
	note_content("f");
	DO(fallocate, 3, FALLOC_FL_PUNCH_HOLE, 0, 1);
	DO(fallocate, 3, 0, -1, 1);
	DO(fallocate, 3, 0, 0, 0);
	DO(fallocate, 3, 0x100, 0, 1);
	DO(fallocate, 3, 0, 0x7fffffffffffffff, 1);
	DO(fallocate, 3, 0, 0, 1ul << 50);
	DO(fallocate, 99, 0, 0, 1);
	DO(open, "f", O_RDONLY, 0);
	DO(fallocate, 4, 0, 0, 1);
	DO(fallocate, 0, 0, 0, 1);
}

static void vectors(void)
{
	struct linux_iovec many[20], parts[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	char left[4] = "", right[8] = "";
	struct linux_iovec into[2] = { { left, 3 }, { right, 8 } };
	int i;

	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(writev, 3, parts, 3);
	DO(lseek, 3, 0, SEEK_SET);
	DO(readv, 3, into, 2);
	note("%s %s\n", left, right);
	DO(pwritev, 3, parts, 3, 4);
	DO(preadv, 3, into, 2, 1);
	note("%s %s\n", left, right);
	DO(writev, 3, parts, 0);
	DO(writev, 3, 0, 0);
	DO(writev, 3, parts, -1);
	DO(writev, 3, parts, 1025);
	DO(writev, 3, 8, 2);
	DO(writev, 99, parts, 2);
	for (i = 0; i < 20; i++)
		many[i] = (struct linux_iovec){ "xyz" + i % 3, 1 };
	DO(writev, 3, many, 20);
	parts[1].iov_base = (void *)8;
	parts[1].iov_len = 2;
	DO(pwritev, 3, parts, 3, 100);
	note_content("f");
	parts[0].iov_len = (size_t)-1;
	DO(writev, 3, parts, 3);
	DO(preadv, 3, into, 2, -1);
	DO(preadv2, 3, into, 2, 0, 0, 0);
	DO(pwritev2, 3, into, 1, -1, 0, 0);
	for (int flags = 1; flags <= 4; flags *= 2) { /* RWF_HIPRI, RWF_DSYNC, RWF_SYNC */
		note("flags %d: ", flags);
		DO(pwritev2, 3, into, 1, 0, 0, flags);
		DO(preadv2, 3, into, 1, 0, 0, flags);
	}
	DO(pwritev2, 3, into, 1, 0, 0, 1 << 20);
	DO(preadv2, 3, into, 1, 0, 0, 1 << 20);
	note_content("f");
}

/* Memory that is not there, in whole and in part. */
static void bad_addresses(void)
{
	char *unmapped = (char *)0x10;
	char text[8] = "";

	DO(open, unmapped, O_RDONLY, 0);
	DO(open, "f", O_RDWR | O_CREAT, 0644);
	DO(write, 3, unmapped, 10);
	note_stat("f");
	DO(write, 3, "text", 4);
	DO(pread64, 3, unmapped, 4, 0);
	DO(pread64, 3, unmapped, 4, 4);
	DO(getcwd, unmapped, 100);
	DO(readlink, unmapped, text, 8);
	DO(pipe2, unmapped, 0);
	DO(open, "g", O_RDWR | O_CREAT, 0644);
	DO(poll, unmapped, 1, 0);
	DO(select, 1, unmapped, 0, 0, 0);
	DO(ioctl, 3, FIONREAD, unmapped);
	DO(utimensat, AT_FDCWD, "f", unmapped, 0);
	DO(rename, "f", unmapped);
	DO(symlink, unmapped, "x");
	DO(memfd_create, unmapped, 0);
	DO(epoll_create1, 0);
	DO(epoll_ctl, 5, EPOLL_CTL_ADD, 0, unmapped);
	DO(readv, 3, unmapped, 1);
}

static void sending(void)
{
	uint64_t offset = 2;
	char text[16] = "";

	put("from", "0123456789");
	DO(open, "from", O_RDONLY, 0);
	DO(open, "to", O_RDWR | O_CREAT, 0644);
	DO(sendfile, 4, 3, 0, 4);
	DO(lseek, 3, 0, SEEK_CUR);
	DO(sendfile, 4, 3, &offset, 100);
	note("%lu\n", offset);
	DO(lseek, 3, 0, SEEK_CUR);
	DO(sendfile, 4, 3, &offset, 100);
	DO(sendfile, 3, 4, 0, 1);
	DO(sendfile, 4, 99, 0, 1);
	DO(sendfile, 99, 3, 0, 1);
	offset = (uint64_t)-1;
	DO(sendfile, 4, 3, &offset, 1);
	note_content("to");
	DO(pipe2, text, 0);
	DO(lseek, 3, 0, SEEK_SET);
	DO(sendfile, 6, 3, 0, 10);
	DO(read, 5, text, 16);
	DO(sendfile, 4, 5, 0, 10);
}

static void memory_files(void)
{
	DO(memfd_create, "name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	DO(fcntl, 3, F_GETFD, 0);
	DO(write, 3, "0123456789", 10);
	note_fstat(3);
	DO(fcntl, 3, F_GET_SEALS, 0);
	DO(fcntl, 3, F_ADD_SEALS, F_SEAL_SHRINK);
	DO(ftruncate, 3, 5);
	DO(ftruncate, 3, 15);
	DO(fcntl, 3, F_ADD_SEALS, F_SEAL_GROW);
	DO(ftruncate, 3, 20);
	DO(pwrite64, 3, "abcdef", 6, 12);
	DO(pwrite64, 3, "abcdef", 6, 15);
	DO(fallocate, 3, 0, 0, 100);
	DO(fcntl, 3, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
	DO(pwrite64, 3, "a", 1, 0);
	DO(fallocate, 3, 3, 0, 1);
	DO(fcntl, 3, F_ADD_SEALS, F_SEAL_WRITE);
	DO(fcntl, 3, F_GET_SEALS, 0);
	DO(memfd_create, "plain", 0);
	DO(fcntl, 4, F_GET_SEALS, 0);
	DO(fcntl, 4, F_ADD_SEALS, F_SEAL_WRITE);
	DO(memfd_create, "x", 0x100);
	put("f", "");
	DO(open, "f", O_RDWR, 0);
	DO(fcntl, 5, F_GET_SEALS, 0);
	DO(fcntl, 0, F_GET_SEALS, 0);
}

static void locking(void)
{
	struct linux_flock lock = { F_WRLCK, SEEK_SET, 0, 0, 0 };

	put("f", "text");
	DO(open, "f", O_RDWR, 0);
	DO(open, "f", O_RDWR, 0);
	DO(dup, 3);
	DO(flock, 3, LOCK_EX);
	DO(flock, 4, LOCK_EX | LOCK_NB);
	DO(flock, 4, LOCK_SH | LOCK_NB);
	DO(flock, 5, LOCK_EX | LOCK_NB);
	DO(flock, 5, LOCK_SH);
	DO(flock, 4, LOCK_SH | LOCK_NB);
	DO(flock, 4, LOCK_EX | LOCK_NB);
	DO(close, 3);
	DO(flock, 4, LOCK_EX | LOCK_NB);
	DO(flock, 5, LOCK_UN);
	DO(flock, 4, LOCK_EX | LOCK_NB);
	DO(close, 4);
	DO(flock, 5, LOCK_EX | LOCK_NB);
	DO(flock, 5, 77);
	DO(flock, 99, LOCK_EX);
	DO(fcntl, 5, F_SETLK, &lock);
	DO(fcntl, 5, F_GETLK, &lock);
	note("%d\n", lock.l_type);
	lock.l_type = 9;
	DO(fcntl, 5, F_SETLK, &lock);
	DO(open, "f", O_RDONLY, 0);
	lock.l_type = F_WRLCK;
	DO(fcntl, 3, F_SETLK, &lock);
}

static void memory_devices(void)
{
	char text[600];
	size_t i, other = 0;

	DO(open, "/dev/null", O_RDWR | O_TRUNC | O_CREAT, 0666);
	DO(write, 3, "gone", 4);
	DO(read, 3, text, 4);
	DO(lseek, 3, 100, SEEK_SET);
	DO(write, 3, 8, 4);
	DO(ioctl, 3, TCGETS, text);
	DO(open, "/dev/zero", O_RDWR, 0);
	memset(text, 1, sizeof text);
	DO(read, 4, text, sizeof text);
	for (i = 0; i < sizeof text; i++)
		other += text[i] != 0;
	note("%zu\n", other);
	DO(read, 4, 8, 10);
	DO(write, 4, "x", 1);
	DO(pread64, 4, text, 10, 5);
	DO(open, "/dev/full", O_RDWR, 0);
	DO(read, 5, text, 10);
	DO(write, 5, "x", 1);
	DO(write, 5, "x", 0);
	DO(open, "/dev/urandom", O_RDONLY, 0);
	memset(text, 0, sizeof text);
	DO(read, 6, text, sizeof text);
	for (i = 0, other = 0; i < sizeof text; i++)
		other += text[i] != 0;
	note("%d\n", other > 500);
	DO(mknod, "dev", S_IFCHR | 0666, 0x103);
	DO(mknod, "nodev", S_IFCHR | 0666, 0xfa00);
	DO(open, "/dev/null", O_RDONLY | O_DIRECTORY, 0);
	DO(open, "/dev/null/x", O_RDONLY, 0);
}

const struct scenario data_scenarios[] = {
	{ "reading_and_writing", reading_and_writing }, { "large_writes", large_writes },
	{ "seeking", seeking }, { "truncating", truncating }, { "allocating", allocating },
	{ "vectors", vectors }, { "bad_addresses", bad_addresses }, { "sending", sending },
	{ "memory_files", memory_files }, { "locking", locking },
	{ "memory_devices", memory_devices }, { NULL, NULL },
};
