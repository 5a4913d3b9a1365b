/*
 * configure.c - the "net" entries of the configuration, as upstream documents them:
 *
 *   "net": {"if":"vioif0", "type":"inet", "method":"dhcp"}
 *   "net": {"if":"vioif0", "type":"inet", "method":"static",
 *           "addr":"10.0.2.15", "mask":"24", "gw":"10.0.2.2", "dns":"10.0.2.3"}
 *   "net": {"if":"vioif0", "type":"inet6", "method":"auto"}
 *
 * There is one interface, so its name is not compared.  "dns" is this project's own.
 */
#include "inet/inet.h"

#include "lwip/dhcp.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "vfs.h"

#define DHCP_WAIT_NS (10 * 1000000000ll)
#define ROUTER_WAIT_NS (3 * 1000000000ll)
#define STEP_NS 200000ll /* at first; then ever longer */
#define STEP_MAX_NS 20000000ll
#define VALUE_BYTES 64

enum member { TYPE, METHOD, ADDRESS, MASK, GATEWAY, DNS, MEMBERS };
static const char *const names[MEMBERS] = { "type", "method", "addr", "mask", "gw", "dns" };

static char hostname[65] = "rumpkit";

static void refuse(const char *what, const char *value)
{
	rumpuser_dprintf("rumpkit: net: %s: \"%s\"\n", what, value);
}

/* "24" or "255.255.255.0"; false if neither. */
static bool mask_of(const char *text, ip4_addr_t *mask)
{
	unsigned bits = 0;
	const char *at = text;

	while (*at >= '0' && *at <= '9' && bits <= 32)
		bits = bits * 10 + (unsigned)(*at++ - '0');
	if (at != text && !*at && bits <= 32) {
		ip4_addr_set_u32(mask, bits ? lwip_htonl(~0u << (32 - bits)) : 0);
		return true;
	}
	return ip4addr_aton(text, mask);
}

static void set_static(char values[MEMBERS][VALUE_BYTES])
{
	ip4_addr_t address, mask, gateway = { 0 };
	char *slash = strchr(values[ADDRESS], '/');

	if (slash) {
		*slash = 0;
		lib_strlcpy(values[MASK], slash + 1, VALUE_BYTES);
	}
	if (!ip4addr_aton(values[ADDRESS], &address))
		return refuse("\"addr\" is no IPv4 address", values[ADDRESS]);
	if (!mask_of(values[MASK][0] ? values[MASK] : "24", &mask))
		return refuse("\"mask\" is neither a number of bits nor a mask", values[MASK]);
	if (values[GATEWAY][0] && !ip4addr_aton(values[GATEWAY], &gateway))
		return refuse("\"gw\" is no IPv4 address", values[GATEWAY]);
	netif_set_addr(inet_interface(), &address, &mask, &gateway);
}

static void set_static6(char values[MEMBERS][VALUE_BYTES])
{
	char *slash = strchr(values[ADDRESS], '/');
	ip6_addr_t address;
	s8_t index = -1;

	if (slash)
		*slash = 0;
	if (!ip6addr_aton(values[ADDRESS], &address))
		return refuse("\"addr\" is no IPv6 address", values[ADDRESS]);
	if (netif_add_ip6_address(inet_interface(), &address, &index) == ERR_OK && index >= 0)
		netif_ip6_addr_set_state(inet_interface(), index, IP6_ADDR_PREFERRED);
}

/* Wait, receiving, until there is an address; false if none came in time. */
static bool wait_for(bool (*has_address)(void), int64_t wait_ns)
{
	int64_t start_ns = kern_monotonic_ns(), step_ns = STEP_NS;

	while (!has_address()) {
		if (kern_monotonic_ns() - start_ns > wait_ns)
			return false;
		rumpuser_clock_sleep(RUMPUSER_CLOCK_RELWALL, 0, (long)step_ns);
		net_inet_run();
		step_ns = step_ns * 2 < STEP_MAX_NS ? step_ns * 2 : STEP_MAX_NS;
	}
	return true;
}

static bool has_dhcp(void)
{
	return dhcp_supplied_address(inet_interface());
}

/* The first address is for the link; a router's prefix gives another. */
static bool has_global6(void)
{
	int i;

	for (i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(inet_interface(), i)))
			return true;
	return false;
}

static void set_inet(char values[MEMBERS][VALUE_BYTES])
{
	if (!strcmp(values[METHOD], "dhcp")) {
		dhcp_start(inet_interface());
		inet_interface_flush();
		if (!wait_for(has_dhcp, DHCP_WAIT_NS))
			rumpuser_dprintf("rumpkit: net: no DHCP server has answered in 10 s; "
			    "going on without an address\n");
	} else if (!strcmp(values[METHOD], "static")) {
		set_static(values);
	} else {
		refuse("\"method\" of type inet is neither dhcp nor static", values[METHOD]);
	}
}

static void set_inet6(char values[MEMBERS][VALUE_BYTES])
{
	netif_create_ip6_linklocal_address(inet_interface(), 1);
	if (!strcmp(values[METHOD], "auto")) {
		netif_set_ip6_autoconfig_enabled(inet_interface(), 1);
		nd6_tmr(); /* asks for routers now, not in a second */
		inet_interface_flush();
		if (!wait_for(has_global6, ROUTER_WAIT_NS))
			rumpuser_dprintf("rumpkit: net: no IPv6 router has answered in 3 s; "
			    "going on with the link's address\n");
	} else if (!strcmp(values[METHOD], "static")) {
		set_static6(values);
	} else {
		refuse("\"method\" of type inet6 is neither auto nor static", values[METHOD]);
	}
}

static void read_values(const struct lib_json_value *entry, char values[MEMBERS][VALUE_BYTES])
{
	struct lib_json members;
	struct lib_json_value key, value;
	unsigned i;

	memset(values, 0, MEMBERS * VALUE_BYTES);
	if (!lib_json_open(&members, entry->text, entry->bytes))
		return;
	while (lib_json_next(&members, &key, &value))
		for (i = 0; i < MEMBERS; i++)
			if (lib_json_is(&key, names[i]))
				lib_json_string(&value, values[i], VALUE_BYTES);
}

static void apply(const struct lib_json_value *entry)
{
	char values[MEMBERS][VALUE_BYTES];

	read_values(entry, values);
	if (inet_start() || inet_interface_open(hostname)) {
		rumpuser_dprintf("rumpkit: net: this guest has no network device\n");
		return;
	}
	if (!strcmp(values[TYPE], "inet6"))
		set_inet6(values);
	else if (!strcmp(values[TYPE], "inet") || !values[TYPE][0])
		set_inet(values);
	else
		refuse("\"type\" is neither inet nor inet6", values[TYPE]);
	if (values[DNS][0])
		inet_resolver_add(values[DNS]);
}

void net_inet_create(const char *config)
{
	struct lib_json members;
	struct lib_json_value key, value;

	vfs_at_first_path(inet_files_make);
	if (!lib_json_open(&members, config, strlen(config)))
		return;
	rumpuser_getparam(RUMPUSER_PARAM_HOSTNAME, hostname, sizeof hostname);
	while (lib_json_next(&members, &key, &value))
		if (lib_json_is(&key, "net") && value.type == '{')
			apply(&value);
	net_inet_run();
}
