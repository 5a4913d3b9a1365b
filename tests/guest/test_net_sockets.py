"""Sockets in a guest beside Linux's: the same programs print the same lines.

Each program of net_programs calls what it is named after, notes every result, and runs on
this machine and in a guest; the guest has no network device, only itself.
"""

import re
import socket
import subprocess
from pathlib import Path

import pytest
from capabilities import CAPABILITIES, need

from kernel_magics import Lab

PROGRAMS = Path(__file__).parent / "net_programs"
TIMEOUT_S = 120

pytestmark = pytest.mark.guest


def _ipv6() -> str:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        return f"this machine's loopback has no IPv6: {error.strerror}"
    return ""


CAPABILITIES.setdefault("ipv6", _ipv6)


@pytest.fixture(scope="session")
def host_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same programs, built for this machine."""
    need("compiler")
    folder = tmp_path_factory.mktemp("net_programs")
    for source in PROGRAMS.glob("*.c"):
        subprocess.run(["musl-gcc", "-O1", "-w", "-static", "-o", str(folder / source.stem),
                        str(source)], check=True)
    return folder


def in_a_guest(lab: Lab, name: str, *arguments: str, memory_mib: int = 32,
               **more: object) -> tuple[str, int]:
    # A program is one text here: its shared header goes in front.
    text = (PROGRAMS / f"{name}.c").read_text().replace(
        '#include "report.h"\n', (PROGRAMS / "report.h").read_text())
    image = lab.build(text, name=name, cflags="-w")
    guest = lab.boot(image, memory_mib=memory_mib, argv=[name, *arguments], **more)
    try:
        status = guest.wait(timeout=TIMEOUT_S)
        return guest.console.text, status
    finally:
        guest.stop()


@pytest.mark.parametrize("name", ["unix", "tcp", "udp", "told", "interfaces"])
def test_sockets_do_as_on_linux(lab: Lab, host_programs: Path, name: str) -> None:
    if name != "unix":
        need("ipv6")
    if name == "udp":
        need("root")  # for the raw socket of its ping
    done = subprocess.run([str(host_programs / name)], capture_output=True, text=True,
                          timeout=TIMEOUT_S, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert in_a_guest(lab, name) == (done.stdout, 0)


@pytest.mark.slow
def test_ten_thousand_connections_leave_nothing_behind(lab: Lab) -> None:
    text, status = in_a_guest(lab, "churn", "10000")
    assert status == 0
    left = re.fullmatch(r"10000 connections\n(\d+) KiB less than before\n", text)
    # At most 512 connections wait for stray segments; 180 clients were left open.
    assert left and int(left[1]) < 1024


def test_names_are_asked_for_over_udp(lab: Lab) -> None:
    """A name server of the guest's own, named in the configuration."""
    text, status = in_a_guest(lab, "resolve", "answer.example", net="user",
                              address="10.0.2.15/24")
    assert (status, text) == (0, "nameserver 10.0.2.3\nasked for answer.example: 192.0.2.7\n")


def test_memory_that_is_short_is_an_error_and_no_panic(lab: Lab) -> None:
    text, status = in_a_guest(lab, "flood", memory_mib=16)
    assert status == 0, text
    assert re.search(r"sockets: (No buffer space available|Out of memory|No file descriptors "
                     r"available)", text)
    assert "then it works again\n" in text
