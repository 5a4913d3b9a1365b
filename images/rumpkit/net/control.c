/*
 * control.c - the control messages beside a message: cmsg(3).
 */
#include "rumplib.h"
#include "socket.h"

bool net_control_put(struct net_message *message, int level, int type, const void *data,
    size_t bytes)
{
	struct linux_cmsghdr header = { sizeof header + bytes, level, type };
	size_t used = message->control_used;
	uint8_t *at = (uint8_t *)message->control + used;

	if (!message->control || message->control_bytes < used + header.bytes) {
		message->result_flags |= MSG_CTRUNC;
		return false;
	}
	memcpy(at, &header, sizeof header);
	memcpy(at + sizeof header, data, bytes);
	used += LINUX_CMSG_ALIGN(header.bytes);
	message->control_used = used < message->control_bytes ? used : message->control_bytes;
	return true;
}

const struct linux_cmsghdr *net_control_next(const struct net_message *message, size_t *at,
    int *error)
{
	const struct linux_cmsghdr *header;
	size_t left;

	*error = 0;
	if (!message->control || *at >= message->control_bytes ||
	    message->control_bytes - *at < sizeof *header)
		return NULL;
	left = message->control_bytes - *at;
	header = (const struct linux_cmsghdr *)((const uint8_t *)message->control + *at);
	if (header->bytes < sizeof *header || header->bytes > left) {
		*error = -EINVAL;
		return NULL;
	}
	*at += LINUX_CMSG_ALIGN(header->bytes);
	return header;
}
