/*
 * host.c - init, parameters, console, random numbers, termination on bare metal.
 */
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"
#include "rumpuser.h"
#include "upcalls.h"

#define SIGNAL_ABORT 6
#define LINE_BYTES 256

const struct rumpuser_hyperup *rumpuser_upcalls;

int rumpuser_init(int version, const struct rumpuser_hyperup *hyperup)
{
	HYPERCALL_ENTER(rumpuser_init, version, hyperup, 0, 0);
	if (version != RUMPUSER_VERSION) {
		bmk_printf("rumpkit: the factions speak rumpuser version %d, this host %d\n",
		    version, RUMPUSER_VERSION);
		HYPERCALL_RETURN(rumpuser_init, 1);
	}
	rumpuser_upcalls = hyperup;
	HYPERCALL_RETURN(rumpuser_init, 0);
}

static int parameter(const char *name, char *buffer, size_t bytes)
{
	struct lib_json config;
	struct lib_json_value key, value;
	const char *text = "rumpkit";
	char hostname[256];

	if (!strcmp(name, RUMPUSER_PARAM_NCPU)) {
		text = "1";
	} else if (!strcmp(name, RUMPUSER_PARAM_HOSTNAME)) {
		if (lib_json_open(&config, bmk_config, bmk_config_bytes))
			while (lib_json_next(&config, &key, &value))
				if (lib_json_is(&key, "hostname")) {
					lib_json_string(&value, hostname, sizeof(hostname));
					text = hostname;
				}
	} else {
		return RUMPUSER_ENOENT;
	}
	return lib_strlcpy(buffer, text, bytes) < bytes ? 0 : RUMPUSER_E2BIG;
}

int rumpuser_getparam(const char *name, void *buffer, size_t bytes)
{
	HYPERCALL_ENTER(rumpuser_getparam, name, buffer, bytes, 0);
	HYPERCALL_RETURN(rumpuser_getparam, parameter(name, buffer, bytes));
}

void rumpuser_putchar(int character)
{
	char byte = (char)character;

	HYPERCALL_ENTER(rumpuser_putchar, character, 0, 0, 0);
	bmk_console_write(&byte, 1);
	HYPERCALL_EXIT(rumpuser_putchar, 0);
}

void rumpuser_dprintf(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int bytes;

	HYPERCALL_ENTER(rumpuser_dprintf, format, 0, 0, 0);
	va_start(arguments, format);
	bytes = lib_vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	bmk_console_write(line, bytes < LINE_BYTES ? (size_t)bytes : LINE_BYTES - 1);
	HYPERCALL_EXIT(rumpuser_dprintf, 0);
}

int rumpuser_getrandom(void *buffer, size_t bytes, int flags, size_t *got)
{
	HYPERCALL_ENTER(rumpuser_getrandom, buffer, bytes, flags, got);
	bmk_random(buffer, bytes);
	*got = bytes;
	HYPERCALL_RETURN(rumpuser_getrandom, 0);
}

int rumpuser_kill(int64_t pid, int signal)
{
	HYPERCALL_ENTER(rumpuser_kill, pid, signal, 0, 0);
	/* There is one process, and nobody outside it to signal. */
	if (pid == RUMPUSER_PID_SELF && signal == SIGNAL_ABORT)
		bmk_panic(LAB_PANIC_SIGNAL, signal, NULL, 0, "the rump kernel aborted");
	HYPERCALL_RETURN(rumpuser_kill, 0);
}

void rumpuser_exit(int status)
{
	HYPERCALL_ENTER(rumpuser_exit, status, 0, 0, 0);
	if (status == RUMPUSER_PANIC)
		bmk_panic(LAB_PANIC_ASSERTION, SIGNAL_ABORT, NULL, 0, "the rump kernel panicked");
	bmk_exit(status);
}

void rumpuser_seterrno(int error)
{
	HYPERCALL_ENTER(rumpuser_seterrno, error, 0, 0, 0);
	bmk_current->error_number = error;
	HYPERCALL_EXIT(rumpuser_seterrno, 0);
}

void rumpuser_dl_bootstrap(rump_modinit_fn init, rump_symload_fn symbols,
    rump_compload_fn components, rump_evcntattach_fn counters)
{
	HYPERCALL_ENTER(rumpuser_dl_bootstrap, init, symbols, components, counters);
	HYPERCALL_EXIT(rumpuser_dl_bootstrap, 0);
}

int rumpuser_daemonize_begin(void)
{
	HYPERCALL_ENTER(rumpuser_daemonize_begin, 0, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_daemonize_begin, 0);
}

int rumpuser_daemonize_done(int error)
{
	HYPERCALL_ENTER(rumpuser_daemonize_done, error, 0, 0, 0);
	HYPERCALL_RETURN(rumpuser_daemonize_done, 0);
}
