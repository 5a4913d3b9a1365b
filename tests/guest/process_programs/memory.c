/* Memory as Linux maps it; prints only what must be the same everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
}

static long failed(void *address)
{
	return address == MAP_FAILED ? errno : 0;
}

static void reservations(void)
{
	size_t bytes = 1ul << 40;
	char *space = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	say("a TiB of reservation", failed(space));
	say("a page of it", mprotect(space + (bytes >> 1), 4096, PROT_READ | PROT_WRITE));
	space[bytes >> 1] = 5;
	say("that can be used", space[bytes >> 1]);
	say("and given back", munmap(space, bytes));
	say("too much to be promised", failed(mmap(NULL, 1ul << 46, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

static void placing(void)
{
	void *hint = (void *)0x300000000000;
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	say("MAP_32BIT is low", (uintptr_t)low < 0x80000000);
	say("a hint that is free is taken", mmap(hint, 4096, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == hint);
	say("one that is not is not", mmap(hint, 4096, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == hint);
	say("fixed, not replacing", failed(mmap(hint, 4096, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)));
	say("fixed, replacing", mmap(hint, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == hint);
	say("at an odd address", failed(mmap((char *)hint + 1, 4096, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
}

static void files(void)
{
	int file = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char text[16] = "";
	char *shared, *private;

	ftruncate(file, 10000);
	pwrite(file, "first", 5, 0);
	pwrite(file, "third", 5, 8192);
	shared = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	private = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	say("shared mapping", failed(shared));
	printf("through both: %s %s\n", shared, private + 8192);
	memcpy(shared, "FIRST", 5);
	memcpy(private + 8192, "THIRD", 5);
	pread(file, text, 5, 0);
	printf("written through the shared one: %s\n", text);
	pread(file, text, 5, 8192);
	printf("not through the private one: %s\n", text);
	memcpy(shared + 4096, "hole", 4);
	pread(file, text, 5, 4096);
	printf("into a hole: %s\n", text);
	pwrite(file, "second", 6, 4200);
	printf("seen after a write: %s\n", shared + 4200);
	say("msync", msync(shared, 10000, MS_SYNC));
	say("the end of the last page is zero", shared[10001]);
	munmap(shared, 10000);
	munmap(private, 10000);
	close(file);
	file = open("/tmp/mapped", O_RDONLY);
	say("shared and writable of a read-only one", failed(mmap(NULL, 4096,
	    PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)));
	close(file);
	unlink("/tmp/mapped");
}

static void program_text(void)
{
	/* mov eax, 41; inc eax; ret */
	static const unsigned char code[] = { 0xb8, 41, 0, 0, 0, 0xff, 0xc0, 0xc3 };
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, code, sizeof(code));
	say("made executable", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	say("what it computes", ((int (*)(void))page)());
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	page[1] = 99;
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	say("after a change", ((int (*)(void))page)());
	munmap(page, 4096);
}

static void moving(void)
{
	char *block = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *larger;

	memset(block, 7, 16384);
	larger = mremap(block, 16384, 1 << 20, MREMAP_MAYMOVE);
	say("mremap", failed(larger));
	say("kept its content", larger[16383]);
	say("and is zero behind it", larger[16384]);
	say("MADV_DONTNEED", madvise(larger, 4096, MADV_DONTNEED));
	say("forgets it", larger[0]);
	say("munmap of half", munmap(larger, 1 << 19));
	say("the rest is there", larger[(1 << 19) + 5]);
	say("mprotect of what is gone", mprotect(larger, 4096, PROT_READ) == -1 ? errno : 0);
	say("munmap of nothing", munmap(larger, 4096));
	say("of no length", munmap(larger, 0) == -1 ? errno : 0);
}

int main(void)
{
	reservations();
	placing();
	files();
	program_text();
	moving();
	return 0;
}
