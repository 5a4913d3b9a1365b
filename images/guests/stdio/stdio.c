/*
 * stdio.c - the C library's streams and formatting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

static void numbers(void)
{
	printf("%d %i %u %ld %lld %hhd %hu\n", INT_MIN, -1, UINT_MAX, LONG_MAX, LLONG_MIN, 300, 70000);
	printf("%x %X %#x %o %#o %p\n", 255, 255, 255, 8, 8, (void *)0x1234);
	printf("[%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%*.*f]\n", 42, 42, 42, 42, 42, 7, 8, 2, M_PI);
	printf("%f %e %g %a %.10g %G\n", 1.5, 12345.678, 1e-10, 1.0, M_PI, 1e100);
	printf("%f %g %g %g %.17g\n", -0.0, INFINITY, -INFINITY, NAN < 0 ? 1.0 : 0.1, 0.1);
	printf("%Lf %.3Lf %g %g\n", 1.0L / 3, 2.0L / 3, DBL_MAX, DBL_MIN);
	printf("%" PRIu64 " %zu %td %jd\n", UINT64_MAX, sizeof(long), (ptrdiff_t)-5, (intmax_t)9);
	printf("[%c] [%s] [%.3s] [%10s] [%-10s] %%\n", 'x', "string", "string", "right", "left");
}

static void parsing(void)
{
	char word[20];
	double real;
	int count, number, hex;

	count = sscanf("42 word 3.25 ff", "%d %19s %lf %x", &number, word, &real, &hex);
	printf("%d: %d %s %g %x\n", count, number, word, real, hex);
	count = sscanf("12abc", "%d%3[a-c]%n", &number, word, &hex);
	printf("%d: %d %s %d\n", count, number, word, hex);
	printf("%ld %lu %ld\n", strtol("-0x1f", NULL, 0), strtoul("777", NULL, 8), strtol("99z", NULL, 36));
	errno = 0;
	printf("%ld", strtol("99999999999999999999", NULL, 10));
	printf(" %s\n", strerror(errno));
	printf("%.15g %g %g\n", strtod("1.7976931348623157e308", NULL), atof("1e-320"), strtod("0x1.8p3", NULL));
}

static void streams(void)
{
	FILE *file = tmpfile();
	char line[64], *grown = NULL;
	size_t room = 0;
	int i;

	for (i = 1; i <= 1000; i++)
		fprintf(file, "line %d\n", i);
	printf("at %ld\n", ftell(file));
	rewind(file);
	for (i = 0; fgets(line, sizeof line, file); i++)
		;
	printf("%d lines, last %s", i, line);
	printf("eof %d error %d\n", !!feof(file), !!ferror(file));
	fseek(file, -9, SEEK_END);
	printf("%d", (int)getline(&grown, &room, file));
	printf(" %s", grown);
	fseek(file, 5, SEEK_SET);
	i = fgetc(file);
	ungetc('Q', file);
	printf("%c %c\n", i, fgetc(file));
	fseek(file, 0, SEEK_SET);
	fwrite("LINE", 1, 4, file);
	fflush(file);
	fseek(file, 0, SEEK_SET);
	printf("%s", fgets(line, sizeof line, file));
	fclose(file);
	free(grown);
}

static void buffers(void)
{
	char *text, buffer[100], block[10000];
	size_t bytes, i;
	FILE *stream = open_memstream(&text, &bytes);
	char name[] = "/tmp/stdio-XXXXXX";
	int file;

	fprintf(stream, "%s %d", "in memory", 1);
	fclose(stream);
	printf("%s, %zu\n", text, bytes);
	free(text);
	stream = fmemopen("read from memory", 16, "r");
	printf("%zu", fread(buffer, 1, sizeof buffer, stream));
	printf(" %.16s\n", buffer);
	fclose(stream);
	file = mkstemp(name);
	stream = fdopen(file, "w+");
	setvbuf(stream, buffer, _IOFBF, sizeof buffer);
	for (i = 0; i < sizeof block; i++)
		block[i] = (char)('a' + i % 26);
	printf("%zu\n", fwrite(block, 1, sizeof block, stream));
	rewind(stream);
	memset(block, 0, sizeof block);
	printf("%zu", fread(block, 1, sizeof block, stream));
	printf(" %c%c\n", block[0], block[9999]);
	fclose(stream);
	stream = fopen(name, "a+");
	fputs("END", stream);
	fseek(stream, -4, SEEK_END);
	printf("%s\n", fgets(buffer, sizeof buffer, stream));
	stream = freopen(name, "r", stream);
	printf("%c", fgetc(stream));
	printf(", %d\n", fputc('x', stream));
	fclose(stream);
	printf("%d\n", remove(name));
	stream = fopen(name, "r");
	printf("%d %s\n", stream != NULL, strerror(errno));
}

static void wide(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	printf("%ls %lc\n", L"gr\u00fc\u00df dich", L'\u03c0');
	printf("%zu\n", wcslen(L"\u00e9\u00e8"));
}

int main(void)
{
	numbers();
	parsing();
	streams();
	buffers();
	wide();
	fprintf(stderr, "to standard error\n");
	puts("done");
	printf("no newline at the end");
	return 3;
}
