/*
 * qemu_interface.h - what the plug-in uses of QEMU.
 *
 * First the plug-in interface of QEMU 7.2 (version 1 of it), declared here from its
 * documentation because Debian ships no header for it.  It cannot read registers or memory,
 * so the rest is what QEMU exports to its own modules; a QEMU that does not have them
 * refuses to load the plug-in, and the lab says so.
 */
#ifndef RUMPLAB_QEMU_INTERFACE_H
#define RUMPLAB_QEMU_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_INTERFACE_VERSION 1

struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
};

enum { QEMU_CB_NO_REGS = 0 };

typedef uint64_t qemu_id;
typedef void (*qemu_exec_fn)(unsigned cpu, void *data);

/* Called for each block of instructions that is translated; it begins at tb_vaddr. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_id id,
    void (*translated)(qemu_id id, struct qemu_plugin_tb *block));
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
/* Called each time the block is executed, before its first instruction. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, qemu_exec_fn executed,
    int flags, void *data);

/* --- of QEMU itself --- */

struct CPUState;
struct byte_array { /* GByteArray of GLib, its published part */
	uint8_t *data;
	unsigned length;
};

struct CPUState *qemu_get_cpu(int index);
/* Append a register, by gdb's number, to an array; how many bytes that were. */
int x86_cpu_gdb_read_register(struct CPUState *cpu, struct byte_array *array, int number);
/* Read guest-physical memory. */
void cpu_physical_memory_rw(uint64_t address, void *buffer, uint64_t bytes, bool write);
/* Forget the translations of a range of memory; all, as soon as the processor is out of them. */
void tb_invalidate_phys_range(uint64_t start, uint64_t end);
void tb_flush(struct CPUState *cpu);

struct byte_array *g_byte_array_sized_new(unsigned bytes);
struct byte_array *g_byte_array_set_size(struct byte_array *array, unsigned bytes);

#endif
