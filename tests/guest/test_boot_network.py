"""Guests with a network, through both drivers: ports, HTTP, what was captured."""

import shutil
import socket
import subprocess
import urllib.request

import pytest
from capabilities import need
from host_ports import free_port, held_by, is_released
from rumprun_programs import SERVER as RUMPRUN_SERVER
from test_boot_errors import refused
from test_boot_processes import Notebook

from kernel_magics.boot.doctor import device_findings
from kernel_magics.boot.process import ProcessId
from kernel_magics.errors import GuestError, GuestTimeout, HostError, UsageError
from kernel_magics.lab import Lab
from kernel_magics.widgets.console.view import ConsoleView
from kernel_magics.widgets.guests.guest import guest_html
from kernel_magics.widgets.guests.listings import guests_html

pytestmark = pytest.mark.guest

# Answers by the path of the request: /quit ends it, /late never answers, /drop and /junk
# break the protocol, anything else is answered with the request itself.
SERVER = r"""
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int asked(const char *request, const char *path)
{
    return !strncmp(strchr(request, ' ') + 1, path, strlen(path));
}

/* Reads a request with its body, which may come in pieces; returns the bytes it has. */
static ssize_t take(int client, char *request, size_t room)
{
    size_t total = 0;
    ssize_t bytes;

    request[0] = '\0';
    while (total < room && (bytes = read(client, request + total, room - total)) > 0) {
        char *end, *length;

        request[total += bytes] = '\0';
        length = strstr(request, "Content-Length: ");
        end = strstr(request, "\r\n\r\n");
        if (end && request + total >= end + 4 + (length ? atoi(length + 16) : 0))
            break;
    }
    return total;
}

int main(void)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(80) };
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listening, (void *)&here, sizeof here) || listen(listening, 8))
        return 1;
    puts("listening");
    for (;;) {
        char request[4096], head[256];
        int client = accept(listening, NULL, NULL);
        ssize_t bytes = take(client, request, sizeof request - 1);

        if (!strchr(request, ' '))
            goto next;
        if (asked(request, "/quit"))
            return 7;
        if (asked(request, "/late"))
            continue;
        if (asked(request, "/junk"))
            write(client, "what?\n\n", 7);
        else if (!asked(request, "/drop")) {
            sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zd\r\nConnection: close\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n\r\n", bytes);
            write(client, head, strlen(head));
            write(client, request, bytes);
        }
    next:
        close(client);
    }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The image of a small HTTP server on port 80."""
    need("qemu", "compiler")
    with Lab(driver="qemu") as lab:
        return lab.build(SERVER, "server")


def test_a_guest_answers_http_as_soon_as_it_can(driver, lab, server):
    guest = lab.boot(server, ports=[80])
    answer = guest.http("/a?b=c", timeout=60)
    assert (answer.status, answer.reason) == (200, "OK")
    assert answer.text.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.elapsed_ns > 0 and "200 OK" in repr(answer)
    posted = guest.http("/", method="POST", body="über", headers={"X-Test": "1"}, timeout=60)
    assert "X-Test: 1" in posted.text and posted.body.endswith("über".encode())
    assert guest.address == "127.0.0.1" and list(guest.ports) == [80]
    with urllib.request.urlopen(guest.url, timeout=60) as answered:
        assert answered.status == 200
    assert f"127.0.0.1:{guest.ports[80]}→80" in repr(lab.guests())
    for html in (guest_html(guest), guests_html(lab.guests())):
        assert f'<a href="{guest.url}"' in html
    assert ConsoleView(guest).links == [
        {"text": f"127.0.0.1:{guest.ports[80]} → 80", "url": guest.url}]


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_a_guest_with_pci_answers_too(lab, server, machine):
    assert lab.boot(server, ports=[80], machine=machine).http("/", timeout=60).status == 200


def test_an_address_of_its_own_choice(lab, server):
    guest = lab.boot(server, ports=[80], address="192.168.33.44/24", capture=True)
    assert guest.http("/", timeout=60).status == 200
    assert "192.168.33.44:80" in set(guest.pcap.df["source"])


def test_the_port_that_was_asked_for_is_the_one(lab, server):
    port = free_port()
    guest = lab.boot(server, ports={port: 80})
    assert guest.ports == {80: port} and guest.url == f"http://127.0.0.1:{port}/"


def test_two_guests_have_ports_of_their_own(driver, lab, server):
    first, second = lab.boot(server, ports=[80]), lab.boot(server, ports=[80])
    assert first.ports[80] != second.ports[80]
    assert [guest.http("/", timeout=60).status for guest in (first, second)] == [200, 200]


def test_another_process_of_the_lab_reaches_the_guest(driver, lab, server):
    guest = lab.boot(server, ports=[80], name="served")
    guest.http("/", timeout=60)
    with Lab(driver=driver) as other:
        found = other.guest("served")
        assert found.ports == guest.ports and found.http("/", timeout=60).status == 200


def test_what_goes_wrong_with_a_request_is_told_with_the_console(lab, server):
    guest = lab.boot(server, ports=[80, 81], capture=True)
    guest.http("/", timeout=60)
    refused(GuestError, lambda: guest.http("/drop", timeout=60),
            "ended the connection without an answer")
    error = refused(GuestError, lambda: guest.http("/junk", timeout=60),
                    "does not speak HTTP: what?")
    assert "listening" in error.message
    refused(GuestTimeout, lambda: guest.http("/late", timeout=2), "did not answer within 2 s")
    error = refused(GuestTimeout, lambda: guest.http("/", port=81, timeout=0.5),
                    "does not listen on port 81")
    assert "listening" in error.message and "timeout=" in error.next_step
    refused(UsageError, lambda: guest.http("/", port=443), "forwarded are: 80, 81")
    refused(UsageError, lambda: guest.http("no-slash"), "is no path")
    refused(GuestError, lambda: guest.http("/quit", timeout=60), "has ended (exited)")
    refused(GuestError, lambda: guest.http("/"), "has ended (exited) and answers nothing")


def test_a_guest_without_network_says_how_to_get_one(lab, probe):
    guest = lab.boot(probe, memory_mib=16, argv=["probe", "@h"])
    assert guest.ports == {} and guest.url == ""
    error = refused(GuestError, lambda: guest.http("/"), "has no network")
    assert "ports=[80]" in error.next_step
    refused(GuestError, lambda: guest.pcap, "booted without a capture")


def test_ports_that_cannot_be_had(driver, lab, probe):
    def boot(**more):
        return lab.boot(probe, memory_mib=16, argv=["probe", "@h"], **more)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refused(HostError, lambda: boot(ports={port: 80}),
                        f"port {port} of this machine cannot be forwarded: another program")
        assert "ports=[80]" in error.next_step and error.port == port
    first = boot(ports=[80], name="first")
    refused(HostError, lambda: boot(ports={first.ports[80]: 80}), "guest first has it")
    assert [guest.name for guest in lab.guests()] == ["first"]


def test_the_capture_is_what_tshark_sees(driver, lab, server):
    need("tshark")
    guest = lab.boot(server, ports=[80], capture=True)
    guest.http("/captured", timeout=60)
    guest.stop()
    lines = subprocess.run(
        ["tshark", "-n", "-r", guest.pcap.path, "-T", "fields", "-e", "frame.time_epoch",
         "-e", "frame.len", "-e", "tcp.srcport", "-e", "http.request.uri"],
        check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    df = guest.pcap.df
    assert list(df.columns) == ["time_ns", "source", "destination", "protocol", "length", "info"]
    assert [int(row[1]) for row in rows] == list(df["length"])
    assert [round(float(row[0]) * 1e6) for row in rows] == [ns // 1000 for ns in df["time_ns"]]
    tcp = df[df["protocol"] == "TCP"]
    assert [row[2] for row in rows if row[2]] == [
        source.rpartition(":")[2] for source in tcp["source"]]
    sent = tcp[tcp["destination"].str.endswith(":80")]
    # A request that the host's side repeated is one for tshark.
    assert sent["info"].str.contains("GET /captured").sum() >= len(
        [row for row in rows if row[3] == "/captured"]) >= 1
    assert {"ARP", "DHCP", "TCP"} <= set(df["protocol"])


def test_a_capture_begins_anew(driver, lab, server):
    guest = lab.boot(server, ports=[80], capture=True)
    guest.http("/first", timeout=60)
    assert guest.pcap.df["info"].str.contains("/first").any()
    guest.pcap.clear()
    guest.http("/second", timeout=60)
    infos = guest.pcap.df["info"]
    assert infos.str.contains("/second").any() and not infos.str.contains("/first").any()
    guest.stop()
    guest.pcap.clear()
    assert len(guest.pcap) == 0
    path = guest.pcap.path
    lab.close()
    assert not path.exists()
    refused(GuestError, lambda: guest.pcap.df, "is gone")


def test_passt_carries_the_network_and_ends_with_its_guest(driver, lab, server):
    need("passt")
    guest = lab.boot(server, net="passt", ports=[80])
    folder = guest.host_files.folder
    assert guest.http("/", timeout=60).status == 200
    processes = _passts(folder)
    assert len(processes) == 1
    guest.stop()
    assert processes[0].wait(60) and not _passts(folder)


def test_passt_that_cannot_have_its_port_is_not_left_behind(lab, probe):
    need("passt")
    first = lab.boot(probe, memory_mib=16, argv=["probe", "@h"], ports=[80], name="first")
    refused(HostError, lambda: lab.boot(probe, memory_mib=16, net="passt",
                                        ports={first.ports[80]: 80}), "guest first has it")
    assert not _passts(first.host_files.folder.parent)


def _passts(folder) -> list[ProcessId]:
    said = subprocess.run(["pgrep", "-f", f"^[^ ]*passt[^ ]* .*{folder}"], capture_output=True,
                          text=True)
    return [ProcessId.of(int(pid)) for pid in said.stdout.split()]


def test_without_passt_the_way_out_is_named(lab, probe, monkeypatch, tmp_path):
    (tmp_path / "qemu-system-x86_64").symlink_to(shutil.which("qemu-system-x86_64"))
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(HostError, lambda: lab.boot(probe, memory_mib=16, net="passt"),
                    "passt was not found")
    assert "apt install passt" in error.next_step


@pytest.fixture
def tap():
    """A tap of this machine with the address 192.168.76.1."""
    need("root", "tun")
    name = "rltesttap"
    made = [["tuntap", "add", "dev", name, "mode", "tap"],
            ["address", "add", "192.168.76.1/24", "dev", name], ["link", "set", name, "up"]]
    for command in made:
        subprocess.run(["ip", *command], check=True)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=True)


def test_a_guest_on_a_tap_is_reached_at_its_address(driver, lab, server, tap):
    guest = lab.boot(server, net=f"tap:{tap}", address="192.168.76.2/24", capture=True)
    assert guest.address == "192.168.76.2"
    assert guest.http("/", timeout=60).status == 200
    assert guest.pcap.df["info"].str.contains("GET /").any()
    refused(HostError, lambda: lab.boot(server, net=f"tap:{tap}"), f"cannot use the tap {tap}")


@pytest.fixture
def bridge():
    """A bridge of this machine with the address 192.168.77.1."""
    need("root", "tun")
    name = "rltestbridge"
    made = [["link", "add", name, "type", "bridge"],
            ["address", "add", "192.168.77.1/24", "dev", name], ["link", "set", name, "up"]]
    for command in made:
        subprocess.run(["ip", *command], check=True)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=True)


def test_a_guest_on_a_bridge_is_reached_at_its_address(server, bridge):
    need("libvirt")
    with Lab() as lab:  # root's libvirt needs no helper
        guest = lab.boot(server, net=f"bridge:{bridge}", address="192.168.77.2/24")
        assert guest.address == "192.168.77.2"
        assert guest.http("/", timeout=60).status == 200


@pytest.mark.parametrize("nic", ["virtio", "e1000"])
def test_a_rumprun_guest_on_a_tap_and_on_a_bridge(tap, bridge, nic):
    need("rumprun", "libvirt")
    with Lab() as lab:
        image = lab.build(RUMPRUN_SERVER, "served", kit="rumprun", bake="hw_generic")
        for net, address in ((f"tap:{tap}", "192.168.76.2"), (f"bridge:{bridge}", "192.168.77.2")):
            guest = lab.boot(image, memory_mib=64, net=net, address=f"{address}/24", nic=nic)
            guest.console.expect("listens", timeout=60)
            assert guest.address == address and guest.http("/", timeout=60).text == "served"
            guest.stop()


def test_a_bridge_that_qemu_may_not_use(lab, probe, bridge):
    if bridge in device_findings._allowed():
        pytest.skip("needs a bridge that /etc/qemu/bridge.conf does not allow")
    error = refused(HostError, lambda: lab.boot(probe, memory_mib=16, net=f"bridge:{bridge}"),
                    f"may not use the bridge {bridge}")
    assert "bridge.conf" in error.next_step


def test_interfaces_that_are_none(lab, probe):
    def boot(net):
        return lab.boot(probe, memory_mib=16, net=net)

    error = refused(UsageError, lambda: boot("tap:rlnone"), "no network interface rlnone")
    assert "ip tuntap add dev rlnone" in error.next_step
    refused(UsageError, lambda: boot("tap:lo"), "lo is not a tap")
    refused(UsageError, lambda: boot("bridge:lo"), "lo is not a bridge")


def test_nothing_of_a_closed_lab_is_left(driver, probe, tmp_path):
    need("passt")
    with Lab(driver=driver) as lab:
        disk = lab.disk(tmp_path / "data.img", size_mib=1)
        guests = [lab.boot(probe, memory_mib=16, argv=["probe", "@h"], ports=[80], net=net,
                           capture=True, disks=disks)
                  for net, disks in (("user", [disk]), ("passt", []))]
        held = [held_by(guest.ports[80]) for guest in guests]
        folders = [guest.host_files.folder for guest in guests]
        processes = _passts(folders[1])
    assert not any(folder.exists() for folder in folders)
    assert len(processes) == 1 and processes[0].wait(60)
    assert all(map(is_released, held)) and not disk.in_use()


def test_guests_of_a_killed_notebook_keep_their_ports_until_they_are_stopped(driver, server):
    need("passt")
    notebook = Notebook(server, driver)
    for net in ("user", "passt"):
        boot = f"lab.boot(probe, ports=[80], net={net!r}, name={net!r})"
        assert notebook.tell(f"{boot}.http('/', timeout=60).status") == "200"
    notebook.process.kill()
    notebook.process.wait()
    with Lab(driver=driver) as lab:
        for net in ("user", "passt"):
            found = lab.guest(net)
            assert (found.owner, found.http("/", timeout=60).status) == ("survived", 200)
            held, folder = held_by(found.ports[80]), found.host_files.folder
            lab.stop(net)
            assert not folder.exists() and all(p.wait(60) for p in _passts(folder))
            assert is_released(held)


@pytest.mark.parametrize("more, said", [
    ({"ports": [80]}, "ports cannot be had"), ({"disks": ["x.img"]}, "disks cannot be had"),
    ({"shares": {"/w": "."}}, "shares cannot be had"), ({"net": "passt"}, 'net="passt" cannot')])
def test_a_libvirt_elsewhere_has_nothing_of_this_machine(probe, more, said):
    with Lab("qemu+ssh://nowhere.invalid/system") as lab:
        error = refused(HostError, lambda: lab.boot(probe, memory_mib=16, **more), said)
        assert "Lab() without a URI" in error.next_step


def test_a_lab_forgets_guests_that_ended_long_ago(lab, probe, monkeypatch):
    monkeypatch.setattr("kernel_magics.boot.known_guests.ENDED_KEPT", 2)
    guests = []
    for number in range(4):
        guests.append(lab.boot(probe, memory_mib=16, argv=["probe", "@o"], name=f"g{number}"))
        guests[-1].wait(timeout=60)
    assert [guest.name for guest in lab.guests()] == ["g1", "g2", "g3"]
    assert not guests[0].host_files.folder.exists() and guests[1].host_files.folder.exists()
    assert guests[0].exit_status == 0 and guests[0].console.text == "hello\n"
