/* main.c - hostile_device CHECK FIRST COUNT: each seed in a process of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"

#define REPORTED 3               /* the sanitizers end with 1 */

static const struct {
	const char *name;
	int (*run)(uint64_t seed);
} checks[] = {
	{ "queue", check_queue }, { "order", check_order }, { "network", check_network },
	{ "disk", check_disk }, { "9p", check_ninep },
};

int main(int argc, char **argv)
{
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	unsigned reports = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (argc < 2 || strcmp(checks[i].name, argv[1]))
			continue;
		for (uint64_t seed = first; seed < first + count; seed++) {
			int status;
			pid_t child = fork();

			if (!child) {
				checks[i].run(seed);
				_exit(device_reports ? REPORTED : 0);
			}
			waitpid(child, &status, 0);
			if (!WIFEXITED(status) || WEXITSTATUS(status) % REPORTED) {
				printf("%s: seed %llu\n", argv[1], (unsigned long long)seed);
				return 2;
			}
			reports += WEXITSTATUS(status) == REPORTED;
		}
		printf("%u of %llu devices were reported\n", reports, (unsigned long long)count);
		return 0;
	}
	fputs("hostile_device queue|order|network|disk|9p FIRST COUNT\n", stderr);
	return 2;
}
