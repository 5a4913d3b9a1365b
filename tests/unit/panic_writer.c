/* Writes a struct lab_panic as a guest would leave it, for tests of its decoding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab_abi.h"

/* panic_writer KIND VECTOR ERROR SIGNAL FAULT RSP IN_KERNEL FRAME... > record */
int
main(int argc, char **argv)
{
	static struct lab_panic panic;
	int i;

	panic.magic = LAB_PANIC_MAGIC;
	panic.kind = strtoul(argv[1], NULL, 0);
	panic.vector = strtoull(argv[2], NULL, 0);
	panic.error_code = strtoull(argv[3], NULL, 0);
	panic.signal = strtoul(argv[4], NULL, 0);
	panic.fault_address = strtoull(argv[5], NULL, 0);
	panic.registers[7] = strtoull(argv[6], NULL, 0);
	panic.in_kernel = strtoul(argv[7], NULL, 0);
	panic.thread = 3;
	strcpy(panic.thread_name, "worker");
	strcpy(panic.reason, "the guest's own words");
	panic.frame_count = argc - 8;
	for (i = 8; i < argc; i++)
		panic.frames[i - 8] = strtoull(argv[i], NULL, 0);
	panic.registers[16] = panic.frames[0];
	fwrite(&panic, sizeof panic, 1, stdout);
	return 0;
}
