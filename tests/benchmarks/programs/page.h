/*
 * page.h - the page that the HTTP servers of this folder answer with, in POSIX alone.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 160

/* The whole answer, head and body. */
static char *answer;
static size_t answer_bytes;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void make_answer(size_t body_bytes)
{
	answer = malloc(HEAD_BYTES + body_bytes);
	if (!answer)
		die("answer");
	answer_bytes = (size_t)snprintf(answer, HEAD_BYTES, "HTTP/1.1 200 OK\r\n"
	    "Content-Type: text/plain\r\nContent-Length: %lu\r\n\r\n", (unsigned long)body_bytes);
	memset(answer + answer_bytes, 'x', body_bytes);
	answer_bytes += body_bytes;
}

#endif
