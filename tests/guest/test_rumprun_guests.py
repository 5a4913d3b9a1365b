"""Guests of an installed upstream Rumprun: built, booted, ended, through both drivers."""

import pytest
from capabilities import need

from kernel_magics import Lab
from kernel_magics.errors import BuildError, GuestPanic, UsageError

pytestmark = pytest.mark.guest

ARGUMENTS = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	printf("A is %s\n", getenv("A"));
	return 3;
}
"""
SERVER = r"""
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(80) };
	const char *answer = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nserved";
	char request[1024];
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	bind(listener, (struct sockaddr *)&here, sizeof(here));
	listen(listener, 8);
	puts("listening");
	fflush(stdout);
	for (;;) {
		int one = accept(listener, NULL, NULL);

		read(one, request, sizeof(request));
		write(one, answer, strlen(answer));
		close(one);
	}
}
"""


@pytest.fixture(scope="module", params=["qemu", "libvirt"])
def lab(request):
    need("qemu", "rumprun", *(["libvirt"] if request.param == "libvirt" else []))
    with Lab(driver=request.param) as lab:
        yield lab


def test_arguments_environment_and_status(lab):
    image = lab.build(ARGUMENTS, "arguments", kit="rumprun")
    assert image.kit == "rumprun" and not image.log.startswith("\n!!!")
    guest = lab.boot(image, memory_mib=64, argv=["arguments", "a b", "c"], env={"A": "x y"})
    assert guest.wait(60) == 3 and guest.state == "exited"
    lines = guest.console.text.splitlines()
    for line in ("argument 0: arguments", "argument 1: a b", "argument 2: c", "A is x y"):
        assert line in lines
    assert guest.spec["machine"] == "pc"


def test_an_image_built_elsewhere(lab, tmp_path):
    path = tmp_path / "other.bin"
    path.write_bytes(lab.build(ARGUMENTS, "arguments", kit="rumprun").path.read_bytes())
    guest = lab.boot(path, memory_mib=64, env={"A": "1"})
    assert guest.wait(60) == 3 and guest.image.kit == "rumprun"


def test_a_crash_is_said_with_its_place(lab):
    image = lab.build("int main(void) { *(volatile int *)8 = 1; }", "crash", kit="rumprun")
    guest = lab.boot(image, memory_mib=64)
    with pytest.raises(GuestPanic, match="page fault at 0x") as caught:
        guest.wait(60)
    assert guest.state == "panicked" and "address 0x8" in caught.value.message
    place = int(caught.value.message.split(" at ")[1].split(",")[0], 16)
    found = image.symbols.at(place)
    assert found and found[0].name == "rumprun_main1"


def test_a_server_is_reached(lab):
    guest = lab.boot(lab.build(SERVER, "served", kit="rumprun"), memory_mib=64, ports=[80])
    guest.console.expect("listening", timeout=60)
    assert guest.http("/", timeout=60).text == "served"
    guest.stop()
    assert guest.state == "stopped"


def test_compile_errors_and_configurations(lab):
    with pytest.raises(BuildError) as caught:
        lab.build("int main(void) { return 0 }", "wrong", kit="rumprun")
    assert caught.value.diagnostics[0].line == 1
    with pytest.raises(BuildError, match="undefined function `nothere`"):
        lab.build("int main(void) { return nothere(); }", "wrong", kit="rumprun")
    with pytest.raises(UsageError, match="no configuration 'hw_none'") as unknown:
        lab.build("int main(void) { return 0; }", "wrong", kit="rumprun", bake="hw_none")
    assert "hw_virtio" in unknown.value.next_step
    with pytest.raises(UsageError, match="for Xen"):
        lab.build("int main(void) { return 0; }", "wrong", kit="rumprun", bake="xen_pv")
