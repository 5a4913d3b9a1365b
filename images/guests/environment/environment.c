/*
 * environment.c - arguments, environment, identity, and the way out.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static void first(void)
{
	puts("registered first, runs last");
}

static void second(void)
{
	puts("registered second, runs first");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

__attribute__((constructor)) static void before_main(void)
{
	puts("constructor");
}

__attribute__((destructor)) static void after_main(void)
{
	puts("destructor");
}

int main(int count, char **arguments)
{
	struct rlimit limit;
	struct utsname name;
	unsigned char random[16];
	int i, variables = 0;

	printf("%d arguments\n", count);
	for (i = 0; i < count; i++)
		printf("[%s]\n", i ? arguments[i] : strrchr(arguments[i], '/') ? strrchr(arguments[i], '/') + 1 : arguments[i]);
	printf("ended by NULL: %d\n", arguments[count] == NULL);
	while (environ[variables])
		variables++;
	qsort(environ, (size_t)variables, sizeof *environ, by_name);
	for (i = 0; i < variables; i++)
		puts(environ[i]);
	printf("%s\n", getenv("NONE") ? "NONE is set" : "NONE is not set");
	setenv("NEW", "value", 1);
	putenv("PUT=there");
	unsetenv("EMPTY");
	printf("%s %s %d\n", getenv("NEW"), getenv("PUT"), getenv("EMPTY") == NULL);
	printf("uid %d gid %d\n", getuid() == geteuid(), getgid() == getegid());
	printf("pid %d, page %ld, processors %d\n", getpid() > 0, sysconf(_SC_PAGESIZE),
	    sysconf(_SC_NPROCESSORS_ONLN) > 0);
	printf("auxv page %lu random %d secure %lu\n", getauxval(AT_PAGESZ), getauxval(AT_RANDOM) != 0,
	    getauxval(AT_SECURE));
	printf("uname %d %s\n", uname(&name), name.machine);
	printf("rlimit %d", getrlimit(RLIMIT_NOFILE, &limit));
	printf(" %d\n", limit.rlim_cur >= 256);
	memset(random, 0, sizeof random);
	printf("random %d", getentropy(random, sizeof random));
	for (i = 1; i < 16 && random[i] == random[0];)
		i++;
	printf(" %d\n", i < 16);
	atexit(first);
	atexit(second);
	exit(42);
}
