/*
 * cc.h - what lwIP wants to know about the compiler and the machine.
 */
#ifndef NET_LWIP_CC_H
#define NET_LWIP_CC_H

#include "rumplib.h"

#define BYTE_ORDER LITTLE_ENDIAN
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1

#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define atoi(text) 0 /* of netif_find, which is not used */
#define INT_MAX __INT_MAX__
#define SSIZE_MAX __LONG_MAX__
typedef long ssize_t;

uint32_t net_random(void);
#define LWIP_RAND() net_random()

/* An assertion that fails is a defect, of lwIP's or of ours: a panic with its words. */
__attribute__((noreturn)) void net_assertion(const char *what);
#define LWIP_PLATFORM_ASSERT(what) net_assertion(what)
#define LWIP_PLATFORM_DIAG(what) do { } while (0)
/* What a caller did wrong is told by the error it gets. */
#define LWIP_ERROR(message, expression, handler) do { \
	if (!(expression)) { \
		handler; \
	} \
} while (0)

#endif
