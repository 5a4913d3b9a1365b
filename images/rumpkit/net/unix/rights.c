/*
 * rights.c - open files and credentials that travel beside bytes: SCM_RIGHTS,
 * SCM_CREDENTIALS of unix(7).
 */
#include "unix/unix.h"

#define FILES_MAX 253 /* SCM_MAX_FD */

void unix_rights_drop(struct unix_packet *packet)
{
	unsigned i;

	for (i = 0; i < packet->file_count; i++)
		vfs_file_put(packet->files[i]);
	kern_free(packet->files);
	packet->files = NULL;
	packet->file_count = 0;
}

/* A message may carry several arrays: they become one. */
static int take_files(struct unix_packet *packet, const int32_t *descriptors, size_t count)
{
	size_t total = packet->file_count + count;
	struct vfs_file **files;

	if (total > FILES_MAX)
		return -EINVAL;
	files = kern_alloc(total * sizeof *files + 1);
	if (!files)
		return -ENOMEM;
	if (packet->files)
		memcpy(files, packet->files, packet->file_count * sizeof *files);
	kern_free(packet->files);
	packet->files = files;
	while (packet->file_count < total) {
		struct vfs_file *file = vfs_descriptor_get(*descriptors++);

		if (!file)
			return -EBADF;
		packet->files[packet->file_count++] = file;
	}
	return 0;
}

static int take_one(struct unix_packet *packet, const struct linux_cmsghdr *header)
{
	size_t bytes = header->bytes - sizeof *header;

	if (header->level != SOL_SOCKET)
		return 0;
	if (header->type == SCM_RIGHTS)
		return take_files(packet, (const int32_t *)(header + 1), bytes / sizeof(int32_t));
	if (header->type == SCM_CREDENTIALS && bytes == sizeof packet->credentials) {
		memcpy(&packet->credentials, header + 1, sizeof packet->credentials);
		return 0;
	}
	return -EINVAL;
}

int unix_rights_take(struct unix_packet *packet, const struct net_message *message)
{
	const uint8_t *at = message->control;
	size_t left = message->control ? message->control_bytes : 0;
	int error = 0;

	while (!error && left >= sizeof(struct linux_cmsghdr)) {
		const struct linux_cmsghdr *header = (const struct linux_cmsghdr *)at;
		size_t step;

		if (header->bytes < sizeof *header || header->bytes > left)
			return -EINVAL;
		error = take_one(packet, header);
		step = LINUX_CMSG_ALIGN(header->bytes);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return error;
}

/* Append one control message; false if there is no room for all of it. */
static bool put(struct net_message *message, size_t *used, int type, const void *data,
    size_t bytes)
{
	struct linux_cmsghdr header = { sizeof header + bytes, SOL_SOCKET, type };
	uint8_t *at = (uint8_t *)message->control + *used;

	if (!message->control || message->control_bytes < *used + header.bytes) {
		message->result_flags |= MSG_CTRUNC;
		return false;
	}
	memcpy(at, &header, sizeof header);
	memcpy(at + sizeof header, data, bytes);
	*used += LINUX_CMSG_ALIGN(header.bytes);
	if (*used > message->control_bytes)
		*used = message->control_bytes;
	return true;
}

/* How many descriptors fit behind what is there. */
static unsigned room_for(const struct net_message *message, size_t used)
{
	size_t needed = used + sizeof(struct linux_cmsghdr);

	if (!message->control || message->control_bytes < needed)
		return 0;
	return (unsigned)((message->control_bytes - needed) / sizeof(int32_t));
}

static void give_files(struct unix_packet *packet, struct net_message *message, size_t *used)
{
	int32_t descriptors[FILES_MAX];
	unsigned count = 0, room = room_for(message, *used);

	while (count < packet->file_count && count < room) {
		int added = vfs_descriptor_add(packet->files[count], 0,
		    message->flags & MSG_CMSG_CLOEXEC);

		if (added < 0)
			break;
		descriptors[count++] = added;
	}
	if (count < packet->file_count)
		message->result_flags |= MSG_CTRUNC;
	if (count)
		put(message, used, SCM_RIGHTS, descriptors, count * sizeof *descriptors);
	if (!(message->flags & MSG_PEEK))
		unix_rights_drop(packet);
}

void unix_rights_give(struct unix_socket *socket, struct unix_packet *packet,
    struct net_message *message)
{
	size_t used = message->control_used;

	if (socket->base.pass_credentials)
		put(message, &used, SCM_CREDENTIALS, &packet->credentials,
		    sizeof packet->credentials);
	if (packet->file_count)
		give_files(packet, message, &used);
	message->control_used = used;
}
