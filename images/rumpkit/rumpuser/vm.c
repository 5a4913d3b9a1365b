/*
 * vm.c - hypercalls for the application's memory: pages, copies, spaces (rumpcomp.h).
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "linux_abi.h"
#include "rumpcomp.h"
#include "rumplib.h"

_Static_assert(RUMPCOMP_VM_READ == BMK_MAP_READ && RUMPCOMP_VM_WRITE == BMK_MAP_WRITE &&
    RUMPCOMP_VM_EXECUTE == BMK_MAP_EXECUTE, "one numbering of protections");

static int vm_map(uintptr_t address, size_t bytes, int protection)
{
	for (uintptr_t end = address + bytes; address < end; address += BMK_PAGE_BYTES) {
		void *page = bmk_pages_alloc(1);

		if (!page)
			return -ENOMEM;
		memset(page, 0, BMK_PAGE_BYTES);
		if (!bmk_map_page(address, page, protection)) {
			bmk_pages_free(page, 1);
			return -ENOMEM;
		}
	}
	return 0;
}

int rumpcomp_vm_map(uintptr_t address, size_t bytes, int protection)
{
	HYPERCALL_ENTER(rumpcomp_vm_map, address, bytes, protection, 0);
	HYPERCALL_RETURN(rumpcomp_vm_map, vm_map(address, bytes, protection));
}

void rumpcomp_vm_unmap(uintptr_t address, size_t bytes)
{
	uintptr_t end = address + bytes;

	HYPERCALL_ENTER(rumpcomp_vm_unmap, address, bytes, 0, 0);
	while ((address = bmk_map_next(address, end)) < end) {
		bool borrowed;
		void *page = bmk_map_remove(address, &borrowed);

		if (!borrowed)
			bmk_pages_free(page, 1);
		address += BMK_PAGE_BYTES;
	}
	HYPERCALL_EXIT(rumpcomp_vm_unmap, 0);
}

int rumpcomp_vm_protect(uintptr_t address, size_t bytes, int protection)
{
	uintptr_t end = address + bytes;

	HYPERCALL_ENTER(rumpcomp_vm_protect, address, bytes, protection, 0);
	while ((address = bmk_map_next(address, end)) < end) {
		bmk_map_protect(address, protection);
		address += BMK_PAGE_BYTES;
	}
	HYPERCALL_RETURN(rumpcomp_vm_protect, 0);
}

static int vm_move(uintptr_t from, uintptr_t to, size_t bytes)
{
	uintptr_t end = from + bytes;
	uintptr_t at = from;

	while ((at = bmk_map_next(at, end)) < end) {
		if (!bmk_map_move(at, to + (at - from))) {
			/* The tables for the old addresses are still there. */
			vm_move(to, from, at - from);
			return -ENOMEM;
		}
		at += BMK_PAGE_BYTES;
	}
	return 0;
}

int rumpcomp_vm_move(uintptr_t from, uintptr_t to, size_t bytes)
{
	return vm_move(from, to, bytes);
}

int rumpcomp_vm_give(uintptr_t address, void *page, int protection)
{
	return bmk_map_page(address, page, protection) ? 0 : -ENOMEM;
}

int rumpcomp_vm_lend(uintptr_t address, const void *page, int protection, bool copy)
{
	uintptr_t offset = (uintptr_t)page - (uintptr_t)bmk_initrd;
	bool archive = bmk_initrd && offset < bmk_initrd_bytes;

	if (!archive && !bmk_page_share(page))
		return -ENOMEM;
	if (bmk_map_lent(address, page, protection, archive, copy))
		return 0;
	if (!archive)
		bmk_pages_free((void *)page, 1);
	return -ENOMEM;
}

bool rumpcomp_vm_mapped(uintptr_t address)
{
	return bmk_map_next(address, address + BMK_PAGE_BYTES) == address;
}

bool rumpcomp_vm_dirty(uintptr_t address, bool clean)
{
	return bmk_map_dirty(address, clean);
}

int rumpcomp_vm_unshare(uintptr_t address, int protection)
{
	int result = bmk_map_unshare(address, protection);

	return result < 0 ? -ENOMEM : result;
}

/* --- spaces --- */

struct rumpcomp_space;

struct rumpcomp_space *rumpcomp_space_current(void)
{
	return (struct rumpcomp_space *)bmk_space_current();
}

struct rumpcomp_space *rumpcomp_space_create(void)
{
	return (struct rumpcomp_space *)bmk_space_create();
}

void rumpcomp_space_use(struct rumpcomp_space *space)
{
	bmk_space_use((uint64_t *)space);
}

void rumpcomp_space_destroy(struct rumpcomp_space *space)
{
	bmk_space_destroy((uint64_t *)space);
}

int rumpcomp_space_copy(struct rumpcomp_space *to, uintptr_t address, size_t bytes, bool private)
{
	return bmk_space_copy((uint64_t *)to, address, address + bytes, private) ? 0 : -ENOMEM;
}

uintptr_t rumpcomp_vm_lowest(void)
{
	return bmk_map_lowest();
}

size_t rumpcomp_vm_free_pages(void)
{
	HYPERCALL_ENTER(rumpcomp_vm_free_pages, 0, 0, 0, 0);
	HYPERCALL_RETURN(rumpcomp_vm_free_pages, (size_t)lab_header.free_pages);
}

size_t rumpcomp_vm_total_pages(void)
{
	return lab_header.total_pages;
}

void rumpcomp_vm_on_fault(rumpcomp_fault_fn handler)
{
	bmk_fault_handler = (int (*)(uintptr_t, uintptr_t, bool, bool))handler;
}

/* --- copies that survive a bad address --- */

int rumpcomp_copy(void *to, const void *from, size_t bytes)
{
	return arch_copy(to, from, bytes);
}

long rumpcomp_copy_string(char *to, const char *from, size_t max)
{
	return arch_copy_string(to, from, max);
}
