/*
 * machine.c - registers and memory of the guest, in the middle of its run.
 *
 * At the first instruction of a block all registers are in QEMU's structures; anywhere else
 * they may be in those of this machine.  So only beginnings of blocks are looked at.
 * Rumprun's guests have one processor, and their memory lies where it is.
 */
#include <string.h>

#include "plugin.h"
#include "qemu_interface.h"

static struct CPUState *cpu;
static struct byte_array *bytes;

void machine_create(void)
{
	bytes = g_byte_array_sized_new(16);
}

static struct CPUState *the_cpu(void)
{
	if (!cpu)
		cpu = qemu_get_cpu(0);
	return cpu;
}

uint64_t machine_register(unsigned number)
{
	uint64_t value = 0;
	int size;

	g_byte_array_set_size(bytes, 0);
	size = x86_cpu_gdb_read_register(the_cpu(), bytes, (int)number);
	memcpy(&value, bytes->data, size < 8 ? (size_t)size : 8);
	return value;
}

void machine_read(uint64_t address, void *buffer, unsigned size)
{
	memset(buffer, 0, size);
	if (address && address < header->ram_bytes && size <= header->ram_bytes - address)
		cpu_physical_memory_rw(address, buffer, size, false);
}

uint64_t machine_word(uint64_t address)
{
	uint64_t value;

	machine_read(address, &value, sizeof(value));
	return value;
}

void machine_forget(uint64_t address)
{
	tb_invalidate_phys_range(address, address + 1);
}

void machine_forget_all(void)
{
	tb_flush(the_cpu());
}
