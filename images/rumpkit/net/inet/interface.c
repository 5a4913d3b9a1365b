/*
 * interface.c - the Ethernet interface: frames between lwIP and the virtio hypercalls.
 */
#include "inet/inet.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "netif/ethernet.h"
#include "rumpcomp.h"

#define SEGMENTS_MAX 16
#define CHECKSUM_OF_TCP 16 /* where it is in the header */
#define CHECKSUM_OF_UDP 6
#define BATCH 64           /* frames received before others get the processor */

static struct rumpcomp_virtif *device;
static struct netif interface;
static bool is_open, sent_some;

struct netif *inet_interface(void)
{
	return is_open ? &interface : NULL;
}

int inet_interface_number(const struct netif *netif)
{
	return netif == inet_interface() ? 2 : 1;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* The sum over addresses, protocol and length that the device goes on from. */
static uint16_t pseudo_sum(const uint8_t *addresses, unsigned address_bytes, uint8_t protocol,
    uint32_t length)
{
	uint32_t sum = protocol + (length & 0xffff) + (length >> 16);
	unsigned i;

	for (i = 0; i < address_bytes; i += 2)
		sum += (uint32_t)addresses[i] << 8 | addresses[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * Leave TCP's and UDP's checksums to the device.  lwIP writes all headers of a packet into
 * its first pbuf, except those of fragments, which have their sum already.
 */
static bool offload(struct pbuf *frame, struct rumpcomp_offload *wanted)
{
	uint8_t *ethernet = frame->payload, *ip = ethernet + SIZEOF_ETH_HDR, *field;
	unsigned header_bytes, place;
	uint16_t type = (uint16_t)(ethernet[12] << 8 | ethernet[13]), sum;
	uint8_t protocol;

	if (type == ETHTYPE_IP && frame->len >= SIZEOF_ETH_HDR + 20) {
		header_bytes = (ip[0] & 0xf) * 4u;
		protocol = ip[9];
		if ((ip[6] & 0x3f) || ip[7]) /* a fragment */
			return false;
		sum = pseudo_sum(ip + 12, 8, protocol,
		    (uint32_t)frame->tot_len - SIZEOF_ETH_HDR - header_bytes);
	} else if (type == ETHTYPE_IPV6 && frame->len >= SIZEOF_ETH_HDR + 40) {
		header_bytes = 40;
		protocol = ip[6];
		sum = pseudo_sum(ip + 8, 32, protocol,
		    (uint32_t)frame->tot_len - SIZEOF_ETH_HDR - header_bytes);
	} else {
		return false;
	}
	place = protocol == IP_PROTO_TCP ? CHECKSUM_OF_TCP : CHECKSUM_OF_UDP;
	if ((protocol != IP_PROTO_TCP && protocol != IP_PROTO_UDP) ||
	    frame->len < SIZEOF_ETH_HDR + header_bytes + place + 2)
		return false;
	field = ip + header_bytes + place;
	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
	wanted->needs_checksum = true;
	wanted->checksum_start = (uint16_t)(SIZEOF_ETH_HDR + header_bytes);
	wanted->checksum_offset = (uint16_t)place;
	return true;
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
	struct rumpcomp_segment segments[SEGMENTS_MAX];
	struct rumpcomp_offload wanted;
	struct pbuf *flat = NULL, *at;
	unsigned count = 0;
	int error;

	memset(&wanted, 0, sizeof wanted);
	if (!(netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP))
		offload(frame, &wanted);
	if (pbuf_clen(frame) > SEGMENTS_MAX) {
		flat = pbuf_clone(PBUF_RAW, PBUF_RAM, frame);
		if (!flat)
			return ERR_MEM;
	}
	for (at = flat ? flat : frame; at; at = at->next) {
		segments[count].data = at->payload;
		segments[count++].bytes = at->len;
	}
	error = rumpcomp_virtif_send(device, segments, count, &wanted);
	sent_some = true;
	if (flat)
		pbuf_free(flat);
	return !error ? ERR_OK : error == -ENOBUFS ? ERR_MEM : ERR_IF;
}

void inet_interface_flush(void)
{
	if (sent_some)
		rumpcomp_virtif_flush(device);
	sent_some = false;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* One frame to lwIP, in memory of its own: the device needs its buffers back. */
static bool receive_one(void)
{
	struct rumpcomp_offload given;
	struct pbuf *frame;
	void *data;
	long bytes;

	memset(&given, 0, sizeof given);
	bytes = rumpcomp_virtif_receive(device, &data, &given);
	if (bytes <= 0)
		return false;
	frame = bytes <= 0xffff ? pbuf_alloc(PBUF_RAW, (uint16_t)bytes, PBUF_RAM) : NULL;
	if (frame)
		memcpy(frame->payload, data, (size_t)bytes);
	rumpcomp_virtif_release(device, data);
	if (!frame)
		return true; /* lost, like any frame may be */
	if (given.checksum_good || given.needs_checksum)
		interface.chksum_flags &= (uint16_t)~(NETIF_CHECKSUM_CHECK_TCP |
		    NETIF_CHECKSUM_CHECK_UDP);
	else
		interface.chksum_flags |= NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	if (interface.input(frame, &interface) != ERR_OK)
		pbuf_free(frame);
	return true;
}

bool inet_interface_receive(void)
{
	unsigned count = 0;

	if (!is_open)
		return false;
	while (count < BATCH && receive_one())
		count++;
	return count == BATCH;
}

bool inet_interface_may_sleep(void)
{
	return !is_open || !rumpcomp_virtif_notify(device, true);
}

/* ---- opening --------------------------------------------------------------------------------- */

static err_t set_up(struct netif *netif)
{
	unsigned mtu = 1500;

	if (rumpcomp_virtif_open(0, netif->hwaddr, &mtu, inet_thread_input, NULL, &device))
		return ERR_IF;
	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->hwaddr_len = ETH_HWADDR_LEN;
	netif->mtu = (uint16_t)(mtu < 65535 ? mtu : 65535);
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = send_frame;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
	if (rumpcomp_virtif_features(device) & RUMPCOMP_VIRTIF_CHECKSUM)
		NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL &
		    ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP));
	return ERR_OK;
}

/* -ENODEV: the guest has no network device. */
int inet_interface_open(const char *hostname)
{
	if (is_open)
		return 0;
	if (!netif_add(&interface, NULL, NULL, NULL, NULL, set_up, ethernet_input))
		return -ENODEV;
	is_open = true;
	netif_set_hostname(&interface, hostname);
	netif_set_default(&interface);
	netif_set_up(&interface);
	netif_set_link_up(&interface);
	return 0;
}
