/*
 * string.c - memory and string routines with general registers only.
 *
 * The string instructions copy eight bytes a step; emulated processors run them a
 * step at a time, so the step should be as wide as it can be.
 */
#include "rumplib.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	void *at = to;
	size_t words = bytes / 8;
	size_t rest = bytes % 8;

	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	char *last = (char *)to + bytes - 1;
	const char *from_last = (const char *)from + bytes - 1;

	if ((uintptr_t)to - (uintptr_t)from >= bytes)
		return memcpy(to, from, bytes);
	__asm__ volatile("std; rep movsb; cld" : "+D"(last), "+S"(from_last), "+c"(bytes)
	    : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t bytes)
{
	void *at = to;
	size_t words = bytes / 8;
	size_t rest = bytes % 8;
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a, *y = b;

	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *where, int byte, size_t bytes)
{
	const uint8_t *at = where;

	for (; bytes; bytes--, at++)
		if (*at == (uint8_t)byte)
			return (void *)at;
	return NULL;
}

size_t strlen(const char *text)
{
	const char *at = text;

	while (*at)
		at++;
	return (size_t)(at - text);
}

size_t strnlen(const char *text, size_t max)
{
	size_t bytes = 0;

	while (bytes < max && text[bytes])
		bytes++;
	return bytes;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t bytes)
{
	while (bytes && *a && *a == *b)
		a++, b++, bytes--;
	return bytes ? (uint8_t)*a - (uint8_t)*b : 0;
}

char *strchr(const char *text, int character)
{
	for (;; text++) {
		if (*text == (char)character)
			return (char *)text;
		if (!*text)
			return NULL;
	}
}

char *strrchr(const char *text, int character)
{
	char *found = NULL;

	for (;; text++) {
		if (*text == (char)character)
			found = (char *)text;
		if (!*text)
			return found;
	}
}

char *strstr(const char *text, const char *what)
{
	size_t bytes = strlen(what);

	for (; *text; text++)
		if (!strncmp(text, what, bytes))
			return (char *)text;
	return bytes ? NULL : (char *)text;
}

size_t lib_strlcpy(char *to, const char *from, size_t bytes)
{
	size_t length = strlen(from);
	size_t copied = length < bytes ? length : bytes - 1;

	if (bytes) {
		memcpy(to, from, copied);
		to[copied] = '\0';
	}
	return length;
}
