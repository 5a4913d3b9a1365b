/*
 * rumplib.h - the runtime's own memory, string and formatting routines.
 *
 * The subset of the C library that code without a C library needs; same meaning.
 * They use general registers only, since the runtime must not touch the vector
 * registers of the application it interrupts.
 */
#ifndef RUMPKIT_RUMPLIB_H
#define RUMPKIT_RUMPLIB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function that an image may be without: look before the call whether it is there. */
#define RUMP_PART __attribute__((weak))

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *where, int byte, size_t bytes);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t bytes);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *what);
/* Copy with truncation, always terminated; returns strlen(from). */
size_t lib_strlcpy(char *to, const char *from, size_t bytes);
/* %d %i %u %x %X %o %p %c %s %% with flags 0 - #, width, precision, h l ll z. */
int lib_vsnprintf(char *to, size_t bytes, const char *format, va_list arguments);
__attribute__((format(printf, 3, 4)))
int lib_snprintf(char *to, size_t bytes, const char *format, ...);

/*
 * A cursor over JSON text.  lib_json_next walks the members of an object or array and
 * gives raw values; it accepts repeated keys, as the configuration is an ordered list.
 */
struct lib_json {
	const char *at;
	const char *end;
};
struct lib_json_value {
	const char *text;   /* of a string: after its quote, still escaped */
	size_t bytes;
	char type;          /* '{' '[' '"' '0' (number) 't' 'f' 'n' */
};
/* Start on the first value in text; false if it is no object or array. */
bool lib_json_open(struct lib_json *json, const char *text, size_t bytes);
/* Next member; key is empty in arrays.  False at the end or at a syntax error. */
bool lib_json_next(struct lib_json *json, struct lib_json_value *key,
    struct lib_json_value *value);
bool lib_json_is(const struct lib_json_value *key, const char *name);
/* Unescape a string value into to (terminated, truncated); returns its full length. */
size_t lib_json_string(const struct lib_json_value *value, char *to, size_t bytes);
uint64_t lib_json_number(const struct lib_json_value *value);

#endif
