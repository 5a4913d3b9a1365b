/*
 * net.h - what the network faction offers the others.
 */
#ifndef NET_H
#define NET_H

/* Once, before the application starts. */
void net_create(void);

#endif
