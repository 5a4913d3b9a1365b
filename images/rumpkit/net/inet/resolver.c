/*
 * resolver.c - name servers: those that DHCP, routers or the configuration named.
 *
 * The C library in the application asks them by ordinary UDP.  Here are the functions by which
 * lwIP reports servers (the rest of its resolver is not built), and the files that C
 * libraries read.  What the root file system brings along stays as it is, except
 * /etc/resolv.conf: an image cannot know the network it will run in.
 */
#include "inet/inet.h"

#include "lwip/dns.h"
#include "vfs.h"

static ip_addr_t servers[DNS_MAX_SERVERS];
static char configured[DNS_MAX_SERVERS][IPADDR_STRLEN_MAX];

void dns_init(void)
{
}

void dns_tmr(void)
{
}

void dns_setserver(u8_t index, const ip_addr_t *server)
{
	if (index >= DNS_MAX_SERVERS)
		return;
	if (server)
		servers[index] = *server;
	else
		memset(&servers[index], 0, sizeof servers[index]);
}

const ip_addr_t *dns_getserver(u8_t index)
{
	return index < DNS_MAX_SERVERS ? &servers[index] : IP_ADDR_ANY;
}

void inet_resolver_add(const char *address)
{
	unsigned i = 0;

	while (i < DNS_MAX_SERVERS && configured[i][0])
		i++;
	if (i < DNS_MAX_SERVERS)
		lib_strlcpy(configured[i], address, sizeof configured[i]);
}

static void resolv_conf(char *text, size_t bytes)
{
	char address[IPADDR_STRLEN_MAX];
	size_t used = 0;
	unsigned i;

	text[0] = 0;
	for (i = 0; i < DNS_MAX_SERVERS && configured[i][0]; i++)
		used += (size_t)lib_snprintf(text + used, bytes - used, "nameserver %s\n",
		    configured[i]);
	for (i = 0; i < DNS_MAX_SERVERS && !used; i++)
		if (!ip_addr_isany(&servers[i]) &&
		    ipaddr_ntoa_r(&servers[i], address, sizeof address))
			used += (size_t)lib_snprintf(text + used, bytes - used, "nameserver %s\n",
			    address);
}

static const struct {
	const char *path, *text;
} files[] = {
	{ "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"
	    "services: files\nprotocols: files\nnetworks: files\n" },
	{ "/etc/protocols", "ip\t0\tIP\nicmp\t1\tICMP\ntcp\t6\tTCP\nudp\t17\tUDP\n"
	    "ipv6-icmp\t58\tIPv6-ICMP\n" },
	{ "/etc/services", "echo\t7/tcp\necho\t7/udp\nftp\t21/tcp\nssh\t22/tcp\ntelnet\t23/tcp\n"
	    "smtp\t25/tcp\ndomain\t53/tcp\ndomain\t53/udp\nhttp\t80/tcp\twww\nntp\t123/udp\n"
	    "https\t443/tcp\n" },
};

static bool exists(const char *path)
{
	struct vfs_place place;
	bool found;

	if (vfs_walk(vfs_root, path, VFS_WALK_FOLLOW, &place))
		return false;
	found = place.node != NULL;
	vfs_place_put(&place);
	return found;
}

/* What cannot be written (no room, or /etc is not writable) is left out: programs can do without. */
int inet_files_make(void)
{
	char text[DNS_MAX_SERVERS * (IPADDR_STRLEN_MAX + sizeof "nameserver \n")];
	size_t i;

	resolv_conf(text, sizeof text);
	if (text[0])
		vfs_make_text("/etc/resolv.conf", text);
	for (i = 0; i < sizeof files / sizeof *files; i++)
		if (!exists(files[i].path))
			vfs_make_text(files[i].path, files[i].text);
	return 0;
}
