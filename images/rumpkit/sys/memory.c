/*
 * memory.c - system calls about the address space.
 */
#include "sys.h"

long sys_mmap(SYS6(address, bytes, protection, flags, fd, offset))
{
	return kern_vm_mmap((uint64_t)address, (uint64_t)bytes, (int)protection, (int)flags,
	    (int)fd, (uint64_t)offset);
}

long sys_munmap(SYS2(address, bytes))
{
	return kern_vm_munmap((uint64_t)address, (uint64_t)bytes);
}

long sys_mprotect(SYS3(address, bytes, protection))
{
	return kern_vm_mprotect((uint64_t)address, (uint64_t)bytes, (int)protection);
}

long sys_brk(SYS1(end))
{
	return kern_vm_brk((uint64_t)end);
}

long sys_mremap(SYS5(old, old_bytes, new_bytes, flags, new_address))
{
	return kern_vm_mremap((uint64_t)old, (uint64_t)old_bytes, (uint64_t)new_bytes, (int)flags,
	    (uint64_t)new_address);
}

long sys_madvise(SYS3(address, bytes, advice))
{
	return kern_vm_madvise((uint64_t)address, (uint64_t)bytes, (int)advice);
}

long sys_msync(SYS3(address, bytes, flags))
{
	return kern_vm_msync((uint64_t)address, (uint64_t)bytes, (int)flags);
}

long sys_mincore(SYS3(address, bytes, vector))
{
	const char resident = 1;

	(void)address;
	for (long page = 0; page < (bytes + 4095) / 4096; page++)
		if (kern_copyout(&resident, (char *)vector + page, 1))
			return -EFAULT;
	return 0;
}
