/*
 * trace_calls.c - a wrapper around each hypercall: a counter always, records on demand.
 *
 * Upstream's functions take up to six words in registers, and two of them a seventh on the
 * stack.  A wrapper hands on all six whatever the prototype says, so that not recorded it
 * is an increment, a test and a jump.
 */
#include <stdarg.h>

#include "trace.h"

typedef uint64_t word;

/* Which argument is a text that is worth a copy; 0: none. */
#define NO_TEXT 0

#define EVENT(name) (LAB_EVENT_HYPERCALL + LAB_HC_##name)
#define UPSTREAM(name) (LAB_EVENT_UPSTREAM + LAB_UP_##name)

/* With the event goes which argument is a text: six words are passed in registers. */
#define WITH_TEXT(event, text) ((unsigned)(event) | (unsigned)(text) << 16)

static __attribute__((noinline)) void lab_enter(unsigned event_and_text, word a0, word a1,
    word a2, word a3, word caller)
{
	unsigned event = event_and_text & 0xffff, text = event_and_text >> 16;
	const word arguments[] = { a0, a1, a2, a3 };

	lab_record_enter(event, a0, a1, a2, a3, caller);
	if (text && arguments[text - 1])
		lab_record_text(event, text - 1, (const char *)arguments[text - 1]);
	if (__builtin_expect(lab_bit(lab_header.stacks, event), 0))
		lab_record_stack(event);
}

static __attribute__((noinline)) word lab_leave(unsigned event, word result)
{
	lab_record_exit(event, result);
	return result;
}

#define CALLER ((word)__builtin_return_address(0))

/* What a component has is there if the component is; a library must be asked for it. */
#define IF_THERE __attribute__((weak))
#define IN_LIBRARY

#define WRAP(name, text, recorded) WRAP_AS(IF_THERE, EVENT(name), name, text, recorded)
#define WRAP_UPSTREAM(name, text, recorded) \
	WRAP_AS(IF_THERE, UPSTREAM(name), name, text, recorded)
#define WRAP_AS(linkage, event, name, text, recorded) \
	linkage word __real_##name(word, word, word, word, word, word); \
	word __wrap_##name(word a0, word a1, word a2, word a3, word a4, word a5); \
	word __wrap_##name(word a0, word a1, word a2, word a3, word a4, word a5) \
	{ \
		lab_counters[event]++; \
		if (!lab_wants(event)) \
			return __real_##name(a0, a1, a2, a3, a4, a5); \
		lab_enter(WITH_TEXT(event, text), recorded > 0 ? a0 : 0, recorded > 1 ? a1 : 0, \
		    recorded > 2 ? a2 : 0, recorded > 3 ? a3 : 0, CALLER); \
		return lab_leave(event, __real_##name(a0, a1, a2, a3, a4, a5)); \
	}

#define WRAP7(name, text) \
	IF_THERE word __real_##name(word, word, word, word, word, word, word); \
	word __wrap_##name(word a0, word a1, word a2, word a3, word a4, word a5, word a6); \
	word __wrap_##name(word a0, word a1, word a2, word a3, word a4, word a5, word a6) \
	{ \
		lab_counters[EVENT(name)]++; \
		if (!lab_wants(EVENT(name))) \
			return __real_##name(a0, a1, a2, a3, a4, a5, a6); \
		lab_enter(WITH_TEXT(EVENT(name), text), a0, a1, a2, a3, CALLER); \
		return lab_leave(EVENT(name), __real_##name(a0, a1, a2, a3, a4, a5, a6)); \
	}

/* By how many arguments there are to record, of at most four. */
WRAP(rumpuser_init, NO_TEXT, 2)
WRAP(rumpuser_malloc, NO_TEXT, 3)
WRAP(rumpuser_free, NO_TEXT, 2)
WRAP(rumpuser_anonmmap, NO_TEXT, 4)
WRAP(rumpuser_unmap, NO_TEXT, 2)
WRAP(rumpuser_open, 1, 3)
WRAP(rumpuser_close, NO_TEXT, 1)
WRAP(rumpuser_getfileinfo, 1, 3)
WRAP7(rumpuser_bio, NO_TEXT)
WRAP(rumpuser_iovread, NO_TEXT, 4)
WRAP(rumpuser_iovwrite, NO_TEXT, 4)
WRAP(rumpuser_syncfd, NO_TEXT, 4)
WRAP(rumpuser_clock_gettime, NO_TEXT, 3)
WRAP(rumpuser_clock_sleep, NO_TEXT, 3)
WRAP(rumpuser_getparam, 1, 3)
WRAP(rumpuser_seterrno, NO_TEXT, 1)
WRAP(rumpuser_kill, NO_TEXT, 2)
WRAP(rumpuser_exit, NO_TEXT, 1)
WRAP(rumpuser_putchar, NO_TEXT, 1)
WRAP(rumpuser_getrandom, NO_TEXT, 4)
WRAP(rumpuser_thread_join, NO_TEXT, 1)
WRAP(rumpuser_curlwpop, NO_TEXT, 2)
WRAP(rumpuser_curlwp, NO_TEXT, 0)
WRAP(rumpuser_mutex_init, NO_TEXT, 2)
WRAP(rumpuser_mutex_enter, NO_TEXT, 1)
WRAP(rumpuser_mutex_enter_nowrap, NO_TEXT, 1)
WRAP(rumpuser_mutex_tryenter, NO_TEXT, 1)
WRAP(rumpuser_mutex_exit, NO_TEXT, 1)
WRAP(rumpuser_mutex_destroy, NO_TEXT, 1)
WRAP(rumpuser_mutex_owner, NO_TEXT, 2)
WRAP(rumpuser_mutex_spin_p, NO_TEXT, 1)
WRAP(rumpuser_rw_init, NO_TEXT, 1)
WRAP(rumpuser_rw_enter, NO_TEXT, 2)
WRAP(rumpuser_rw_tryenter, NO_TEXT, 2)
WRAP(rumpuser_rw_tryupgrade, NO_TEXT, 1)
WRAP(rumpuser_rw_downgrade, NO_TEXT, 1)
WRAP(rumpuser_rw_exit, NO_TEXT, 1)
WRAP(rumpuser_rw_destroy, NO_TEXT, 1)
WRAP(rumpuser_rw_held, NO_TEXT, 3)
WRAP(rumpuser_cv_init, NO_TEXT, 1)
WRAP(rumpuser_cv_destroy, NO_TEXT, 1)
WRAP(rumpuser_cv_wait, NO_TEXT, 2)
WRAP(rumpuser_cv_wait_nowrap, NO_TEXT, 2)
WRAP(rumpuser_cv_timedwait, NO_TEXT, 4)
WRAP(rumpuser_cv_signal, NO_TEXT, 1)
WRAP(rumpuser_cv_broadcast, NO_TEXT, 1)
WRAP(rumpuser_cv_has_waiters, NO_TEXT, 2)
WRAP(rumpuser_dl_bootstrap, NO_TEXT, 3)
WRAP(rumpuser_daemonize_begin, NO_TEXT, 0)
WRAP(rumpuser_daemonize_done, NO_TEXT, 1)

WRAP7(rumpuser_thread_create, 3)

WRAP_UPSTREAM(rumpcomp_bmktc_gettime, NO_TEXT, 0)
WRAP_UPSTREAM(rumpcomp_pci_iospace_init, NO_TEXT, 0)
WRAP_UPSTREAM(rumpcomp_pci_confread, NO_TEXT, 4)
WRAP_UPSTREAM(rumpcomp_pci_confwrite, NO_TEXT, 4)
WRAP_UPSTREAM(rumpcomp_pci_irq_map, NO_TEXT, 4)
WRAP_UPSTREAM(rumpcomp_pci_irq_establish, NO_TEXT, 3)
WRAP_UPSTREAM(rumpcomp_pci_map, NO_TEXT, 2)
WRAP_UPSTREAM(rumpcomp_pci_dmalloc, NO_TEXT, 4)
WRAP_UPSTREAM(rumpcomp_pci_dmafree, NO_TEXT, 2)
WRAP_UPSTREAM(rumpcomp_pci_dmamem_map, NO_TEXT, 4)
WRAP_UPSTREAM(rumpcomp_pci_virt_to_mach, NO_TEXT, 1)
WRAP_UPSTREAM(rumpuser_sp_init, 1, 4)
WRAP_UPSTREAM(rumpuser_sp_copyin, NO_TEXT, 4)
WRAP_UPSTREAM(rumpuser_sp_copyinstr, NO_TEXT, 4)
WRAP_UPSTREAM(rumpuser_sp_copyout, NO_TEXT, 4)
WRAP_UPSTREAM(rumpuser_sp_copyoutstr, NO_TEXT, 4)
WRAP_UPSTREAM(rumpuser_sp_anonmmap, NO_TEXT, 3)
WRAP_UPSTREAM(rumpuser_sp_raise, NO_TEXT, 2)
WRAP_AS(IN_LIBRARY, UPSTREAM(rumpuser_sp_fini), rumpuser_sp_fini, NO_TEXT, 1)

/* The one that does not come back, and after which there is no thread. */
void __real_rumpuser_thread_exit(void);
void __wrap_rumpuser_thread_exit(void);

void __wrap_rumpuser_thread_exit(void)
{
	lab_counters[EVENT(rumpuser_thread_exit)]++;
	if (lab_wants(EVENT(rumpuser_thread_exit)))
		lab_enter(EVENT(rumpuser_thread_exit), 0, 0, 0, 0, CALLER);
	lab_thread_end();
	__real_rumpuser_thread_exit();
}

/* The one with a variable number of arguments has them handed on as they came. */
void __real_rumpuser_dprintf(const char *format, ...);
void __wrap_rumpuser_dprintf(const char *format, ...);
void bmk_vprintf(const char *format, va_list arguments);

void __wrap_rumpuser_dprintf(const char *format, ...)
{
	const unsigned event = EVENT(rumpuser_dprintf);
	int traced = lab_wants(event);
	va_list arguments;

	lab_counters[event]++;
	if (traced)
		lab_enter(WITH_TEXT(event, 1), (word)format, 0, 0, 0, CALLER);
	va_start(arguments, format);
	bmk_vprintf(format, arguments);
	va_end(arguments);
	if (traced)
		lab_leave(event, 0);
}
