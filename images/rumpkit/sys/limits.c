/*
 * limits.c - system calls about limits, the machine, and randomness.
 */
#include "rumplib.h"
#include "sys.h"
#include "vfs.h"

#define RLIMIT_NOFILE 7
#define DESCRIPTORS_MOST 1048576

struct limit {
	uint64_t now, most;
};

static struct limit limits[16] = {
	[0] = { ~0ull, ~0ull }, [1] = { ~0ull, ~0ull }, [2] = { ~0ull, ~0ull },
	[3] = { 8 << 20, 8 << 20 },                     /* RLIMIT_STACK */
	[4] = { 0, 0 }, [5] = { ~0ull, ~0ull }, [6] = { 4096, 4096 },
	[7] = { 1024, 1048576 },                        /* RLIMIT_NOFILE */
	[8] = { ~0ull, ~0ull }, [9] = { ~0ull, ~0ull }, [10] = { ~0ull, ~0ull },
	[11] = { 4096, 4096 }, [12] = { 819200, 819200 }, [15] = { ~0ull, ~0ull },
};

long sys_prlimit64(SYS4(pid, resource, wanted, old))
{
	struct limit before, next;

	if (!sys_process_of(pid))
		return -ESRCH;
	if (resource < 0 || resource >= 16)
		return -EINVAL;
	before = limits[resource];
	if (resource == RLIMIT_NOFILE)
		before.now = vfs_current->limit;
	if (wanted && kern_copyin((const void *)wanted, &next, sizeof(next)))
		return -EFAULT;
	if (wanted && next.now > next.most)
		return -EINVAL;
	if (old && kern_copyout(&before, (void *)old, sizeof(before)))
		return -EFAULT;
	if (wanted && resource == RLIMIT_NOFILE && next.most > DESCRIPTORS_MOST)
		return -EPERM;
	if (wanted)
		limits[resource] = next;
	if (wanted && resource == RLIMIT_NOFILE)
		vfs_current->limit = (unsigned)next.now;
	return 0;
}

long sys_getrlimit(SYS2(resource, old))
{
	return sys_prlimit64(0, resource, 0, old, 0, 0);
}

long sys_setrlimit(SYS2(resource, wanted))
{
	return sys_prlimit64(0, resource, wanted, 0, 0, 0);
}

static char own_name[65];            /* given by sethostname, else empty */

long sys_uname(SYS1(user))
{
	struct {
		char system[65], node[65], release[65], version[65], machine[65], domain[65];
	} name = { "Linux", "", "6.1.0-rumpkit", "rumpkit", "x86_64", "(none)" };

	if (own_name[0])
		memcpy(name.node, own_name, sizeof(name.node));
	else
		rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, name.node, sizeof(name.node));
	return kern_copyout(&name, (void *)user, sizeof(name));
}

long sys_sethostname(SYS2(user, bytes))
{
	char name[sizeof(own_name)] = "";

	if (bytes < 0 || bytes >= (long)sizeof(name))
		return -EINVAL;
	if (kern_copyin((const void *)user, name, (size_t)bytes))
		return -EFAULT;
	memcpy(own_name, name, sizeof(name));
	return 0;
}

long sys_sysinfo(SYS1(user))
{
	struct {
		int64_t uptime;
		uint64_t loads[3], total, free, shared, buffers, swap_total, swap_free;
		uint16_t processes, pad;
		uint32_t pad2;
		uint64_t high_total, high_free;
		uint32_t unit, pad3;
	} info = {
		.uptime = kern_monotonic_ns() / KERN_NS_PER_S,
		.total = rumpcomp_vm_total_pages() * 4096,
		.free = rumpcomp_vm_free_pages() * 4096,
		.processes = (uint16_t)kern_process->thread_count,
		.unit = 1,
	};

	return kern_copyout(&info, (void *)user, 112);
}

long sys_getrandom(SYS2(user, bytes))
{
	uint8_t buffer[256];
	long done = 0;

	while (done < bytes) {
		size_t part = bytes - done < (long)sizeof(buffer) ? (size_t)(bytes - done) : sizeof(buffer);
		size_t got;

		rumpuser_getrandom(buffer, part, 0, &got);
		if (kern_copyout(buffer, (char *)user + done, got))
			return -EFAULT;
		done += (long)got;
	}
	return done;
}
