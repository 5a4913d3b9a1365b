/*
 * calls.h - making a call and noting it, for scenarios.
 *
 *   DO(openat, AT_FDCWD, "f", O_RDWR, 0)  makes the call and notes
 *   openat(AT_FDCWD, "f", O_RDWR, 0) = 3
 */
#ifndef CALLS_H
#define CALLS_H

#include "files.h"
#include "linux_abi.h"
#include "seam.h"

enum {
#define NUMBER(number, name) NR_##name = number,
	SYS_FILES(NUMBER)
#undef NUMBER
};

#define WORDS1(a) (long)(a)
#define WORDS2(a, ...) (long)(a), WORDS1(__VA_ARGS__)
#define WORDS3(a, ...) (long)(a), WORDS2(__VA_ARGS__)
#define WORDS4(a, ...) (long)(a), WORDS3(__VA_ARGS__)
#define WORDS5(a, ...) (long)(a), WORDS4(__VA_ARGS__)
#define WORDS6(a, ...) (long)(a), WORDS5(__VA_ARGS__)
#define PICK(a, b, c, d, e, f, macro, ...) macro
#define WORDS(...) \
	PICK(__VA_ARGS__, WORDS6, WORDS5, WORDS4, WORDS3, WORDS2, WORDS1, )(__VA_ARGS__)

#define DO(name, ...) \
	noted_call(#name "(" #__VA_ARGS__ ")", NR_##name, (const long[6]){ WORDS(__VA_ARGS__) })
/* The same without a note, for preparation. */
#define QUIET(name, ...) quiet_call(NR_##name, (const long[6]){ WORDS(__VA_ARGS__) })

long noted_call(const char *text, long number, const long *words);
long quiet_call(long number, const long *words);

/* Note what stat and lstat tell of a path, or of a descriptor. */
void note_stat(const char *path);
void note_fstat(int descriptor);
/* Note the entries of a directory, sorted. */
void note_listing(const char *path);
/* Note a file's content: its length and a checksum; short ones as text. */
void note_content(const char *path);
/* Create a file that holds text. */
void put(const char *path, const char *text);

#endif
