/*
 * support.c - what GCC's C++ library expects of glibc, for guests, which have musl.
 *
 * Linked into C++ programs only.
 */
#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

extern ssize_t getrandom(void *, size_t, unsigned);

/* Whether reference counts may do without locked instructions: never, to be safe. */
char __libc_single_threaded;

/* 0: found.  glibc's way to unwind tables; crtbeginT.o registers the only ones there are. */
int
_dl_find_object(void *address, void *result)
{
	(void)address;
	(void)result;
	return -1;
}

/* Returns 32 random bits; std::random_device uses it. */
uint32_t
arc4random(void)
{
	uint32_t bits = 0;

	while (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		continue;
	return bits;
}

/*
 * A locale as the library's character classes read it: glibc's layout.  To musl, which
 * gets the same pointers, the empty categories at its start mean the C locale.
 */
struct classic_locale {
	void *categories[13];
	const unsigned short *classes;
	const int *to_lower;
	const int *to_upper;
	const char *names[13];
};

static struct classic_locale classic;

/* musl has these tables for programs that were compiled against glibc. */
extern const unsigned short **__ctype_b_loc(void);
extern const int **__ctype_tolower_loc(void);
extern const int **__ctype_toupper_loc(void);

/*
 * newlocale(3) for the library: there is the C locale and no other.
 * Returns NULL and sets errno to ENOENT for any other name.
 */
locale_t
__wrap___newlocale(int mask, const char *name, locale_t base)
{
	int i;

	(void)mask;
	(void)base;
	if (*name && strcmp(name, "C") != 0 && strcmp(name, "POSIX") != 0) {
		errno = ENOENT;
		return NULL;
	}
	classic.classes = *__ctype_b_loc();
	classic.to_lower = *__ctype_tolower_loc();
	classic.to_upper = *__ctype_toupper_loc();
	for (i = 0; i < 13; i++)
		classic.names[i] = "C";
	return (locale_t)&classic;
}

/* There is one locale, and it stays. */
locale_t
__wrap___duplocale(locale_t locale)
{
	return locale;
}

void
__wrap___freelocale(locale_t locale)
{
	(void)locale;
}
