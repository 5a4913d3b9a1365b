"""Unmodified Debian programs in guests print what they print on this machine.

The oracle is the same program with the same root: the archive is unpacked by GNU cpio, and
the program is run there on a pseudo-terminal, in a user namespace of its own.
"""

import ctypes
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest
from capabilities import need
from packaged_programs import APPLETS, PROGRAMS, TEXT, Program

from kernel_magics import Lab
from kernel_magics.build import GuestImage

pytestmark = pytest.mark.guest

TIMEOUT_S = 60
CLONE_NEWUSER = 0x10000000
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "GREETING": "hello"}


@pytest.fixture(scope="module", autouse=True)
def needed():
    need("qemu", "debian", "cpio", "namespaces")


@pytest.fixture(scope="module")
def packages():
    """A lab for the whole module: its images are made once."""
    with Lab(driver="qemu") as lab:
        yield lab


@pytest.fixture(scope="module")
def rooted(tmp_path_factory):
    """A function that unpacks an image's root, once for each archive."""
    places: dict[str, Path] = {}

    def unpack(image: GuestImage) -> Path:
        if image.content_hash not in places:
            place = tmp_path_factory.mktemp("root")
            with image.initrd.open("rb") as stream:
                subprocess.run(["cpio", "-idm", "--quiet", "--no-preserve-owner"], cwd=place,
                               stdin=stream, check=True)
            places[image.content_hash] = place
        return places[image.content_hash]
    return unpack


def enter(root: Path) -> None:
    """Make `root` the root of this process, as root or in a user namespace where it is one."""
    user, group = os.geteuid(), os.getegid()
    if user:
        ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    os.chroot(root)
    os.chdir("/")


def on_this_machine(root: Path, argv: list[str], path: str) -> tuple[int, str]:
    """Run a program of a root on a terminal that leaves its output as it is."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    with subprocess.Popen(argv, executable=path, stdin=subprocess.DEVNULL, stdout=slave,
                          stderr=slave, env=ENV, preexec_fn=lambda: enter(root)) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                text += os.read(master, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
    os.close(master)
    return process.returncode, text.decode("utf-8", "replace")


def in_a_guest(lab: Lab, image: GuestImage, argv: list[str], **boot) -> tuple[int, str]:
    guest = lab.boot(image, argv=argv, env=ENV, **boot)
    status = guest.wait(timeout=TIMEOUT_S)
    return status, guest.console.text


@pytest.mark.parametrize("applet", APPLETS)
def test_an_applet_of_busybox_does_what_it_does_here(packages, rooted, applet):
    image = packages.package("busybox-static", files={"/srv/text": TEXT})
    argv = ["busybox", *APPLETS[applet]]
    root = rooted(image)
    assert in_a_guest(packages, image, argv) == on_this_machine(root, argv, "/bin/busybox")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_prints_what_it_prints_here(packages, rooted, program: Program):
    image = packages.package(program.package, packages=program.more, argv=program.argv,
                             files=program.files)
    there = in_a_guest(packages, image, program.argv)
    here = on_this_machine(rooted(image), program.argv, image.rc[0]["bin"])
    assert there == here
    assert there[1]
