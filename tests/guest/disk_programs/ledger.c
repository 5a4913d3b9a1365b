/*
 * ledger.c - what a database does with its disk, and what else can be asked of one.
 *
 *   ledger run N    N transactions: journal, fsync, change, fsync, journal gone; "done I"
 *   ledger check    recover as a database does, and say which transaction is the last
 *   ledger fill     write until the disk is full, then make room again
 *   ledger churn    make, rename, cut and remove files for ever
 *   ledger read F   read a file over and over, a line for each change; ends with "end"
 *   ledger errors   say what reading, writing and fsync answer on a disk with errors
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 32

static unsigned char page[PAGE], other[PAGE];

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(4);
}

/* Every page of transaction n is filled from n. */
static void fill_page(int n)
{
	memset(page, n % 251 + 1, PAGE);
	memcpy(page, &n, sizeof n);
}

static void save(const char *name, int n)
{
	int file = open(name, O_RDWR | O_CREAT, 0644);

	if (file < 0)
		die(name);
	fill_page(n);
	for (int i = 0; i < PAGES; i++)
		if (pwrite(file, page, PAGE, (long)i * PAGE) != PAGE)
			die(name);
	if (fsync(file) || close(file))
		die(name);
}

static void run(int count)
{
	for (int n = 1; n <= count; n++) {
		save("/data/journal", n);
		save("/data/ledger", n);
		if (unlink("/data/journal"))
			die("unlink");
		printf("done %d\n", n);
		fflush(stdout);
	}
}

/* The transaction a file holds whole, or -1. */
static int whole(const char *name)
{
	int file = open(name, O_RDONLY), n = -1;

	for (int i = 0; file >= 0 && i < PAGES; i++) {
		if (pread(file, other, PAGE, (long)i * PAGE) != PAGE)
			return -1;
		if (!i)
			memcpy(&n, other, sizeof n);
		fill_page(n);
		if (memcmp(page, other, PAGE))
			return -1;
	}
	return n;
}

static void check(void)
{
	int journal = whole("/data/journal"), ledger = whole("/data/ledger");

	printf("last %d\n", journal > ledger ? journal : ledger);
}

static void fill(void)
{
	int file = open("/data/big", O_RDWR | O_CREAT, 0644);
	long pages = 0;

	memset(page, 'x', PAGE);
	while (write(file, page, PAGE) == PAGE)
		pages++;
	printf("full after %ld: %s\n", pages, strerror(errno));
	printf("sync %d\n", fsync(file));
	printf("name %d\n", open("/data/more", O_CREAT | O_WRONLY, 0600) < 0 ? errno : 0);
	ftruncate(file, 10 * PAGE);
	printf("again %ld\n", (long)pwrite(file, page, PAGE, 20 * PAGE));
	printf("sync %d\n", fsync(file));
}

static void churn(void)
{
	char name[64], second[64];

	for (unsigned i = 0;; i++) {
		int file;

		snprintf(name, sizeof name, "/data/d%u/f%u", i % 5, i % 40);
		snprintf(second, sizeof second, "/data/d%u/g%u", i % 7 % 5, i % 30);
		if (i < 5) {
			snprintf(name, sizeof name, "/data/d%u", i);
			mkdir(name, 0755);
			continue;
		}
		file = open(name, O_RDWR | O_CREAT, 0644);
		write(file, page, i % PAGE);
		pwrite(file, page, PAGE, (long)(i % 100) * 5000);
		if (i % 3 == 0)
			ftruncate(file, i % 9000);
		if (i % 10 == 0)
			fsync(file);
		close(file);
		if (i % 2)
			rename(name, second);
		if (i % 4 == 0)
			unlink(second);
		if (i % 50 == 49) {
			printf("round %u\n", i);
			fflush(stdout);
		}
	}
}

static void follow(const char *name)
{
	char text[200] = "", last[200] = "";

	while (strncmp(last, "end", 3)) {
		int file = open(name, O_RDONLY);
		long got = file < 0 ? -1 : read(file, text, sizeof text - 1);

		close(file);
		text[got < 0 ? 0 : got] = 0;
		if (got >= 0 && strcmp(text, last)) {
			printf("saw %s\n", text);
			fflush(stdout);
			strcpy(last, text);
		}
		usleep(10000);
	}
}

static void errors(void)
{
	int file = open("/data/file", O_RDWR | O_CREAT, 0644);

	printf("open %d\n", file < 0 ? errno : 0);
	printf("write %d\n", write(file, page, PAGE) < 0 ? errno : 0);
	printf("sync %d\n", fsync(file) ? errno : 0);
	printf("then %d\n", write(file, page, PAGE) < 0 ? errno : 0);
	printf("sync %d\n", fsync(file) ? errno : 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "run"))
		run(atoi(argv[2]));
	else if (!strcmp(what, "check"))
		check();
	else if (!strcmp(what, "fill"))
		fill();
	else if (!strcmp(what, "churn"))
		churn();
	else if (!strcmp(what, "read"))
		follow(argv[2]);
	else if (!strcmp(what, "errors"))
		errors();
	return 0;
}
