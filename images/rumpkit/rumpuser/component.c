/*
 * component.c - hypercalls of the console and of what the loader brought (rumpcomp.h).
 */
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"
#include "upcalls.h"

/* --- the trace --- */

bool rumpcomp_is_traced(void)
{
	return LAB_TRACE && lab_trace_any();
}

void rumpcomp_tell_process(uint32_t thread, uint32_t process, uint32_t parent, unsigned what,
    const char *command)
{
	const uint64_t words[] = { thread, process, parent, what };

	lab_trace_fact(LAB_EVENT_PROCESS, words, command);
}

void rumpcomp_tell_mapped(uint32_t process, uint64_t start, uint64_t end, uint64_t offset,
    const char *path)
{
	const uint64_t words[] = { process, start, end, offset };

	lab_trace_fact(LAB_EVENT_MAPPED, words, path);
}

/* --- console --- */

int rumpcomp_console_write(const void *data, size_t bytes)
{
	HYPERCALL_ENTER(rumpcomp_console_write, data, bytes, 0, 0);
	if (traced_ && lab_header.trace_data_bytes)
		lab_trace_data(LAB_EVENT_HYPERCALL + LAB_HC_rumpcomp_console_write, 0, data,
		    LAB_DATA_BYTES_MOST, bytes);
	bmk_console_adapt(bytes);
	bmk_console_write(data, bytes);
	lab_phase(LAB_PHASE_OUTPUT);
	HYPERCALL_RETURN(rumpcomp_console_write, (int)bytes);
}

int rumpcomp_console_read(void *data, size_t bytes, int flags)
{
	size_t got;

	HYPERCALL_ENTER(rumpcomp_console_read, data, bytes, flags, 0);
	bmk_console_adapt(0);
	got = bmk_console_read(data, bytes);
	if (!got && !(flags & RUMPCOMP_NONBLOCK)) {
		int locks = rumpuser_block_begin(NULL);

		bmk_console_wait(BMK_FOREVER);
		rumpuser_block_end(locks, NULL);
		got = bmk_console_read(data, bytes);
		if (!got)
			HYPERCALL_RETURN(rumpcomp_console_read, -EINTR);
	}
	HYPERCALL_RETURN(rumpcomp_console_read, got ? (int)got : -EAGAIN);
}

void rumpcomp_console_notify(void (*input_arrived)(void))
{
	bmk_console_on_input(input_arrived);
}

size_t rumpcomp_console_pending(void)
{
	return bmk_console_pending();
}

size_t rumpcomp_console_look(void *data, size_t bytes)
{
	return bmk_console_look(data, bytes);
}

void rumpcomp_console_on_window(void (*changed)(void))
{
	bmk_console_on_window(changed);
}

bool rumpcomp_console_window(struct rumpcomp_window *window)
{
	uint64_t told = __atomic_load_n(&lab_header.console_window, __ATOMIC_ACQUIRE);

	*window = (struct rumpcomp_window){ (uint16_t)told, (uint16_t)(told >> 16),
		(uint16_t)(told >> 32), (uint16_t)(told >> 48) };
	return window->rows && window->columns;
}

bool rumpcomp_console_is_terminal(void)
{
	return lib_json_is(bmk_setting(BMK_SETTING_TERMINAL), "on");
}

/* --- what the machine was given --- */

const char *rumpcomp_config(void)
{
	return bmk_config;
}

const void *rumpcomp_initrd(size_t *bytes)
{
	*bytes = bmk_initrd_bytes;
	return bmk_initrd;
}

const void *rumpcomp_vdso(void)
{
	return bmk_vdso;
}
