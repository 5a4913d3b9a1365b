/*
 * panic.c - the end: an exit status, or a panic record for the lab to read.
 *
 * Nothing here allocates or waits.  The record is complete before its magic number is
 * stored, and that before the state says that there is one.
 */
#include "arch.h"
#include "bmk.h"
#include "lab_trace.h"
#include "rumplib.h"

/* What a process would show that died of a signal: 128 + its number. */
#define SIGNAL_STATUS 128

static struct lab_panic record;
static bool panicking;

static bool must_halt(void)
{
	return lib_json_is(bmk_setting(BMK_SETTING_ON_PANIC), "halt");
}

/* Follow saved frame pointers as far as they lead upwards through memory that exists. */
static void backtrace(uint64_t rip, uint64_t rbp)
{
	record.frames[record.frame_count++] = rip;
	while (record.frame_count < LAB_PANIC_FRAMES && rbp && !(rbp & 7) &&
	    bmk_map_present(rbp) && bmk_map_present(rbp + 15)) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (!frame[1])
			break;
		record.frames[record.frame_count++] = frame[1];
		/* Stacks differ between the runtime and the application, so no order. */
		if (frame[0] == rbp)
			break;
		rbp = frame[0];
	}
}

static void registers_from(const struct arch_trap *trap)
{
	const uint64_t values[18] = {
		trap->rax, trap->rbx, trap->rcx, trap->rdx, trap->rsi, trap->rdi,
		trap->rbp, trap->rsp, trap->r8, trap->r9, trap->r10, trap->r11,
		trap->r12, trap->r13, trap->r14, trap->r15, trap->rip, trap->rflags,
	};

	memcpy(record.registers, values, sizeof(values));
	record.vector = trap->vector;
	record.error_code = trap->error_code;
	backtrace(trap->rip, trap->rbp);
}

/* Without a trap: as if bmk_panic had not been called, seen from its caller. */
static void registers_of_caller(uint64_t rip, const uint64_t *frame)
{
	record.registers[6] = frame[0];              /* rbp */
	record.registers[7] = (uintptr_t)(frame + 2); /* rsp */
	record.registers[16] = rip;
	backtrace(rip, frame[0]);
}

static void finish(enum lab_state state, int status)
{
	lab_phase(LAB_PHASE_EXIT);
	lab_header.exit_status = status;
	__atomic_store_n(&lab_header.state, state, __ATOMIC_RELEASE);
}

void bmk_panic(enum lab_panic_kind kind, int signal, const struct arch_trap *trap,
    uint64_t fault_address, const char *reason)
{
	if (panicking)
		arch_exit(SIGNAL_STATUS + signal);
	panicking = true;
	record.kind = kind;
	record.signal = (uint32_t)signal;
	record.tsc = arch_tsc();
	record.vector = ~0ull;
	record.in_kernel = arch_in_kernel;
	record.fault_address = fault_address;
	record.cr3 = bmk_physical(bmk_space_current());
	lib_strlcpy(record.reason, reason, sizeof(record.reason));
	if (bmk_current) {
		record.thread = bmk_current->number;
		memcpy(record.thread_name, bmk_current->record->name, sizeof(record.thread_name));
	}
	if (trap)
		registers_from(trap);
	else
		registers_of_caller((uintptr_t)__builtin_return_address(0),
		    __builtin_frame_address(0));
	__atomic_store_n(&record.magic, LAB_PANIC_MAGIC, __ATOMIC_RELEASE);
	finish(LAB_STATE_PANICKED, SIGNAL_STATUS + signal);
	bmk_printf("rumpkit: panic: %s\n", reason);
	if (must_halt())
		arch_halt();
	arch_exit(SIGNAL_STATUS + signal);
}

void bmk_exit(int status)
{
	finish(LAB_STATE_EXITED, status & 0xff);
	arch_exit(status & 0xff);
}

void bmk_panic_create(void);
void bmk_panic_create(void)
{
	lab_header.panic_address = (uintptr_t)&record;
}
