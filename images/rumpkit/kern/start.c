/*
 * start.c - the factions come up, one after the other, and start the program.
 */
#include "net.h"
#include "process.h"
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

static const struct rumpuser_hyperup upcalls;

int kern_own_pid(void)
{
	return (int)kern_process->pid;
}

/* Not an error: the program cannot tell the difference. */
static void without_network(void)
{
	if (strstr(rumpcomp_config(), "\"net\""))
		rumpuser_dprintf("rumpkit: this image has no network, since its program opens no "
		    "socket; one built with --whole has\n");
}

void bmk_start_factions(void);
void bmk_start_factions(void)
{
	if (rumpuser_init(RUMPUSER_VERSION, &upcalls))
		rumpuser_exit(RUMPUSER_PANIC);
	rumpuser_mutex_init(&kern_lock, RUMPUSER_MTX_KMUTEX);
	kern_vm_create();
	vfs_init();
	vfs_at_first_path(kern_describe);
	kern_signal_create();
	rumpcomp_on_syscall(sys_call);
	if (net_create)
		net_create();
	else
		without_network();
	kern_rc_start();
}
