/* virtio_console.h - a console that takes many bytes at a time; inside bmk. */
#ifndef BMK_VIRTIO_CONSOLE_H
#define BMK_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* False if there is none.  arrived is called from interrupt level when there is input. */
bool virtio_console_create(void (*arrived)(void *));
/* How many of the bytes the host has; fewer than all if the device has failed. */
size_t virtio_console_write(const void *data, size_t bytes);
/* Bytes that have arrived, without waiting. */
size_t virtio_console_read(void *data, size_t bytes);

#endif
