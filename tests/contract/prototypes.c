/*
 * prototypes.c - the types of all hypercalls, as rumpuser(3) version 17 publishes them.
 *
 * Compiling this is the test.  pid_t is int32_t there, and enums are passed as int.
 */
#include "rumpuser.h"

#define IS(name, ...) _Static_assert( \
	__builtin_types_compatible_p(__typeof__(&name), __VA_ARGS__), #name)

/* The two that do not return, declared again: a difference would be an error too. */
__attribute__((noreturn)) void rumpuser_exit(int);
__attribute__((noreturn)) void rumpuser_thread_exit(void);

IS(rumpuser_init, int (*)(int, const struct rumpuser_hyperup *));
IS(rumpuser_malloc, int (*)(size_t, int, void **));
IS(rumpuser_free, void (*)(void *, size_t));
IS(rumpuser_anonmmap, int (*)(void *, size_t, int, int, void **));
IS(rumpuser_unmap, void (*)(void *, size_t));
IS(rumpuser_open, int (*)(const char *, int, int *));
IS(rumpuser_close, int (*)(int));
IS(rumpuser_getfileinfo, int (*)(const char *, uint64_t *, int *));
IS(rumpuser_bio, void (*)(int, int, void *, size_t, int64_t, void (*)(void *, size_t, int), void *));
IS(rumpuser_iovread, int (*)(int, struct rumpuser_iovec *, size_t, int64_t, size_t *));
IS(rumpuser_iovwrite, int (*)(int, const struct rumpuser_iovec *, size_t, int64_t, size_t *));
IS(rumpuser_syncfd, int (*)(int, int, uint64_t, uint64_t));
IS(rumpuser_clock_gettime, int (*)(int, int64_t *, long *));
IS(rumpuser_clock_sleep, int (*)(int, int64_t, long));
IS(rumpuser_getparam, int (*)(const char *, void *, size_t));
IS(rumpuser_seterrno, void (*)(int));
IS(rumpuser_kill, int (*)(int64_t, int));
IS(rumpuser_putchar, void (*)(int));
IS(rumpuser_dprintf, void (*)(const char *, ...));
IS(rumpuser_getrandom, int (*)(void *, size_t, int, size_t *));
IS(rumpuser_thread_create, int (*)(void *(*)(void *), void *, const char *, int, int, int, void **));
IS(rumpuser_thread_join, int (*)(void *));
IS(rumpuser_curlwpop, void (*)(int, struct lwp *));
IS(rumpuser_curlwp, struct lwp *(*)(void));
IS(rumpuser_mutex_init, void (*)(struct rumpuser_mtx **, int));
IS(rumpuser_mutex_enter, void (*)(struct rumpuser_mtx *));
IS(rumpuser_mutex_enter_nowrap, void (*)(struct rumpuser_mtx *));
IS(rumpuser_mutex_tryenter, int (*)(struct rumpuser_mtx *));
IS(rumpuser_mutex_exit, void (*)(struct rumpuser_mtx *));
IS(rumpuser_mutex_destroy, void (*)(struct rumpuser_mtx *));
IS(rumpuser_mutex_owner, void (*)(struct rumpuser_mtx *, struct lwp **));
IS(rumpuser_mutex_spin_p, int (*)(struct rumpuser_mtx *));
IS(rumpuser_rw_init, void (*)(struct rumpuser_rw **));
IS(rumpuser_rw_enter, void (*)(int, struct rumpuser_rw *));
IS(rumpuser_rw_tryenter, int (*)(int, struct rumpuser_rw *));
IS(rumpuser_rw_tryupgrade, int (*)(struct rumpuser_rw *));
IS(rumpuser_rw_downgrade, void (*)(struct rumpuser_rw *));
IS(rumpuser_rw_exit, void (*)(struct rumpuser_rw *));
IS(rumpuser_rw_destroy, void (*)(struct rumpuser_rw *));
IS(rumpuser_rw_held, void (*)(int, struct rumpuser_rw *, int *));
IS(rumpuser_cv_init, void (*)(struct rumpuser_cv **));
IS(rumpuser_cv_destroy, void (*)(struct rumpuser_cv *));
IS(rumpuser_cv_wait, void (*)(struct rumpuser_cv *, struct rumpuser_mtx *));
IS(rumpuser_cv_wait_nowrap, void (*)(struct rumpuser_cv *, struct rumpuser_mtx *));
IS(rumpuser_cv_timedwait, int (*)(struct rumpuser_cv *, struct rumpuser_mtx *, int64_t, int64_t));
IS(rumpuser_cv_signal, void (*)(struct rumpuser_cv *));
IS(rumpuser_cv_broadcast, void (*)(struct rumpuser_cv *));
IS(rumpuser_cv_has_waiters, void (*)(struct rumpuser_cv *, int *));
IS(rumpuser_dl_bootstrap, void (*)(void (*)(const struct modinfo *const *, size_t),
    int (*)(void *, uint64_t, char *, uint64_t), void (*)(const struct rump_component *),
    void (*)(struct evcnt *)));
IS(rumpuser_daemonize_begin, int (*)(void));
IS(rumpuser_daemonize_done, int (*)(int));
_Static_assert(RUMPUSER_VERSION == 17, "the version the factions and the host agree on");
