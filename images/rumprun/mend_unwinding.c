/*
 * mend_unwinding.c - C++ exceptions: where the tables are that unwind the stack.
 *
 * The unwinder asks dl_iterate_phdr for them.  NetBSD's finds the program headers through the
 * auxiliary vector, in which Rumprun has none; and the headers are not in RAM.  Without tables
 * a throw ends in _lwpabort.  Linked with -Wl,--eh-frame-hdr, and with the name below defined
 * as the address of the section .eh_frame_hdr.
 */
#include <sys/types.h>
#include <link_elf.h>

extern const char rumplab_eh_frame_hdr[];

int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
	const Elf_Phdr tables = {
		.p_type = PT_GNU_EH_FRAME,
		.p_vaddr = (Elf_Addr)rumplab_eh_frame_hdr,
	};
	struct dl_phdr_info image = {
		.dlpi_name = "",
		.dlpi_phdr = &tables,
		.dlpi_phnum = 1,
	};

	return callback(&image, sizeof(image), data);
}
