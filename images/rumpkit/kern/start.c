/*
 * start.c - the factions come up, one after the other, and start the program.
 */
#include "net.h"
#include "process.h"
#include "sys.h"
#include "vfs.h"

static const struct rumpuser_hyperup upcalls;

int kern_own_pid(void)
{
	return (int)kern_process->pid;
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
	net_create();
	kern_rc_start();
}
