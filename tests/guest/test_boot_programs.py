"""C programs in the rumpkit runtime, booted through both drivers."""

import json
import struct

import pytest
from capabilities import need

from kernel_magics.boot import abi
from kernel_magics.boot.hypervisor.connection import connect
from kernel_magics.boot.hypervisor.domain import domain_xml
from kernel_magics.boot.registry import GuestFiles
from kernel_magics.boot.spec import BootSpec, Launch, configuration, render
from kernel_magics.errors import GuestPanic

pytestmark = pytest.mark.guest

TELL = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) printf("argv[%d]=[%s]\n", i, argv[i]);
    for (char **e = environ; *e; e++) printf("env [%s]\n", *e);
    char host[64] = ""; gethostname(host, sizeof host); printf("host [%s]\n", host);
    fprintf(stderr, "and standard error\n");
    return argc > 1 ? atoi(argv[argc - 1]) : 0;
}
"""
ECHO = r"""
#include <stdio.h>
int main(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        if (line[0] == 'q') return 3;
        printf("got %s", line); fflush(stdout);
    }
    return 4;
}
"""
AWKWARD = ["two words", 'quotes " \'', "back\\slash", "tab\tand\nline", "ü €", "", "{}[]:,"]


@pytest.fixture
def tell(lab):
    need("compiler")
    return lab.build(TELL, name="tell")


def test_arguments_environment_and_status_reach_the_program(driver, lab, tell):
    guest = lab.boot(tell, argv=["tell", *AWKWARD, "42"], hostname="testhost",
                     env={"A": "1 = one", "PATH": "/bin", "EMPTY": "", "Q": 'a "b" \\ ü'})
    assert guest.wait(timeout=60) == 42
    text = guest.console.text.replace("\r\n", "\n")
    expected = ["tell", *AWKWARD, "42"]
    assert [f"argv[{i}]=[{word}]" in text for i, word in enumerate(expected)] == [True] * 9
    for pair in ("A=1 = one", "PATH=/bin", "EMPTY=", 'Q=a "b" \\ ü'):
        assert f"env [{pair}]" in text
    assert "host [testhost]" in text and "and standard error" in text
    assert guest.header.console_written == guest.console.size_bytes
    assert guest.console.lost_bytes == 0


def test_without_arguments_argv0_is_the_images_name(lab, tell):
    guest = lab.boot(tell)
    assert guest.wait(timeout=60) == 0
    assert "argv[0]=[tell]" in guest.console.text


@pytest.mark.parametrize("status, seen", [("0", 0), ("1", 1), ("255", 255), ("256", 0),
                                          ("-1", 255)])
def test_an_exit_status_has_eight_bits(lab, tell, status, seen):
    assert lab.boot(tell, argv=["tell", status]).wait(timeout=60) == seen


def test_phases_counters_and_state_of_a_program(driver, lab, tell):
    guest = lab.boot(tell)
    guest.wait(timeout=60)
    phases = guest.boot_phases
    assert [name for name in phases if name not in ("firmware", "define", "exec")] == [
        "entry", "runtime", "devices", "kernel", "libc", "main", "exit"]
    header = guest.header
    assert header.state == abi.State.EXITED and header.ram_bytes <= 32 << 20
    stamps = header.phase_tsc[:abi.Phase.OUTPUT]
    assert all(stamps) and list(stamps) == sorted(stamps)
    guest_ns = (header.phase_tsc[abi.Phase.EXIT] - stamps[0]) * 10**9 // header.tsc_hz
    inside = [name for name in phases if name not in ("define", "exec", "firmware", "exit")]
    assert abs(sum(phases[name] for name in inside) - guest_ns) < 100
    counters = guest.counters
    assert counters.shape == (abi.EVENTS,) and counters[abi.Event.HYPERCALL:].sum() > 0
    raw = guest.ram.read(header.counters_address, 8 * abi.EVENTS)
    assert list(counters) == list(struct.unpack(f"<{abi.EVENTS}Q", raw))


def test_a_program_reads_its_console(driver, lab):
    guest = lab.boot(lab.build(ECHO, name="echo"))
    for number in range(3):
        guest.console.send(f"line {number}\n")
        guest.console.expect(f"got line {number}\r?\n", timeout=60)
    guest.console.send("q\n")
    assert guest.wait(timeout=60) == 3


def test_a_panicked_program_ends_the_wait_with_a_report(driver, lab):
    guest = lab.boot(lab.build("int main(void) { *(volatile int *)0 = 1; }", name="null"))
    with pytest.raises(GuestPanic) as caught:
        guest.wait(timeout=60)
    assert "null" in caught.value.message and guest.state == "panicked"
    assert caught.value.report is not None and "main" in repr(caught.value.report)


def test_a_panicked_program_that_halts_can_be_looked_at_and_stopped(lab):
    guest = lab.boot(lab.build("#include <stdlib.h>\nint main(void) { abort(); }", name="abort"),
                     on_panic="halt")
    with pytest.raises(GuestPanic, match="SIGABRT"):
        guest.wait(timeout=60)
    assert guest.pid is not None and guest.state == "panicked"
    guest.stop()


def test_an_endless_flood_of_a_program_is_bounded(lab):
    guest = lab.boot(lab.build("#include <stdio.h>\nint main(void) { for (;;) "
                               'puts("0123456789abcdef0123456789abcdef"); }', name="flood"),
                     paused=True)
    guest.console.retained_bytes = 256 << 10
    guest.resume()
    guest.console.expect("0123", timeout=60)
    while not guest.console.lost_bytes:
        assert guest.console.size_bytes < 64 << 20
    assert guest.header.console_consumed > 0
    assert guest.host_files.console_log.stat().st_blocks * 512 < 4 << 20
    guest.stop()


def test_the_domain_is_valid_for_libvirts_schema(tell, runtime):
    need("libvirt")
    spec = BootSpec(argv=("tell", *AWKWARD), env={"A": "<&>"}).with_image("tell")
    text = render(configuration(spec, "tell", 0, 0))
    assert json.loads(text)
    launch = Launch("tell", "7f2c8f5e-3b1a-4c55-9a83-3d3d6f2f9a01", str(tell.path), text, 32,
                    "microvm", "tcg", "max", GuestFiles(runtime / "guests" / "tell"))
    connection = connect("")
    domain = connection.handle.defineXMLFlags(domain_xml(launch),
                                              connection.libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    assert domain.UUIDString() == launch.uuid
    domain.undefine()
