/*
 * start.c - the factions come up, one after the other, and start the program.
 */
#include "net.h"
#include "process.h"
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define CONFIG_BYTES 8192

static const struct rumpuser_hyperup upcalls;

int kern_own_pid(void)
{
	return (int)kern_process->pid;
}

/* Not an error: the program cannot tell the difference. */
static void without_network(void)
{
	char *config = kern_alloc(CONFIG_BYTES);

	if (config && !rumpuser_getparam("RUMPKIT_CONFIG", config, CONFIG_BYTES) &&
	    strstr(config, "\"net\""))
		rumpuser_dprintf("rumpkit: this image has no network, since its program opens no "
		    "socket; one built with --whole has\n");
	kern_free(config);
}

void bmk_start_factions(void);
void bmk_start_factions(void)
{
	char hostname[65] = "rumpkit";

	if (rumpuser_init(RUMPUSER_VERSION, &upcalls))
		rumpuser_exit(RUMPUSER_PANIC);
	rumpuser_mutex_init(&kern_lock, RUMPUSER_MTX_KMUTEX);
	kern_vm_create();
	rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, hostname, sizeof(hostname));
	if (vfs_init(hostname)) {
		rumpuser_dprintf("rumpkit: no memory for the root file system\n");
		rumpuser_exit(RUMPUSER_PANIC);
	}
	vfs_at_first_path(kern_describe);
	kern_signal_create();
	rumpcomp_on_syscall(sys_call);
	if (net_create)
		net_create();
	else
		without_network();
	kern_rc_start();
}
