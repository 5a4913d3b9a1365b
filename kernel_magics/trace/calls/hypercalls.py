"""The hypercalls a guest records, as prototypes, in the order of lab_abi.h.

Those named `rumpuser_` are the interface of NetBSD's rumpuser(3), version 17; those
named `rumpcomp_` are this project's own, declared in images/rumpkit/include.  Those that only
upstream Rumprun has are apart.  A record holds the first four arguments.
"""

import re
from dataclasses import dataclass

__all__ = ["Argument", "Hypercall", "HYPERCALLS", "RECORDED_ARGUMENTS", "UPSTREAM"]

RECORDED_ARGUMENTS = 4


@dataclass(frozen=True)
class Argument:
    """One argument of a call: its C type, "" where only the name is known, and its name."""

    type: str
    name: str

    @property
    def is_pointer(self) -> bool:
        """Whether the value is an address, which reads better in hexadecimal."""
        return "*" in self.type or self.type.endswith(("_fn", "uintptr_t"))


@dataclass(frozen=True)
class Hypercall:
    """One hypercall: its name, its C result type and its arguments."""

    name: str
    result: str
    arguments: tuple[Argument, ...]

    @property
    def result_bits(self) -> int:
        """Return the width of the result in an exit record: 0 for void, 32 for int, 64."""
        return {"void": 0, "int": 32}.get(self.result, 64)


# As in images/rumpkit/include, which a test compares; new ones go at the end.
_PROTOTYPES = """
int rumpuser_init(int version, const struct rumpuser_hyperup *hyperup);
int rumpuser_malloc(size_t bytes, int alignment, void **memory);
void rumpuser_free(void *memory, size_t bytes);
int rumpuser_anonmmap(void *preferred, size_t bytes, int alignment_bits, int executable,
    void **memory);
void rumpuser_unmap(void *memory, size_t bytes);
int rumpuser_open(const char *path, int mode, int *descriptor);
int rumpuser_close(int descriptor);
int rumpuser_getfileinfo(const char *path, uint64_t *bytes, int *file_type);
void rumpuser_bio(int descriptor, int operation, void *data, size_t bytes, int64_t offset,
    rump_biodone_fn done, void *done_argument);
int rumpuser_iovread(int descriptor, struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes);
int rumpuser_iovwrite(int descriptor, const struct rumpuser_iovec *vector, size_t count,
    int64_t offset, size_t *bytes);
int rumpuser_syncfd(int descriptor, int flags, uint64_t start, uint64_t bytes);
int rumpuser_clock_gettime(int clock, int64_t *seconds, long *nanoseconds);
int rumpuser_clock_sleep(int clock, int64_t seconds, long nanoseconds);
int rumpuser_getparam(const char *name, void *buffer, size_t bytes);
void rumpuser_seterrno(int error);
int rumpuser_kill(int64_t pid, int signal);
void rumpuser_exit(int status);
void rumpuser_putchar(int character);
void rumpuser_dprintf(const char *format, ...);
int rumpuser_getrandom(void *buffer, size_t bytes, int flags, size_t *got);
int rumpuser_thread_create(void *(*function)(void *), void *argument, const char *name,
    int must_join, int priority, int cpu, void **cookie);
void rumpuser_thread_exit(void);
int rumpuser_thread_join(void *cookie);
void rumpuser_curlwpop(int operation, struct lwp *lwp);
struct lwp *rumpuser_curlwp(void);
void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags);
void rumpuser_mutex_enter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex);
int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_exit(struct rumpuser_mtx *mutex);
void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex);
void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner);
int rumpuser_mutex_spin_p(struct rumpuser_mtx *mutex);
void rumpuser_rw_init(struct rumpuser_rw **lock);
void rumpuser_rw_enter(int kind, struct rumpuser_rw *lock);
int rumpuser_rw_tryenter(int kind, struct rumpuser_rw *lock);
int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock);
void rumpuser_rw_downgrade(struct rumpuser_rw *lock);
void rumpuser_rw_exit(struct rumpuser_rw *lock);
void rumpuser_rw_destroy(struct rumpuser_rw *lock);
void rumpuser_rw_held(int kind, struct rumpuser_rw *lock, int *held);
void rumpuser_cv_init(struct rumpuser_cv **cv);
void rumpuser_cv_destroy(struct rumpuser_cv *cv);
void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex,
    int64_t seconds, int64_t nanoseconds);
void rumpuser_cv_signal(struct rumpuser_cv *cv);
void rumpuser_cv_broadcast(struct rumpuser_cv *cv);
void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *waiters);
void rumpuser_dl_bootstrap(rump_modinit_fn modinit, rump_symload_fn symload,
    rump_compload_fn compload, rump_evcntattach_fn evcntattach);
int rumpuser_daemonize_begin(void);
int rumpuser_daemonize_done(int error);
int rumpcomp_console_write(const void *data, size_t bytes);
int rumpcomp_console_read(void *data, size_t bytes, int flags);
int rumpcomp_vm_map(uintptr_t address, size_t bytes, int protection);
void rumpcomp_vm_unmap(uintptr_t address, size_t bytes);
int rumpcomp_vm_protect(uintptr_t address, size_t bytes, int protection);
size_t rumpcomp_vm_free_pages(void);
int rumpcomp_thread_start(const struct rumpcomp_frame *frame, uint64_t fs_base,
    const char *name, void *owner);
int rumpcomp_virtif_open(unsigned index, uint8_t *mac, unsigned *mtu,
    void (*input_ready)(void *), void *argument, struct rumpcomp_virtif **interface);
int rumpcomp_virtif_send(struct rumpcomp_virtif *interface,
    const struct rumpcomp_segment *segments, unsigned count,
    const struct rumpcomp_offload *offload);
void rumpcomp_virtif_flush(struct rumpcomp_virtif *interface);
long rumpcomp_virtif_receive(struct rumpcomp_virtif *interface, void **frame,
    struct rumpcomp_offload *offload);
void rumpcomp_virtif_release(struct rumpcomp_virtif *interface, void *frame);
bool rumpcomp_virtif_notify(struct rumpcomp_virtif *interface, bool on);
int rumpcomp_9p_open(const char *tag, struct rumpcomp_9p **server);
long rumpcomp_9p_request(struct rumpcomp_9p *server, const void *request, size_t bytes,
    void *reply, size_t reply_bytes, int64_t deadline_ns);
"""


# Of upstream Rumprun alone.  A stub is given what the call has that it stands for.  Source:
# sys/rump/dev/lib/libpci/pci_user.h and sys/rump/include/rump/rumpuser.h of NetBSD,
# lib/librumpkern_bmktc/bmktc_user.h of Rumprun.
_UPSTREAM_PROTOTYPES = """
int rumpuser_stub_nothing(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth);
int rumpuser_stub_enosys(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth);
int rumpcomp_bmktc_gettime(void);
int rumpcomp_pci_iospace_init(void);
int rumpcomp_pci_confread(unsigned bus, unsigned device, unsigned function, int register,
    unsigned *value);
int rumpcomp_pci_confwrite(unsigned bus, unsigned device, unsigned function, int register,
    unsigned value);
int rumpcomp_pci_irq_map(unsigned bus, unsigned device, unsigned function, int line,
    unsigned cookie);
void *rumpcomp_pci_irq_establish(unsigned cookie, int (*handler)(void *), void *argument);
void *rumpcomp_pci_map(uintptr_t address, size_t bytes);
int rumpcomp_pci_dmalloc(size_t bytes, size_t alignment, unsigned long *physical,
    unsigned long *memory);
void rumpcomp_pci_dmafree(uintptr_t memory, size_t bytes);
int rumpcomp_pci_dmamem_map(struct rumpcomp_pci_dmaseg *segments, size_t count, size_t bytes,
    void **memory);
uintptr_t rumpcomp_pci_virt_to_mach(void *memory);
int rumpuser_sp_init(const char *url, const char *ostype, const char *osrelease,
    const char *machine);
int rumpuser_sp_copyin(void *client, const void *remote, void *local, size_t bytes);
int rumpuser_sp_copyinstr(void *client, const void *remote, void *local, size_t *bytes);
int rumpuser_sp_copyout(void *client, const void *local, void *remote, size_t bytes);
int rumpuser_sp_copyoutstr(void *client, const void *local, void *remote, size_t *bytes);
int rumpuser_sp_anonmmap(void *client, size_t bytes, void **memory);
int rumpuser_sp_raise(void *client, int signal);
void rumpuser_sp_fini(void *client);
"""


def _parse(prototype: str) -> Hypercall:
    """Split one C prototype, of which only the forms above occur."""
    before, inside = " ".join(prototype.split()).split("(", 1)
    result, name = _split(before)
    parts = inside.rstrip(")").split(", ") if inside != "void)" else []
    return Hypercall(name, result, tuple(_argument(part) for part in parts if part != "..."))


def _argument(declaration: str) -> Argument:
    function = re.fullmatch(r"(.*)\(\*(\w+)\)(\(.*\)?)", declaration)
    if function:
        return Argument(f"{function[1]}(*){function[3].rstrip(')')})", function[2])
    return Argument(*_split(declaration))


def _split(declaration: str) -> tuple[str, str]:
    name = re.split(r"\W", declaration)[-1]
    return declaration.removesuffix(name).strip(), name


HYPERCALLS = tuple(_parse(line) for line in _PROTOTYPES.split(";") if line.strip())
UPSTREAM = tuple(_parse(line) for line in _UPSTREAM_PROTOTYPES.split(";") if line.strip())
