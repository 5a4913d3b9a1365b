/*
 * init.c - what a Linux guest of one program has to do first: load the modules of its
 * devices, give its interface an address, mount its disk and its share, then become the
 * program.
 *
 * The initramfs brings /modules/NN-NAME.ko, to be loaded in that order, and /arguments: the
 * program's path and its arguments, from argv[0] on, each ended by a NUL.
 * The kernel's command line says what there is: network=1 (the addresses are those of
 * QEMU's user network), disk=FOLDER (ext2), share=FOLDER (9p, of that tag).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES "/modules"
#define WAIT_MS 5000

static void die(const char *what)
{
	printf("init: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_modules(void)
{
	struct dirent **entries;
	char path[512];
	int count = scandir(MODULES, &entries, visible, alphasort);

	for (int i = 0; i < count; i++) {
		int file;

		snprintf(path, sizeof(path), MODULES "/%s", entries[i]->d_name);
		file = open(path, O_RDONLY);
		if (file < 0 || (syscall(SYS_finit_module, file, "", 0) && errno != EEXIST))
			die(path);
		close(file);
	}
}

static struct sockaddr internet(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr any;

	inet_pton(AF_INET, address, &in.sin_addr);
	memcpy(&any, &in, sizeof(any));
	return any;
}

static void up(int control, const char *name)
{
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, name);
	ioctl(control, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(control, SIOCSIFFLAGS, &request))
		die(name);
}

static int wait_for_interface(const char *name)
{
	for (int waited = 0; !if_nametoindex(name); waited += 10) {
		if (waited == WAIT_MS)
			return 0;
		usleep(10000);
	}
	return 1;
}

static void network(const char *name, const char *address, const char *mask, const char *gateway)
{
	int control = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };

	up(control, "lo");
	if (!wait_for_interface(name))
		die("no network device");
	strcpy(request.ifr_name, name);
	request.ifr_addr = internet(address);
	if (ioctl(control, SIOCSIFADDR, &request))
		die("address");
	request.ifr_netmask = internet(mask);
	if (ioctl(control, SIOCSIFNETMASK, &request))
		die("netmask");
	up(control, name);
	route.rt_dst = internet("0.0.0.0");
	route.rt_genmask = internet("0.0.0.0");
	route.rt_gateway = internet(gateway);
	if (ioctl(control, SIOCADDRT, &route))
		die("gateway");
	close(control);
}

/* Devices of modules just loaded appear a little later. */
static void mount_late(const char *source, const char *target, const char *type,
    const char *options)
{
	mkdir(target, 0755);
	for (int waited = 0; mount(source, target, type, 0, options); waited += 10) {
		if (waited == WAIT_MS)
			die(target);
		usleep(10000);
	}
}

static void become_program(void)
{
	static char text[4096];
	char *arguments[64], *at = text;
	int count = 0, file = open("/arguments", O_RDONLY);
	ssize_t bytes = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

	if (bytes <= 0)
		die("/arguments");
	close(file);
	for (; at < text + bytes && count < 63; at += strlen(at) + 1)
		arguments[count++] = at;
	arguments[count] = NULL;
	execv(arguments[0], arguments + 1);
	die(arguments[0]);
}

int main(void)
{
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mount("none", "/proc", "proc", 0, "");
	mount("none", "/dev", "devtmpfs", 0, "");
	load_modules();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (getenv("network"))
		network("eth0", "10.0.2.15", "255.255.255.0", "10.0.2.2");
	if (getenv("disk"))
		mount_late("/dev/vda", getenv("disk"), "ext2", "");
	if (getenv("share"))
		mount_late("share", getenv("share"), "9p",
		    "trans=virtio,version=9p2000.L,msize=512000");
	become_program();
}
