"""The life of upstream Rumprun's guests: phases, survival, configuration, network, magics."""

import json
import subprocess
import sys
import time

import pytest
from capabilities import need
from rumprun_building import toolchain_lab
from rumprun_programs import ENDS, SERVER

from kernel_magics import Lab
from kernel_magics.errors import GuestPanic, HostError

pytestmark = pytest.mark.guest

# Boots an image and is killed; says first what the guest is called.
LEFT_ALONE = """
import os, signal, sys
from kernel_magics import Lab
guest = Lab(driver="qemu", keep=True).boot(sys.argv[1], memory_mib=64, name="left",
                                           argv=["ends", *sys.argv[2:]])
guest.console.expect("argument 1", timeout=60)
os.kill(os.getpid(), signal.SIGKILL)
"""


lab = toolchain_lab()


@pytest.fixture(params=["qemu", "libvirt"])
def driver(request):
    if request.param == "libvirt":
        need("libvirt")
    return request.param


@pytest.fixture(scope="module")
def ends(lab):
    return lab.build(ENDS, "ends", kit="rumprun", cflags="-Wno-infinite-recursion")


def test_phases_of_a_boot(lab, ends, driver):
    guest = lab.boot(ends, memory_mib=64, argv=["ends", "sleep", "1"], driver=driver)
    assert guest.wait(60) == 1
    phases = guest.boot_phases
    assert list(phases)[-5:] == ["runtime", "kernel", "config", "main", "exit"]
    assert phases.total_ns == guest.marks["gone"] - guest.marks["called"]
    assert all(took > 0 for took in phases.values())
    # What the guest's own program took is known.
    assert abs(phases["main"] - 1e9) < 0.3e9 + phases.uncertainty_ns
    assert "main" in repr(phases) and phases.df.loc["main", "duration_ns"] == phases["main"]


def test_phases_of_one_that_waits_and_of_one_that_crashes(lab, ends):
    guest = lab.boot(ends, memory_mib=64, argv=["ends", "null", "8"], paused=True)
    assert guest.state == "paused" and guest.registers is not None
    time.sleep(0.2)
    guest.resume()
    with pytest.raises(GuestPanic):
        guest.wait(60)
    assert guest.boot_phases["paused"] > 0.2e9 and "exit" in guest.boot_phases


def test_nothing_of_the_console_is_lost(lab):
    image = lab.build('#include <stdio.h>\nint main(void) { for (int i = 0; i < 3000; i++) '
                      'printf("line %d of many\\n", i); return 0; }', "talks", kit="rumprun")
    guest = lab.boot(image, memory_mib=64)
    assert guest.wait(60) == 0
    lines = guest.console.text.splitlines()
    assert [line for line in lines if line.startswith("line ")] == [
        f"line {i} of many" for i in range(3000)]
    assert lines[0] == "rump kernel bare metal bootstrap" or "serial console" in lines[0]
    assert guest.console.lost_bytes == 0 and lines[-1] == "halted"


@pytest.mark.parametrize(("what", "status"), [(("sleep", "1"), 1), (("sleep", "60"), None)])
def test_a_guest_that_outlives_its_notebook(lab, ends, what, status):
    """It is found again, and stopped when it halts: nobody else would."""
    subprocess.run([sys.executable, "-c", LEFT_ALONE, str(ends.path), *what], check=False)
    with Lab(driver="qemu") as other:
        guest = other.guest("left")
        assert guest.owner == "survived"
        if status is None:
            assert guest.state == "running"
            guest.stop()
        else:
            assert guest.wait(60) == status and guest.state == "exited"
            assert repr(guest.programs) == "ends  returned, status 1"
        assert guest.machine.has_ended()


@pytest.mark.parametrize(("size", "handed"), [
    (3990, "multiboot: Using configuration from "), (6000, "unmounted /dev/ld0a on /rootfs")])
def test_configurations_of_any_length(lab, ends, driver, size, handed):
    guest = lab.boot(ends, memory_mib=64, env={"A": "x" * size}, driver=driver)
    assert guest.wait(60) == 0
    assert f"A has {size} bytes" in guest.console.text and handed in guest.console.text


def test_a_configuration_that_a_libvirt_elsewhere_cannot_have(lab, ends):
    with pytest.raises(HostError, match="too long for a guest at test:///default"):
        lab.boot(ends, memory_mib=64, env={"A": "x" * 6000}, uri="test:///default",
                 driver="libvirt")
    assert not [guest for guest in lab.guests() if guest.uri]


def test_a_server_with_static_addresses(lab, driver):
    image = lab.build(SERVER, "server", kit="rumprun")
    guest = lab.boot(image, memory_mib=64, ports=[80], address="10.0.2.15/24,fec0::15/64",
                     hostname="a-host", capture=True, driver=driver)
    guest.console.expect("a-host listens", timeout=60)
    assert guest.http("/", timeout=60).text == "served"
    assert guest.boot_phases and "exit" not in guest.boot_phases
    guest.stop()
    assert guest.state == "stopped" and len(guest.pcap.df) > 5


def test_an_address_that_crashes_upstream(lab, ends):
    """IPv6 from the router: its function uses an interface before it has one, or it works."""
    guest = lab.boot(ends, memory_mib=64, net="user", address="auto")
    try:
        assert guest.wait(60) == 0
    except GuestPanic as crashed:
        assert "while it set up what its configuration asks for" in crashed.message
        assert 'such as "fec0::15/64"' in crashed.next_step


NAMES = r"""
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct addrinfo *found;

	for (int i = 1; i < argc; i++)
		printf("%s: %s\n", argv[i],
			getaddrinfo(argv[i], "80", NULL, &found) ? "not found" : "found");
	return 0;
}
"""


def test_names_are_resolved_as_a_disk_at_etc_says(lab, tmp_path):
    """Upstream's DHCP client writes no resolv.conf."""
    need("makefs")
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "resolv.conf").write_text("nameserver 10.0.2.3\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    (folder / "hosts").write_text("127.0.0.1 localhost\n10.9.8.7 known.example\n")
    etc = lab.disk(tmp_path / "etc.iso", fstype="iso9660", folder=folder, mountpoint="/etc")
    guest = lab.boot(lab.build(NAMES, "names", kit="rumprun"), memory_mib=64, net="user",
                     argv=["names", "known.example", "a.invalid"], disks=[etc], capture=True)
    assert guest.wait(60) == 0
    assert "known.example: found" in guest.console.text
    assert "a.invalid: not found" in guest.console.text  # and the name server was asked
    asked = guest.pcap.df["info"].str.contains("query a.invalid", regex=False)
    assert asked.any()


def test_an_e1000_is_reached(lab):
    image = lab.build(SERVER, "server", kit="rumprun", bake="hw_generic")
    guest = lab.boot(image, memory_mib=64, ports=[80], nic="e1000")
    guest.console.expect("listens", timeout=60)
    assert guest.http("/", timeout=60).text == "served"
    guest.stop()


# Magics

@pytest.fixture
def shell(lab, ends, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setattr("kernel_magics.magics.session._lab", lab, raising=False)
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "kernel_magics")
    yield shell
    shell.run_line_magic("unload_ext", "kernel_magics")
    InteractiveShell.clear_instance()


def cell(shell, text, path):
    return shell.run_cell(text.replace("IMAGE", str(path)))


def test_the_body_of_a_cell(shell, ends, capsys):
    done = cell(shell, "%%rumpboot IMAGE\nmemory: 64\ndriver: qemu\nenv: {A: 1}\n"
                       "rc:\n  - {bin: first, argv: [one, none, 3]}\n", ends.path)
    assert repr(done.result) == "guest ends: exited with status 3"
    assert "A has 1 bytes: 1" in capsys.readouterr().out
    assert json.loads(json.dumps(done.result.spec["rc"])) == [
        {"bin": "first", "argv": ["one", "none", "3"]}]


@pytest.mark.parametrize(("line", "says"), [
    ("%rumpboot IMAGE --memory 64 --nic e1000 --net user", "without a driver for an e1000"),
    ("%rumpboot IMAGE --memory 64 --nic rtl", "choices: virtio, e1000"),
    ("%rumpboot IMAGE --memory 64 --terminal", "console is no terminal"),
    ("%rumpboot IMAGE --memory 64 --input x -- sleep 9", "Rumprun's console reads none"),
    ("%%rumpboot IMAGE\nrc: 7\n", "line 2: rc is a list of mappings, not 7"),
    ("%%rumpboot IMAGE\nblk: [{source: dev}]\n", "is no device to mount"),
    ("%%rumpboot IMAGE\nrc: [{bin: x, arg: 3}]\n", "a program has no 'arg'"),
])
def test_mistakes_are_one_line(shell, ends, capsys, line, says):
    assert not cell(shell, line, ends.path).success
    shown = capsys.readouterr()
    assert says in shown.out + shown.err and "Traceback" not in shown.out + shown.err


def test_memory_is_advised_below_a_report(shell, ends, capsys):
    assert not cell(shell, "%rumpboot IMAGE --memory 5 --driver qemu", ends.path).success
    shown = capsys.readouterr()
    assert "its 5 MiB of memory are less than its kernel wants" in shown.out + shown.err
    assert "--memory 24" in shown.out + shown.err
