/*
 * echo.c - lines typed at the console come back, numbered; "quit" ends it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char line[256];
	int number = 0;

	printf("terminal: %d\n", isatty(0));
	while (fputs("> ", stdout), fflush(stdout), fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "quit"))
			return number;
		printf("%d: %s\n", ++number, line);
	}
	printf("end of input\n");
	return 0;
}
