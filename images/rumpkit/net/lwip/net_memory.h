/*
 * net_memory.h - the memory of the network: bounded, so that packets cannot take it all.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Undefined contents, 16-byte aligned; NULL beyond the network's share of the memory. */
void *net_memory_alloc(size_t bytes);
void *net_memory_calloc(size_t count, size_t bytes);
void net_memory_free(void *memory);

/* Bytes in use, and the most there may be. */
size_t net_memory_used(void);
size_t net_memory_limit(void);

/* The Internet checksum's sum of some bytes, not complemented, in the memory's order. */
uint16_t net_checksum(const void *data, int bytes);

#endif
