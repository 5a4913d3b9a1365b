/*
 * rumpuser.h - the hypercall interface, version 17.
 *
 * The calls a rump kernel makes of whatever runs it.  Names, argument order and
 * results follow NetBSD's rumpuser(3), so that code written for that interface links
 * here unchanged; CONTRACT.md says in our words what each promises.  Errors are
 * positive numbers in NetBSD's numbering (RUMPUSER_E*), 0 is success.
 *
 * "Blocks" below means: the calling thread may sleep, and the rump kernel's
 * scheduling context is released through the hyp_backend_unschedule upcall meanwhile.
 */
#ifndef RUMPKIT_RUMPUSER_H
#define RUMPKIT_RUMPUSER_H

#include <stddef.h>
#include <stdint.h>

#define RUMPUSER_VERSION 17

/* The few error numbers a host returns, as NetBSD counts them. */
enum {
	RUMPUSER_ENOENT = 2, RUMPUSER_EIO = 5, RUMPUSER_ENXIO = 6, RUMPUSER_E2BIG = 7,
	RUMPUSER_EBADF = 9, RUMPUSER_ENOMEM = 12, RUMPUSER_EFAULT = 14, RUMPUSER_EBUSY = 16,
	RUMPUSER_EINVAL = 22, RUMPUSER_EMFILE = 24, RUMPUSER_ENOSPC = 28, RUMPUSER_EROFS = 30,
	RUMPUSER_EAGAIN = 35, RUMPUSER_ETIMEDOUT = 60,
	RUMPUSER_ENOSYS = 78,
};

struct lwp;

/* Upcalls: how the host asks the rump kernel for something.  Any may be NULL here. */
struct rumpuser_hyperup {
	void (*hyp_schedule)(void);
	void (*hyp_unschedule)(void);
	void (*hyp_backend_unschedule)(int, int *, void *);
	void (*hyp_backend_schedule)(int, void *);
	void (*hyp_lwproc_switch)(struct lwp *);
	void (*hyp_lwproc_release)(void);
	int (*hyp_lwproc_rfork)(void *, int, const char *);
	int (*hyp_lwproc_newlwp)(int32_t);
	struct lwp *(*hyp_lwproc_curlwp)(void);
	int (*hyp_syscall)(int, void *, long *);
	void (*hyp_lwpexit)(void);
	void (*hyp_execnotify)(const char *);
	int32_t (*hyp_getpid)(void);
	void *hyp__extra[8];
};

int rumpuser_init(int version, const struct rumpuser_hyperup *hyperup);

/* Memory.  Alignment is a power of two, 0 for the default of 16 bytes. */
int rumpuser_malloc(size_t bytes, int alignment, void **memory);
void rumpuser_free(void *memory, size_t bytes);
int rumpuser_anonmmap(void *preferred, size_t bytes, int alignment_bits,
    int executable, void **memory);
void rumpuser_unmap(void *memory, size_t bytes);

/* Files and block devices of the host. */
#define RUMPUSER_OPEN_RDONLY 0x0000
#define RUMPUSER_OPEN_WRONLY 0x0001
#define RUMPUSER_OPEN_RDWR 0x0002
#define RUMPUSER_OPEN_ACCMODE 0x0003
#define RUMPUSER_OPEN_CREATE 0x0004
#define RUMPUSER_OPEN_EXCL 0x0008
#define RUMPUSER_OPEN_BIO 0x0010
int rumpuser_open(const char *path, int mode, int *descriptor);
int rumpuser_close(int descriptor);

#define RUMPUSER_FT_OTHER 0
#define RUMPUSER_FT_DIR 1
#define RUMPUSER_FT_REG 2
#define RUMPUSER_FT_BLK 3
#define RUMPUSER_FT_CHR 4
int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type);

#define RUMPUSER_BIO_READ 0x01
#define RUMPUSER_BIO_WRITE 0x02
#define RUMPUSER_BIO_SYNC 0x04
typedef void (*rump_biodone_fn)(void *, size_t, int);
void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes,
    int64_t offset, rump_biodone_fn done, void *done_argument);

struct rumpuser_iovec {
	void *iov_base;
	size_t iov_len;
};
#define RUMPUSER_IOV_NOSEEK -1
int rumpuser_iovread(int descriptor, struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes);
int rumpuser_iovwrite(int descriptor, const struct rumpuser_iovec *vector,
    size_t count, int64_t offset, size_t *bytes);

#define RUMPUSER_SYNCFD_READ 0x01
#define RUMPUSER_SYNCFD_WRITE 0x02
#define RUMPUSER_SYNCFD_BOTH 0x03
#define RUMPUSER_SYNCFD_BARRIER 0x04
#define RUMPUSER_SYNCFD_SYNC 0x08
int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes);

/* Time.  RELWALL: wall clock / relative sleep; ABSMONO: monotonic / absolute sleep. */
enum rumpclock { RUMPUSER_CLOCK_RELWALL, RUMPUSER_CLOCK_ABSMONO };
int rumpuser_clock_gettime(int clock, int64_t *seconds, long *nanoseconds);
int rumpuser_clock_sleep(int clock, int64_t seconds, long nanoseconds);

/* Parameters: a NUL-terminated value for a name; E2BIG if it does not fit. */
#define RUMPUSER_PARAM_NCPU "_RUMPUSER_NCPU"
#define RUMPUSER_PARAM_HOSTNAME "_RUMPUSER_HOSTNAME"
int rumpuser_getparam(const char *name, void *buffer, size_t bytes);

void rumpuser_seterrno(int error);

/* The end.  RUMPUSER_PANIC as status stops the guest with a panic record. */
#define RUMPUSER_PID_SELF ((int64_t)-1)
int rumpuser_kill(int64_t pid, int signal);
#define RUMPUSER_PANIC (-1)
__attribute__((noreturn)) void rumpuser_exit(int status);

void rumpuser_putchar(int character);
__attribute__((format(printf, 1, 2))) void rumpuser_dprintf(const char *format, ...);

#define RUMPUSER_RANDOM_HARD 0x01
#define RUMPUSER_RANDOM_NOWAIT 0x02
int rumpuser_getrandom(void *buffer, size_t bytes, int flags, size_t *got);

/* Threads. */
int rumpuser_thread_create(void *(*function)(void *), void *argument, const char *name,
    int must_join, int priority, int cpu, void **cookie);
__attribute__((noreturn)) void rumpuser_thread_exit(void);
int rumpuser_thread_join(void *cookie);

enum rumplwpop {
	RUMPUSER_LWP_CREATE, RUMPUSER_LWP_DESTROY, RUMPUSER_LWP_SET, RUMPUSER_LWP_CLEAR
};
void rumpuser_curlwpop(int operation, struct lwp *lwp);
struct lwp *rumpuser_curlwp(void);

/* Mutexes.  KMUTEX ones remember the lwp that holds them; SPIN ones never block. */
struct rumpuser_mtx;
#define RUMPUSER_MTX_SPIN 0x01
#define RUMPUSER_MTX_KMUTEX 0x02
void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags);
void rumpuser_mutex_enter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex);
int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_exit(struct rumpuser_mtx *mutex);
void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex);
void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner);
int rumpuser_mutex_spin_p(struct rumpuser_mtx *mutex);

/* Reader/writer locks. */
struct rumpuser_rw;
enum rumprwlock { RUMPUSER_RW_READER, RUMPUSER_RW_WRITER };
void rumpuser_rw_init(struct rumpuser_rw **lock);
void rumpuser_rw_enter(int kind, struct rumpuser_rw *lock);
int rumpuser_rw_tryenter(int kind, struct rumpuser_rw *lock);
int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock);
void rumpuser_rw_downgrade(struct rumpuser_rw *lock);
void rumpuser_rw_exit(struct rumpuser_rw *lock);
void rumpuser_rw_destroy(struct rumpuser_rw *lock);
void rumpuser_rw_held(int kind, struct rumpuser_rw *lock, int *held);

/* Condition variables. */
struct rumpuser_cv;
void rumpuser_cv_init(struct rumpuser_cv **cv);
void rumpuser_cv_destroy(struct rumpuser_cv *cv);
void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex,
    int64_t seconds, int64_t nanoseconds);
void rumpuser_cv_signal(struct rumpuser_cv *cv);
void rumpuser_cv_broadcast(struct rumpuser_cv *cv);
void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *waiters);

/* Dynamic loading and becoming a daemon: a unikernel has neither; both succeed. */
struct modinfo;
struct rump_component;
struct evcnt;
typedef void (*rump_modinit_fn)(const struct modinfo *const *, size_t);
typedef int (*rump_symload_fn)(void *, uint64_t, char *, uint64_t);
typedef void (*rump_compload_fn)(const struct rump_component *);
typedef void (*rump_evcntattach_fn)(struct evcnt *);
void rumpuser_dl_bootstrap(rump_modinit_fn, rump_symload_fn, rump_compload_fn,
    rump_evcntattach_fn);
int rumpuser_daemonize_begin(void);
int rumpuser_daemonize_done(int error);

#endif
