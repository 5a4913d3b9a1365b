/*
 * files.c - reads and writes files as it is told on its standard input:
 *
 *   read PATH            all of it, in pieces of 64 KiB
 *   random PATH COUNT    COUNT times 4 KiB at places that are all over it
 *   write PATH BYTES     a new file, in pieces of 64 KiB, and fsync
 *
 * Each is answered by "WORD PATH: BYTES bytes in NS ns, sum SUM" or ": FAILED errno N".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE 0x10000
#define PAGE 4096

static uint64_t buffer[PIECE / 8];

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/*
 * The sum of the first word of each page of the file: enough to see whether the right
 * pages came, and next to free.  A read need not begin or end with a page.
 */
static uint64_t taste(long long offset, size_t bytes)
{
	size_t at = (size_t)(-offset & (PAGE - 1));
	uint64_t sum = 0, word;

	for (; at + sizeof(word) <= bytes; at += PAGE) {
		memcpy(&word, (const char *)buffer + at, sizeof(word));
		sum += word;
	}
	return sum;
}

static long long read_all(int file, uint64_t *sum)
{
	long long total = 0;
	ssize_t got;

	while ((got = read(file, buffer, PIECE)) > 0) {
		*sum += taste(total, (size_t)got);
		total += got;
	}
	return got < 0 ? -1 : total;
}

static long long read_random(int file, long count, uint64_t *sum)
{
	struct stat status;
	uint64_t state = 1;

	if (fstat(file, &status) || status.st_size < PAGE)
		return -1;
	for (long i = 0; i < count; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (pread(file, buffer, PAGE, (off_t)((state >> 33) % (uint64_t)(status.st_size / PAGE)) *
		    PAGE) != PAGE)
			return -1;
		*sum += taste(0, PAGE);
	}
	return count * PAGE;
}

static long long write_all(int file, long bytes)
{
	for (long left = bytes; left > 0; left -= PIECE) {
		size_t part = left < PIECE ? (size_t)left : PIECE;

		buffer[0] = (uint64_t)left;
		if (write(file, buffer, part) != (ssize_t)part)
			return -1;
	}
	return fsync(file) ? -1 : bytes;
}

static void run(const char *word, const char *path, long number)
{
	int writes = !strcmp(word, "write");
	long long begun_ns = now_ns(), bytes = -1;
	uint64_t sum = 0;
	int file = open(path, writes ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0600);

	if (file >= 0)
		bytes = writes ? write_all(file, number) :
		    !strcmp(word, "random") ? read_random(file, number, &sum) : read_all(file, &sum);
	begun_ns = now_ns() - begun_ns;
	if (bytes < 0)
		printf("%s %s: FAILED errno %d\n", word, path, errno);
	else
		printf("%s %s: %lld bytes in %lld ns, sum %016llx\n", word, path, bytes, begun_ns,
		    (unsigned long long)sum);
	if (file >= 0)
		close(file);
}

int main(void)
{
	char line[256], word[16], path[200];
	long number;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		number = 0;
		if (sscanf(line, "%15s %199s %ld", word, path, &number) >= 2)
			run(word, path, number);
	}
	return 0;
}
