"""Programs that the tests of Rumprun's guests run."""

__all__ = ["ENDS", "FILES", "RAW", "TWO", "FAKE", "SERVER"]

# What its first argument says; the second is a number.
ENDS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int deep(int n)
{
	volatile char room[4000];

	room[0] = (char)n;
	return n ? deep(n + 1) + room[0] : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	for (int i = 0; i < argc; i++)
		printf("argument %d: <%s>\n", i, argv[i]);
	if (getenv("A"))
		printf("A has %zu bytes: %.20s\n", strlen(getenv("A")), getenv("A"));
	fflush(stdout);
	if (!strcmp(what, "exit"))
		exit(number);
	if (!strcmp(what, "abort"))
		abort();
	if (!strcmp(what, "null"))
		*(volatile int *)(long)number = 1;
	if (!strcmp(what, "deep"))
		return deep(1);
	if (!strcmp(what, "sleep"))
		sleep(number);
	if (!strcmp(what, "take")) {
		char *block = malloc((size_t)number << 20);

		if (!block)
			return 9;
		memset(block, 1, (size_t)number << 20);
		return 0;
	}
	return number;
}
"""
# Which file systems there are; reads hello.txt in a folder, writes new.txt there.
FILES = r"""
#include <sys/statvfs.h>
#include <sys/mount.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct statvfs found[16];
	int count = getvfsstat(found, sizeof(found), ST_WAIT);
	char path[200], line[100] = "";
	FILE *file;

	for (int i = 0; i < count; i++)
		printf("%s is %s of %s\n", found[i].f_mntonname, found[i].f_fstypename,
			found[i].f_mntfromname);
	snprintf(path, sizeof(path), "%s/hello.txt", argv[1]);
	if ((file = fopen(path, "r"))) {
		fgets(line, sizeof(line), file);
		fclose(file);
	}
	printf("read <%s>\n", line);
	snprintf(path, sizeof(path), "%s/new.txt", argv[1]);
	file = fopen(path, "w");
	if (!file)
		return printf("cannot write: %s\n", strerror(errno)), 4;
	fputs("written by the guest", file);
	return fclose(file) ? 5 : 0;
}
"""
# Reads the second sector of a device and writes the third.
RAW = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char sector[512];
	int disk = open(argv[1], O_RDWR);

	if (pread(disk, sector, sizeof(sector), 512) != sizeof(sector))
		return 1;
	printf("read <%.20s>\n", sector);
	memset(sector, 0, sizeof(sector));
	strcpy(sector, "from the guest");
	return pwrite(disk, sector, sizeof(sector), 1024) != sizeof(sector);
}
"""
# The system's own lines, printed by a program that goes on.
FAKE = r"""
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	puts("rump kernel halting...\nhalted");
	fflush(stdout);
	sleep(1);
	puts("FATAL TRAP: page fault at 0x1 (0x2)");
	fflush(stdout);
	sleep(1);
	return 6;
}
"""
# Two programs for one image: what one writes, the other reads.
TWO = {
    "source": '#include <stdio.h>\nint main(void) { puts("through the pipe"); return 3; }\n',
    "sink": """
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	char line[100];
	int size = read(0, line, sizeof(line) - 1);

	printf("got %d: %.*s\\n", size, size > 0 ? size : 0, line);
	return size > 0 ? 0 : 7;
}
""",
}
# Says "served" on port 80, to both families of addresses.
SERVER = r"""
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	const char *answer = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nserved";
	char request[1024], name[64];
	int listener = socket(AF_INET6, SOCK_STREAM, 0), no = 0;

	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	bind(listener, (struct sockaddr *)&here, sizeof(here));
	listen(listener, 8);
	gethostname(name, sizeof(name));
	printf("%s listens\n", name);
	fflush(stdout);
	for (;;) {
		int one = accept(listener, NULL, NULL);

		read(one, request, sizeof(request));
		write(one, answer, strlen(answer));
		close(one);
	}
}
"""
