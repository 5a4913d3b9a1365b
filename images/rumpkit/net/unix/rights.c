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
	const struct linux_cmsghdr *header;
	size_t at = 0;
	int error = 0;

	while (!error && (header = net_control_next(message, &at, &error)))
		error = take_one(packet, header);
	return error;
}

/* How many descriptors fit behind what is there. */
static unsigned room_for(const struct net_message *message)
{
	size_t needed = message->control_used + sizeof(struct linux_cmsghdr);

	if (!message->control || message->control_bytes < needed)
		return 0;
	return (unsigned)((message->control_bytes - needed) / sizeof(int32_t));
}

static void give_files(struct unix_packet *packet, struct net_message *message)
{
	int32_t descriptors[FILES_MAX];
	unsigned count = 0, room = room_for(message);

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
		net_control_put(message, SOL_SOCKET, SCM_RIGHTS, descriptors,
		    count * sizeof *descriptors);
	if (!(message->flags & MSG_PEEK))
		unix_rights_drop(packet);
}

void unix_rights_give(struct unix_socket *socket, struct unix_packet *packet,
    struct net_message *message)
{
	if (socket->base.pass_credentials)
		net_control_put(message, SOL_SOCKET, SCM_CREDENTIALS, &packet->credentials,
		    sizeof packet->credentials);
	if (packet->file_count)
		give_files(packet, message);
}
