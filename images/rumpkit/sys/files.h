/*
 * files.h - the system calls on files, by their x86-64 numbers.
 *
 * Each takes the six argument registers and returns a result or a negative errno, as
 * its page in section 2 of the manual says.  They may block.
 */
#ifndef SYS_FILES_H
#define SYS_FILES_H

#include <stdint.h>

#define SYS_FILES(X) \
	X(0, read) X(1, write) X(2, open) X(3, close) X(4, stat) X(5, fstat) \
	X(6, lstat) X(7, poll) X(8, lseek) X(16, ioctl) X(17, pread64) X(18, pwrite64) \
	X(19, readv) X(20, writev) X(21, access) X(22, pipe) X(23, select) X(32, dup) \
	X(33, dup2) X(40, sendfile) X(72, fcntl) X(73, flock) X(74, fsync) \
	X(75, fdatasync) X(76, truncate) X(77, ftruncate) X(79, getcwd) X(80, chdir) \
	X(81, fchdir) X(82, rename) X(83, mkdir) X(84, rmdir) X(85, creat) X(86, link) \
	X(87, unlink) X(88, symlink) X(89, readlink) X(90, chmod) X(91, fchmod) \
	X(92, chown) X(93, fchown) X(94, lchown) X(95, umask) X(133, mknod) \
	X(137, statfs) X(138, fstatfs) X(162, sync) X(165, mount) X(166, umount2) X(217, getdents64) X(221, fadvise64) \
	X(232, epoll_wait) X(233, epoll_ctl) X(257, openat) X(258, mkdirat) \
	X(259, mknodat) X(260, fchownat) X(262, newfstatat) X(263, unlinkat) \
	X(264, renameat) X(265, linkat) X(266, symlinkat) X(267, readlinkat) \
	X(268, fchmodat) X(269, faccessat) X(270, pselect6) X(271, ppoll) \
	X(280, utimensat) X(281, epoll_pwait) X(284, eventfd) X(285, fallocate) \
	X(290, eventfd2) X(291, epoll_create1) X(213, epoll_create) X(292, dup3) \
	X(293, pipe2) X(326, copy_file_range) X(295, preadv) X(296, pwritev) X(306, syncfs) X(316, renameat2) \
	X(319, memfd_create) X(327, preadv2) X(328, pwritev2) X(332, statx) \
	X(436, close_range) X(439, faccessat2)

#define SYS_FILES_DECLARE(number, name) long sys_##name(long, long, long, long, long, long);
SYS_FILES(SYS_FILES_DECLARE)
#undef SYS_FILES_DECLARE

/* The deadline of a timespec of the application; NULL waits for ever.  -EFAULT, -EINVAL. */
int sys_deadline_of(long user, int64_t *deadline_ns);

#endif
