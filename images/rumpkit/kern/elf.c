/*
 * elf.c - map a program from the file system: System V ABI, chapter 5, and its AMD64
 * supplement.  A program that names an interpreter (PT_INTERP) starts in that.
 *
 * The file is not trusted: sizes and offsets are checked, and everything lands between
 * KERN_ELF_START and the end of the application's addresses.
 */
#include "process.h"
#include "rumplib.h"
#include "vfs.h"

#define PAGE 4096ull
#define ELF_MAGIC 0x464c457fu
#define ELF_64_LITTLE 0x0102
#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_INTERP 3
#define PT_PHDR 6
#define PF_X 1
#define PF_W 2
#define PF_R 4
#define HEADERS_MAX 64
#define PATH_BYTES 256

struct elf_header {
	uint32_t magic;
	uint16_t class_and_data;
	uint8_t rest[10];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_bytes, program_header_bytes, program_header_count;
	uint16_t section_header_bytes, section_header_count, section_names;
};

struct program_header {
	uint32_t type, flags;
	uint64_t offset, address, physical, file_bytes, memory_bytes, alignment;
};

struct loading {
	struct vfs_file *file;
	struct elf_header header;
	struct program_header headers[HEADERS_MAX];
	uint64_t low, high;      /* addresses of all segments, page aligned, before bias */
	uint64_t bias;
	char interpreter[PATH_BYTES];
};

static uint64_t page_down(uint64_t address)
{
	return address & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t address)
{
	return (address + PAGE - 1) & ~(PAGE - 1);
}

static int read_headers(struct loading *load)
{
	struct elf_header *header = &load->header;
	int bytes;

	if (vfs_file_pread(load->file, 0, header, sizeof(*header)) != (int)sizeof(*header) ||
	    header->magic != ELF_MAGIC || header->class_and_data != ELF_64_LITTLE ||
	    header->machine != EM_X86_64 || (header->type != ET_EXEC && header->type != ET_DYN) ||
	    header->program_header_bytes != sizeof(struct program_header) ||
	    !header->program_header_count || header->program_header_count > HEADERS_MAX)
		return -ENOEXEC;
	bytes = header->program_header_count * (int)sizeof(struct program_header);
	if (vfs_file_pread(load->file, header->program_headers, load->headers, (size_t)bytes) != bytes)
		return -ENOEXEC;
	return 0;
}

static int read_interpreter(struct loading *load, const struct program_header *header)
{
	if (!header->file_bytes || header->file_bytes > PATH_BYTES ||
	    vfs_file_pread(load->file, header->offset, load->interpreter, header->file_bytes) !=
	    (int)header->file_bytes || load->interpreter[header->file_bytes - 1])
		return -ENOEXEC;
	return 0;
}

/* The span of the segments, the interpreter's name, and whether all of it makes sense. */
static int measure(struct loading *load)
{
	int error = 0;

	load->low = UINT64_MAX;
	for (unsigned i = 0; i < load->header.program_header_count && !error; i++) {
		const struct program_header *header = &load->headers[i];

		if (header->type == PT_INTERP)
			error = read_interpreter(load, header);
		if (header->type != PT_LOAD || !header->memory_bytes)
			continue;
		if (header->file_bytes > header->memory_bytes ||
		    header->address > RUMPCOMP_VM_END || header->memory_bytes > RUMPCOMP_VM_END ||
		    (header->address ^ header->offset) & (PAGE - 1))
			return -ENOEXEC;
		if (page_down(header->address) < load->low)
			load->low = page_down(header->address);
		if (page_up(header->address + header->memory_bytes) > load->high)
			load->high = page_up(header->address + header->memory_bytes);
	}
	return error ? error : load->low < load->high ? 0 : -ENOEXEC;
}

/* Reserve the whole span; a fixed program must go where it was linked for. */
static int place(struct loading *load)
{
	bool fixed = load->header.type == ET_EXEC;
	long where;

	if (fixed && load->low < rumpcomp_vm_lowest())
		return -ENOEXEC;
	where = kern_vm_map_file(fixed ? load->low : 0, load->high - load->low, 0,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (fixed ? MAP_FIXED : 0), NULL, 0);
	if (where < 0)
		return (int)where;
	load->bias = (uint64_t)where - load->low;
	return 0;
}

static int protection_of(uint32_t flags)
{
	return (flags & PF_R ? RUMPCOMP_VM_READ : 0) | (flags & PF_W ? RUMPCOMP_VM_WRITE : 0) |
	    (flags & PF_X ? RUMPCOMP_VM_EXECUTE : 0);
}

/* File pages, then zero pages; between them the rest of the last file page is zeroed. */
static int map_segment(const struct loading *load, const struct program_header *header)
{
	uint64_t start = load->bias + header->address;
	uint64_t file_end = start + header->file_bytes, end = start + header->memory_bytes;
	int protection = protection_of(header->flags);
	long result = 0;

	if (header->file_bytes)
		result = kern_vm_map_file(page_down(start), page_up(file_end) - page_down(start),
		    protection, MAP_PRIVATE | MAP_FIXED, load->file, page_down(header->offset));
	if (result >= 0 && page_up(end) > page_up(file_end))
		result = kern_vm_map_file(page_up(file_end), page_up(end) - page_up(file_end),
		    protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0);
	if (result < 0)
		return (int)result;
	if (protection & RUMPCOMP_VM_WRITE && header->memory_bytes > header->file_bytes &&
	    header->file_bytes)
		memset((void *)file_end, 0, page_up(file_end) - file_end);
	return 0;
}

static int map_file(struct loading *load)
{
	int error = read_headers(load);

	if (!error)
		error = measure(load);
	if (!error)
		error = place(load);
	for (unsigned i = 0; i < load->header.program_header_count && !error; i++)
		if (load->headers[i].type == PT_LOAD && load->headers[i].memory_bytes)
			error = map_segment(load, &load->headers[i]);
	return error;
}

/* Where the program headers are in memory: PT_PHDR says, or the segment that has them. */
static uint64_t headers_address(const struct loading *load)
{
	uint64_t offset = load->header.program_headers;

	for (unsigned i = 0; i < load->header.program_header_count; i++)
		if (load->headers[i].type == PT_PHDR)
			return load->bias + load->headers[i].address;
	for (unsigned i = 0; i < load->header.program_header_count; i++) {
		const struct program_header *header = &load->headers[i];

		if (header->type == PT_LOAD && offset >= header->offset &&
		    offset - header->offset < header->file_bytes)
			return load->bias + header->address + (offset - header->offset);
	}
	return 0;
}

static int load_interpreter(const char *path, struct kern_program *program)
{
	struct loading *load = kern_alloc(sizeof(*load));
	int error = load ? vfs_open(vfs_root, path, O_RDONLY, 0, &load->file) : -ENOMEM;

	if (error == -ENOENT)
		rumpuser_dprintf("rumpkit: the program's loader %s is not there\n", path);
	if (!error) {
		error = map_file(load);
		vfs_file_put(load->file);
	}
	if (!error) {
		program->base = load->bias;
		program->start = load->bias + load->header.entry;
	}
	kern_free(load);
	return error;
}

int kern_elf_load(struct vfs_file *file, struct kern_program *program)
{
	struct loading *load = kern_alloc(sizeof(*load));
	int error;

	if (!load)
		return -ENOMEM;
	load->file = file;
	error = map_file(load);
	if (!error) {
		*program = (struct kern_program){
			.entry = load->bias + load->header.entry,
			.start = load->bias + load->header.entry,
			.program_headers = headers_address(load),
			.program_header_bytes = load->header.program_header_bytes,
			.program_header_count = load->header.program_header_count,
		};
		if (load->interpreter[0])
			error = load_interpreter(load->interpreter, program);
	}
	kern_free(load);
	return error;
}
